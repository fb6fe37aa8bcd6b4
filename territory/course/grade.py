"""Which checks a submitted notebook passes, found by running it: its answers, and nothing else of it, are trusted.

Three things keep a submission honest. What runs between its answers are the cells of *our* notebook; its outputs are
never read. Its cells live in a namespace of their own, so that they can't rename what a check looks at. And the
library is compared, before each check, with what it was: a submission that changes one of our functions is told so.
It runs in a process of its own with a limit of time and of memory; for strangers' code use a container as well.
"""

import ast
import builtins
import contextlib
import importlib
import json
import os
import pkgutil
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import territory
from territory.course.checks import one_line, shown
from territory.course.exercises import Cell, Exercise, exercises_of, names_bound, needed, read_cells
from territory.errors import BadInput

SECONDS, GIGABYTES = 300, 8.0  # by default, for one submission
SHOWS = ("__main__", "cli", "viz", "widgets")
RESULTS = ("right", "not yet", "no answer", "stopped")


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
    path = _notebook_of(submission, theirs, course)
    cells = read_cells(path)
    exercises = exercises_of(cells)
    answers, lost = _run(_plan(cells, exercises, theirs), seconds, gigabytes)
    grades = []
    for exercise in exercises:
        said = answers.get(exercise.check)
        result = "stopped" if said is None else _result(said)
        grades.append(Grade(str(submission), path.stem, exercise.check, result, said or lost))
    return grades


def submissions_in(paths: Sequence[str]) -> list[Path]:
    """The notebooks that are named, and those in folders that are named."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    if not found:
        raise BadInput(f"expected notebooks, or folders of them; got {', '.join(paths) or 'none'}")
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def _result(said: str) -> str:
    words = {"Right": "right", "No answer yet": "no answer", "Refused": "stopped"}
    return next((result for beginning, result in words.items() if said.startswith(beginning)), "not yet")


def _notebook_of(submission: Path, theirs: Sequence[Cell], course: Path) -> Path:
    """Our notebook that shares most cells with a submission."""
    mine = {cell.id for cell in theirs} | {cell.source for cell in theirs}
    shared = {}
    for path in sorted(course.glob("*.ipynb")):
        cells = read_cells(path)
        shared[path] = sum(cell.id in mine or cell.source in mine for cell in cells) / max(1, len(cells))
    best = max(shared, key=lambda path: shared[path], default=None)
    if best is None or shared[best] < 0.2:
        raise BadInput(
            f"{submission}: expected a learner's copy of a notebook of {course}, got one that shares no cells"
        )
    return best


def _plan(cells: Sequence[Cell], exercises: Sequence[Exercise], theirs: Sequence[Cell]) -> list[dict[str, Any]]:
    """What to run, in order: cells of ours that a check or an answer needs, cells of theirs, and the checks."""
    answers = {exercise.answer for exercise in exercises}
    extra = _their_cells(cells, answers, theirs)
    used = "\n".join(source for sources in extra.values() for source in sources)
    wanted: set[int] = set()
    for exercise in exercises:
        wanted |= set(needed(cells, exercise.call, _readable(used)))
    steps: list[dict[str, Any]] = [{"kind": "theirs", "source": source} for source in extra.get(-1, [])]
    for place in range(len(cells)):
        calls = [exercise for exercise in exercises if exercise.call == place]
        if place in wanted or calls:
            steps.append({"kind": "ours", "source": cells[place].source})
        steps += [{"kind": "theirs", "source": source} for source in extra.get(place, [])]
        steps += [{"kind": "check", "check": each.check, "names": each.names} for each in calls]
    return steps


def _their_cells(cells: Sequence[Cell], answers: set[int], theirs: Sequence[Cell]) -> dict[int, list[str]]:
    """Code of a submission that isn't ours, by the place of our cell after which it runs."""
    by_id, by_source = {cell.id: place for place, cell in enumerate(cells)}, {c.source: p for p, c in enumerate(cells)}
    blanks = {name: place for place in answers for name in names_bound(cells[place].source)}
    found: dict[int, list[str]] = {}
    last = -1
    for cell in theirs:
        place = by_source.get(cell.source, by_id.get(cell.id))
        if place is not None:
            last = place
        if cell.kind != "code" or cell.source in by_source or (place is not None and place not in answers):
            continue
        if place is None and (named := [blanks[name] for name in names_bound(cell.source) if name in blanks]):
            last = max(last, min(named))  # cells that lost their ids: an answer stands where its blank stood
        found.setdefault(last, []).append(cell.source)
    return found


