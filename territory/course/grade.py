"""Which checks a submitted notebook passes, found by running it: its answers, and nothing else of it, are trusted.

Three things keep a submission honest. What runs between its answers are the cells of *our* notebook; its outputs are
never read. Its cells live in a namespace of their own, so that they can't rename what a check looks at. And the
library is compared, before each check, with what it was: a submission that changes one of our functions is told so.
It runs in a process of its own (``territory.course.worker``) with a limit of time and of memory; for strangers' code
use a container as well.
"""

import ast
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from territory.course.exercises import Cell, Exercise, exercises_of, names_bound, needed, parsed, read_cells
from territory.course.worker import without_magic
from territory.errors import BadInput

SECONDS, GIGABYTES = 300, 8.0  # by default, for one submission
LEAST = 0.2  # of our notebook's cells, from which on a submission is a copy of it
RESULTS = ("right", "not yet", "no answer", "stopped", "by hand")
BY_HAND = "For a reader: this check speaks of a game or of times on the learner's own machine."
WORDS = {"Right": "right", "No answer yet": "no answer", "Refused": "stopped", BY_HAND: "by hand"}  # else "not yet"


@dataclass(frozen=True)
class Grade:
    """What became of one exercise of one submission."""

    submission: str
    notebook: str
    exercise: str  # the name of its check
    result: str  # out of RESULTS
    sentence: str


def grade(submission: Path, course: Path, seconds: float = SECONDS, gigabytes: float = GIGABYTES) -> list[Grade]:
    """Run one submission against the notebook of ``course`` that it belongs to; one grade an exercise."""
    theirs = read_cells(submission)
    path, cells = _notebook_of(submission, theirs, course)
    exercises = exercises_of(cells)
    answers, lost = _run(plan_of(cells, [each for each in exercises if each.graded], theirs), seconds, gigabytes)
    grades = []
    for exercise in exercises:
        said = answers.get(exercise.check, lost) if exercise.graded else BY_HAND
        result = next((result for beginning, result in WORDS.items() if said.startswith(beginning)), "not yet")
        result = "stopped" if said == lost else result
        grades.append(Grade(str(submission), path.stem, exercise.check, result, said))
    return grades


def submissions_in(paths: Sequence[str]) -> list[Path]:
    """The notebooks that are named, and those in folders that are named."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    if not found:
        got = f"{', '.join(paths)}, where none can be found" if paths else "none"
        raise BadInput(f"expected notebooks, or folders of them; got {got}")
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def _notebook_of(submission: Path, theirs: Sequence[Cell], course: Path) -> tuple[Path, list[Cell]]:
    """Our notebook that shares most cells with a submission, and its cells."""
    ours = {path: read_cells(path) for path in sorted(course.glob("*.ipynb"))}
    if not ours:
        raise BadInput(f"expected the folder of the course's notebooks, got {course}, which holds none")
    mine = {cell.id for cell in theirs} | {cell.source for cell in theirs}
    known = {path: sum(each.id in mine or each.source in mine for each in cells) for path, cells in ours.items()}
    best = max(ours, key=lambda path: known[path] / max(1, len(ours[path])))
    wanted = f"{submission}: expected a learner's copy of a notebook of {course}, got one that"
    if known[best] < LEAST * len(ours[best]) or not known[best]:
        shares = f"{known[best]} of {len(ours[best])} cells with {best.name}" if known[best] else "no cells"
        raise BadInput(f"{wanted} shares {shares}")
    rest = {cell.source for cell in theirs} - {cell.source for cell in ours[best]}
    for path, cells in ours.items():
        if sum(each.source in rest for each in cells) > LEAST * len(cells):
            raise BadInput(f"{wanted} holds cells of {best.name} and of {path.name}: hand in a file for each")
    return best, ours[best]


def plan_of(cells: Sequence[Cell], exercises: Sequence[Exercise], theirs: Sequence[Cell]) -> list[dict[str, Any]]:
    """What to run, in order: cells of ours that a check or an answer needs, cells of theirs, and the checks."""
    extra = _their_cells(cells, exercises, theirs)
    added = [without_magic(source) for sources in extra.values() for source in sources]
    used = "\n".join(source for source in added if parsed(source))
    wanted: set[int] = set()
    for exercise in exercises:
        wanted |= set(needed(cells, exercise.call, used))
    steps: list[dict[str, Any]] = [{"kind": "theirs", "source": source} for source in extra.get(-1, [])]
    for place in range(len(cells)):
        calls = [exercise for exercise in exercises if exercise.call == place]
        if place in wanted or calls:
            steps.append({"kind": "ours", "source": cells[place].source})
        steps += [{"kind": "theirs", "source": source} for source in extra.get(place, [])]
        steps += [{"kind": "check", "check": each.check, "names": each.names} for each in calls]
    return steps


def _their_cells(cells: Sequence[Cell], exercises: Sequence[Exercise], theirs: Sequence[Cell]) -> dict[int, list[str]]:
    """Code of a submission that isn't ours, by the place of our cell after which it runs."""
    answers = {exercise.answer for exercise in exercises}
    by_id, by_source = {cell.id: place for place, cell in enumerate(cells)}, {c.source: p for p, c in enumerate(cells)}
    places = [by_source.get(cell.source, by_id.get(cell.id)) for cell in theirs]
    gone = sorted(answers - set(places))  # blanks that a submission lacks: answered, in cells that lost their ids
    found: dict[int, list[str]] = {}
    last = -1
    for cell, place in zip(theirs, places, strict=True):
        if place is not None:
            last = place
        if cell.kind != "code" or cell.source in by_source:
            continue
        if place is not None and place not in answers:
            if added := _added(cell.source, cells[place].source, [each for each in exercises if each.call == place]):
                found.setdefault(place, []).append(added)
            continue
        if place is None:
            names = names_bound(without_magic(cell.source))
            blanks = [blank for blank in gone if names & names_bound(cells[blank].source)]
            last = next((blank for blank in blanks if blank >= last), last if not blanks else blanks[0])
        found.setdefault(last, []).append(cell.source)
    return found


