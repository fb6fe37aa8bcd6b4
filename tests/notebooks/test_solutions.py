"""Every hidden solution passes the check of its exercise, and the check says no to the unanswered exercise.

A notebook's exercise is a cell with a blank answer, then a cell whose last line is ``print(check_...(...))``, then a
hidden solution: a ``<details>`` block whose first Python block is what a learner would type instead.
"""

import ast
import contextlib
import io
import json
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```", re.DOTALL)
PASSED = ("Right", "Fits")


def cells_of(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells if not only_shows(cell)]


def only_shows(cell):
    """Timings and pictures: volatile cells that define nothing are of no use to a solution."""
    if "nbval-ignore-output" not in cell["metadata"].get("tags", []):
        return False
    return all(isinstance(statement, ast.Expr) for statement in ast.parse("".join(cell["source"])).body)


def last_solution(path):
    """The place of the last cell with a hidden solution; -1 in a notebook without exercises."""
    places = [i for i, (kind, source) in enumerate(cells_of(path)) if kind == "markdown" and SOLUTION.search(source)]
    return max(places, default=-1)


def printed(source, names):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source, names)
    return out.getvalue()


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if last_solution(path) >= 0], ids=lambda path: path.stem)
def test_every_hidden_solution_is_right_and_a_blank_is_not(path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(path.parent)
    names, check, said = {"display": lambda *_: None}, "", ""
    for kind, source in cells_of(path)[: last_solution(path) + 1]:
        if kind == "code":
            said, check = printed(source, names), source.strip().splitlines()[-1]
            plt.close("all")
        solution = SOLUTION.search(source) if kind == "markdown" else None
        if solution:
            assert check.startswith("print(check_"), f"no check before the solution:\n{source}"
            assert not said.startswith(PASSED), f"{check} accepts the blank answer"
            exec(solution[1], names)
            assert printed(check, names).startswith(PASSED), f"{check} refuses the hidden solution"