def _readable(source: str) -> str:
    """The source without a notebook's magic lines, or nothing if it isn't Python."""
    lines = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?")))
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(lines)
        return lines
    return ""


def _run(steps: list[dict[str, Any]], seconds: float, gigabytes: float) -> tuple[dict[str, str], str]:
    """Sentences by check, and why the others have none."""
    secret = secrets.token_hex(16)
    plan = json.dumps({"secret": secret, "steps": steps, "bytes": int(gigabytes * 1e9)})
    command = [sys.executable, "-c", "from territory.course.grade import work; work()"]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, text=True, errors="replace", start_new_session=os.name == "posix",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            out, _ = process.communicate(plan, timeout=seconds)
            lost = "its process ended before this check"
        except subprocess.TimeoutExpired:
            _stop(process)
            out, _ = process.communicate()
            lost = f"out of time after {seconds:g} seconds"
    answers = [line.removeprefix(secret) for line in out.splitlines() if line.startswith(secret)]
    return dict(line.strip().split(" ", 1) for line in answers), lost


def _stop(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    process.kill()


def work() -> None:
    """The other process: read a plan from the standard input, run it, and write a line for each check."""
    plan = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    _limit(plan["bytes"])
    ours: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    theirs: dict[str, Any] = dict(ours)
    sealed = _seal()
    stopped = ""
    for step in plan["steps"]:
        if step["kind"] == "ours":
            exec(compile(step["source"], "<ours>", "exec"), ours)
            theirs |= {name: ours[name] for name in names_bound(step["source"]) if name in ours}
        elif step["kind"] == "theirs":
            stopped = _run_theirs(step["source"], theirs) or stopped
        else:
            out.write(f"{plan['secret']} {step['check']} {_checked(step, ours, theirs, sealed, stopped)}\n")
            stopped = ""
    out.flush()
    os._exit(0)


def _run_theirs(source: str, names: dict[str, Any]) -> str:
    """Run a learner's cell; says how it stopped, or nothing."""
    try:
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?"))]
        exec(compile("\n".join(lines), "<answer>", "exec"), names)
    except BaseException as error:
        return f"your cell stopped with {type(error).__name__} ({shown(str(error), quoted=False)})"
    return ""


def _checked(step: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], sealed: dict, stopped: str) -> str:
    changed = _changed(sealed)
    if changed:
        return f"Refused: this submission changes {changed}."
    said = ours[step["check"]](*[theirs.get(name) for name in step["names"]])
    return one_line(f"Not yet: {stopped}." if stopped and not said.startswith("Right") else said)


def _limit(most: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**8, 10**8))


def _seal() -> dict[str, dict[str, Any]]:
    """The functions and classes of the library, as they are before anything of a submission has run.

    All but what only shows something, which takes long to import and decides nothing.
    """
    for module in pkgutil.walk_packages(territory.__path__, "territory."):
        if module.name.split(".")[1] not in SHOWS and module.name != f"{__package__}.report":
            importlib.import_module(module.name)
    modules = {name: module for name, module in list(sys.modules.items()) if _is_sealed(name, module)}
    return {name: _parts(module) for name, module in modules.items()}


def _is_sealed(name: str, module: Any) -> bool:
    return isinstance(module, ModuleType) and (
        name in ("builtins", "numpy", "torch", "math") or name.startswith("territory")
    )


def _parts(module: ModuleType) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name, value in list(vars(module).items()):
        if callable(value):
            parts[name] = value
        if isinstance(value, type) and value.__module__ == module.__name__ and module is not builtins:
            parts |= {f"{name}.{inner}": each for inner, each in vars(value).items() if callable(each)}
    return parts


def _changed(sealed: dict[str, dict[str, Any]]) -> str:
    """The first function or class that isn't what it was; nothing if all are."""
    for module, parts in sealed.items():
        now = _parts(sys.modules[module]) if module in sys.modules else {}
        for name, value in parts.items():
            if now.get(name) is not value:
                return f"{module}.{name}"
    return ""
