"""The exercises of a notebook: a blank answer, a check, a hidden solution; and the cells that each of them needs.

By the course's convention an exercise is a code cell with a blank answer, later a code cell that ends in
``print(check_...(names))``, then a Markdown cell whose ``<details>`` block holds the solution.
"""

import ast
import builtins
import dis
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from territory.errors import BadInput
from territory.files import read_bytes

SOLUTION = re.compile(r"<details>.*?</details>", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
CALL = re.compile(r"^print\((check_\w+)\(([\w, ]*)\)\)\s*$", re.MULTILINE)
MOST_BYTES = 50_000_000  # of a notebook file


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook."""

    id: str
    kind: str  # "code" or "markdown"
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is checked, by what, and the solution's code."""

    check: str  # the name of the check function
    names: tuple[str, ...]  # what the check is given
    answer: int  # the place of the blank answer among the notebook's cells
    call: int  # the place of the cell that calls the check
    solution: str
    graded: bool = True  # False where the call's cell has the tag "by-hand": another machine can't tell


def read_cells(path: Path) -> list[Cell]:
    """The cells of a notebook file. Raises BadInput for a file that is none."""
    data = read_bytes(path, MOST_BYTES, "notebook")
    try:
        notebook = json.loads(data)
        if not isinstance(notebook["cells"], list):
            raise TypeError("its cells are no list")
        found = []
        for cell in notebook["cells"]:
            metadata = cell.get("metadata")
            tags = metadata.get("tags") if isinstance(metadata, dict) else None
            words = tuple(map(str, tags)) if isinstance(tags, list) else ()
            found.append(Cell(str(cell.get("id", "")), str(cell["cell_type"]), "".join(cell["source"]), words))
        return found
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: expected a Jupyter notebook. Was it saved as something else?") from error


def exercises_of(cells: Sequence[Cell]) -> list[Exercise]:
    """All exercises in order."""
    found = []
    for place, cell in enumerate(cells):
        if cell.kind != "code":
            continue
        for name, arguments in CALL.findall(cell.source):
            names = tuple(word.strip() for word in arguments.split(","))
            hidden = next(filter(None, (SOLUTION.search(each.source) for each in cells[place + 1 :])), None)
            code = CODE.search(hidden[0]) if hidden else None
            blanks = [p for p in range(place) if cells[p].kind == "code" and names_bound(cells[p].source) & set(names)]
            answer = blanks[-1] if blanks else place
            graded = "by-hand" not in cell.tags
            found.append(Exercise(name, names, answer, place, code[1] if code else "", graded))
    return found


def needed(cells: Sequence[Cell], goal: int, more: str = "") -> list[int]:
    """The places of the code cells that the cell ``goal`` (and the code ``more``) needs, in order, without itself.

    A cell is needed if it binds, or changes by assignment, a name that a needed cell uses.
    """
    wanted = _names_taken(cells[goal].source) | _names_taken(more)
    modules = {name for cell in cells if cell.kind == "code" for name in _imported(cell.source)}
    chosen: list[int] = []
    for place in reversed(range(goal)):
        source = cells[place].source
        if cells[place].kind == "code" and wanted & (names_bound(source) - modules | _imported(source)):
            chosen.append(place)
            wanted |= _names_taken(source)
    return chosen[::-1]


def parsed(source: str) -> tuple[ast.Module, CodeType] | None:
    """A cell's syntax and what Python makes of it; None for what is no Python, or is nested too deeply."""
    try:
        tree = ast.parse(source)
        return tree, compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def names_bound(source: str) -> set[str]:
    """Names that a cell's own level binds or may change: ``a = 1``, ``def a``, ``a[0] = 1``, ``a.b = 1``, ``a.c()``."""
    if (cell := parsed(source)) is None:
        return set()
    found = {each.argval for each in dis.get_instructions(cell[1]) if each.opname == "STORE_NAME"}
    for node in _own_level(cell[0]):
        match node:
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                found |= _front_of(node)
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                found |= _front_of(method)
    return found


def _front_of(node: ast.expr) -> set[str]:
    """``a`` of ``a.b[0].c``; nothing where something else than a name stands there."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _own_level(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes but those inside functions and classes."""
    waiting = [tree]  # Python 3.13 parses what is nested deeper than its functions may be
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                waiting.append(node)


def _names_taken(source: str) -> set[str]:
    """Names that a cell takes from cells before it."""
    cell = parsed(source)
    return set() if cell is None else _taken(cell[1], dir(builtins))


def _taken(code: CodeType, known: Iterable[str]) -> set[str]:
    """The global names that code reads, also inside its functions and classes, before it has bound them itself."""
    bound, used = set(known), set()
    for each in dis.get_instructions(code):
        if isinstance(each.argval, CodeType):
            used |= _taken(each.argval, bound)
        elif each.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            used |= {each.argval} - bound
        elif each.opname == "STORE_NAME":
            bound.add(each.argval)
    return used


def _imported(source: str) -> set[str]:
    """The names that a cell imports."""
    cell = parsed(source)
    imports = [each for each in cell[0].body if isinstance(each, ast.Import | ast.ImportFrom)] if cell else []
    return {alias.asname or alias.name.partition(".")[0] for each in imports for alias in each.names}
