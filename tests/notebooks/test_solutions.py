"""Every hidden solution passes the check of its exercise, and the check says no to the unanswered exercise.

A notebook's exercise is a cell with a blank answer, then a cell whose last line is ``print(check_...(...))``, then a
hidden solution: a ``<details>`` block whose first Python block is what a learner would type instead.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import matplotlib
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```", re.DOTALL)
PASSED = ("Right", "Fits")


def cells_of(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        yield cell["cell_type"], "".join(cell["source"]), "nbval-ignore-output" in cell["metadata"].get("tags", [])


def solutions_of(path):
    return [source for kind, source, _ in cells_of(path) if kind == "markdown" and SOLUTION.search(source)]


def printed(source, names):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source, names)
    return out.getvalue()


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if solutions_of(path)], ids=lambda path: path.stem)
def test_every_hidden_solution_is_right_and_a_blank_is_not(path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(path.parent)
    names, check, said = {"__name__": "__main__"}, "", ""
    for kind, source, volatile in cells_of(path):
        if kind == "code" and not volatile:  # timings and pictures hold no solution
            said, check = printed(source, names), source.strip().splitlines()[-1]
        solution = SOLUTION.search(source) if kind == "markdown" else None
        if solution:
            assert check.startswith("print(check_"), f"no check before the solution:\n{source}"
            assert not said.startswith(PASSED), f"{check} accepts the blank answer"
            exec(solution[1], names)
            assert printed(check, names).startswith(PASSED), f"{check} refuses the hidden solution"
