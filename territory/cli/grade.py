"""``territory grade``: which checks of the course a submitted notebook passes."""

import csv as tables
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from territory.errors import BadInput

if TYPE_CHECKING:
    from territory.course.grade import Grade

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet's formula begins with


def grade(
    notebooks: tyro.conf.Positional[list[str]],
    course: str | None = None,
    seconds: float = 300,
    gigabytes: float = 8,
    csv: Annotated[tyro.conf.FlagCreatePairsOff[bool], tyro.conf.arg(name="csv")] = False,
) -> int:
    """Run submitted notebooks and say which checks they pass; their saved outputs are not believed.

    Args:
        notebooks: Learners' copies of notebooks of the course, or folders of them.
        course: The folder with our notebooks; by default those that came with this package.
        seconds: For each submission.
        gigabytes: Of memory, for each submission.
        csv: Print a table with one row for each exercise.
    """
    from territory.cli.lab import shipped_course
    from territory.course.grade import grade as graded
    from territory.course.grade import submissions_in

    if not seconds > 0 or not gigabytes > 0:
        raise BadInput(f"expected a time and a memory above 0, got {seconds:g} seconds and {gigabytes:g} gigabytes")
    folder = Path(course) if course else shipped_course()
    table = tables.writer(sys.stdout)
    if csv:
        table.writerow(("submission", "notebook", "exercise", "result", "sentence"))
    status = 0
    for path in submissions_in(notebooks):
        try:
            grades = graded(path, folder, seconds, gigabytes)
        except BadInput as error:  # one file that is no notebook of ours doesn't stop the class
            print(f"territory: {error}", file=sys.stderr)
            status = 2
            continue
        if csv:
            table.writerows(map(_safe, map(astuple, grades)))
        else:
            _tell(path, grades)
        sys.stdout.flush()
    return status


def _safe(row: Sequence[str]) -> list[str]:
    """Cells that no spreadsheet takes for a formula, and that every encoding has: names and answers are a learner's."""
    cells = [cell.encode("utf-8", "backslashreplace").decode() for cell in row]
    return ["'" + cell if cell.startswith(FORMULA) else cell for cell in cells]


def _tell(path: Path, grades: Sequence["Grade"]) -> None:
    right = sum(each.result == "right" for each in grades)
    lines = [f"{path}: {right} of {len(grades)} right"]
    lines += [f"  {each.exercise:18} {each.result:10} {each.sentence}" for each in grades]
    print("\n".join(lines).encode("utf-8", "backslashreplace").decode())