def _added(theirs: str, ours: str, calls: Sequence[Exercise]) -> str:
    """What a changed cell of ours imports, defines and sets without a call: all else in it may take long.

    Of a check's cell whatever is set, too, and what the check is given: an answer may stand there.
    """
    tree = parsed(without_magic(theirs))
    known = {ast.dump(each) for each in ast.parse(ours).body}
    kept: list[str] = []
    for each in (each for each in (tree[0].body if tree else []) if ast.dump(each) not in known):
        match each:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
                kept.append(ast.unparse(each))
            case ast.Assign() | ast.AnnAssign() if calls or not any(isinstance(n, ast.Call) for n in ast.walk(each)):
                kept.append(ast.unparse(each))
            case ast.Expr(value=ast.Call(args=[ast.Call(func=ast.Name(id=check), args=given)])):
                names = next((call.names for call in calls if call.check == check), ())
                kept += [f"{name} = {ast.unparse(value)}" for name, value in zip(names, given, strict=False)]
    return "\n".join(kept)


def _run(steps: list[dict[str, Any]], seconds: float, gigabytes: float) -> tuple[dict[str, str], str]:
    """Sentences by check, and why the others have none."""
    secret = secrets.token_hex(16)
    command = [sys.executable, "-c", "from territory.course.worker import work; work()"]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    # Files instead of pipes: who keeps a pipe open (a child of the submission, say) would make us wait for ever.
    with (
        tempfile.TemporaryFile() as plan,
        tempfile.TemporaryFile() as told,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        plan.write(json.dumps({"secret": secret, "steps": steps, "bytes": int(gigabytes * 1e9)}).encode())
        plan.seek(0)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=os.name == "posix",
            stdin=plan, stdout=told, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(seconds)
            lost = "its process ended before this check"
        except subprocess.TimeoutExpired:
            lost = f"out of time after {seconds:g} seconds"
        finally:
            _stop(process)
        told.seek(0)
        lines = told.read().decode("utf-8", "replace").split("\n")
    said = [line.split(" ", 2) for line in lines if line.startswith(f"{secret} ")]
    return {parts[1]: parts[2] for parts in said if len(parts) == 3}, lost


def _stop(process: subprocess.Popen) -> None:
    """End a process with all that it started, also when it has ended itself."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
