"""The exercises of a notebook: a blank answer, a check, a hidden solution; and the cells that each of them needs.

By the course's convention an exercise is a code cell with a blank answer, later a code cell that ends in
``print(check_...(names))``, then a Markdown cell whose ``<details>`` block holds the solution.
"""

import ast
import builtins
import json
import re
import symtable
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    open: bool = False  # one solution of many: what is nearly the same may be right as well
    graded: bool = True  # False where the call's cell has the tag "by-hand": another machine can't tell


def read_cells(path: Path) -> list[Cell]:
    """The cells of a notebook file. Raises BadInput for a file that is none."""
    data = read_bytes(path, MOST_BYTES, "notebook")
    try:
        notebook = json.loads(data)
        if not isinstance(notebook["cells"], list):
            raise TypeError("its cells are no list")
        return [_cell(cell) for cell in notebook["cells"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: expected a Jupyter notebook. Was it saved as something else?") from error


def _cell(cell: dict) -> Cell:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    words = tuple(map(str, tags)) if isinstance(tags, list) else ()
    return Cell(str(cell.get("id", "")), str(cell["cell_type"]), "".join(cell["source"]), words)


def exercises_of(cells: Sequence[Cell]) -> list[Exercise]:
    """All exercises in order."""
    found = []
    for place, cell in enumerate(cells):
        if cell.kind != "code":
            continue
        for name, arguments in CALL.findall(cell.source):
            names = tuple(word.strip() for word in arguments.split(","))
            solution = next((each for each in cells[place + 1 :] if SOLUTION.search(each.source)), None)
            hidden = SOLUTION.search(solution.source) if solution else None
            code = CODE.search(hidden[0]) if hidden else None
            many = solution is not None and "of many</summary>" in solution.source
            blanks = [p for p in range(place) if cells[p].kind == "code" and names_bound(cells[p].source) & set(names)]
            answer = blanks[-1] if blanks else place
            graded = "by-hand" not in cell.tags
            found.append(Exercise(name, names, answer, place, code[1] if code else "", many, graded))
    return found


def needed(cells: Sequence[Cell], goal: int, more: str = "") -> list[int]:
    """The places of the code cells that the cell ``goal`` (and the code ``more``) needs, in order, without itself.

    A cell is needed if it binds, or changes by assignment, a name that a needed cell uses.
    """
    wanted = _names_used(cells[goal].source) | _names_used(more)
    modules = {name for cell in cells if cell.kind == "code" for name in _imported(cell.source)}
    chosen: list[int] = []
    for place in reversed(range(goal)):
        source = cells[place].source
        if cells[place].kind == "code" and wanted & (names_bound(source) - modules | _imported(source)):
            chosen.append(place)
            wanted |= _names_used(source)
    return chosen[::-1]


def parsed(source: str) -> ast.Module | None:
    """A cell's syntax; None for what is no Python, or is nested too deeply to be looked at."""
    try:
        tree = ast.parse(source)
        ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


def names_bound(source: str) -> set[str]:
    """Names that a cell's own level binds or changes by assignment: ``a = 1``, ``def a``, ``a[0] = 1``, ``a.b = 1``."""
    tree = parsed(source)
    if tree is None:
        return set()
    found: set[str] = set()
    for node in _own_level(tree):
        if isinstance(node, ast.stmt):
            found |= _named(node)
        if isinstance(node, ast.Name) and _stores(node):
            found.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            found |= {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found |= _receiver(node.value.func)
    return found


def _receiver(function: ast.expr) -> set[str]:
    """``a`` of ``a.append(x)`` as a statement of its own: such a call may change a."""
    while isinstance(function, ast.Attribute):
        function = function.value
        if isinstance(function, ast.Name):
            return {function.id}
    return set()


def _own_level(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes but those inside functions and classes."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own_level(node)


def _names_used(source: str) -> set[str]:
    """Names that a cell takes from cells before it: those it uses before it has bound them itself."""
    tree = parsed(source)
    if tree is None:
        return set()
    used: set[str] = set()
    bound = set(dir(builtins))
    for statement in tree.body:
        used |= _free(statement) - bound - _targets(statement)
        bound |= {node.id for node in _own_level(statement) if isinstance(node, ast.Name) and _stores(node)}
        bound |= _targets(statement) | _named(statement)
    return used


def _free(statement: ast.stmt) -> set[str]:
    """The global names that a statement reads, also from inside its functions and comprehensions."""
    try:
        tables = [symtable.symtable(ast.unparse(statement), "cell", "exec")]
    except (SyntaxError, RecursionError):  # an await outside a function, as notebooks allow it, or nested too deeply
        return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    found = {symbol.get_name() for symbol in tables[0].get_symbols() if symbol.is_referenced()}
    while tables:
        inner = tables.pop().get_children()
        found |= {each.get_name() for table in inner for each in table.get_symbols() if each.is_global()}
        tables += inner
    return found


def _targets(statement: ast.stmt) -> set[str]:
    """What loops and with blocks of a statement bind before their bodies run."""
    loops = [node for node in [statement, *_own_level(statement)] if isinstance(node, ast.For | ast.AsyncFor)]
    blocks = [node for node in [statement, *_own_level(statement)] if isinstance(node, ast.With)]
    places: list[ast.expr | None] = [loop.target for loop in loops]
    places += [item.optional_vars for block in blocks for item in block.items]
    return {name.id for place in places if place for name in ast.walk(place) if isinstance(name, ast.Name)}


def _imported(source: str) -> set[str]:
    """The names that a cell imports."""
    tree = parsed(source)
    imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)] if tree else []
    return set().union(*map(_named, imports))


def _named(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return set()


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)
