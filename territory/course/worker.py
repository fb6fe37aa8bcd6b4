"""The other process of ``territory grade``: it runs a learner's cells and our checks, and writes a line for each check.

A learner's cells live in a namespace of their own. Before each check the library, and what our own cells have defined,
is compared with what it was: who changes one of our functions is told so instead of being graded.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import torch

import territory
from territory.course.checks import one_line, shown
from territory.course.exercises import names_bound, parsed

# What decides nothing: it takes long to import, or needs more than is installed.
APART = ("territory.__main__", "territory.cli", "territory.viz", "territory.widgets", "territory.envs.sb3")
SEALED = ("builtins", "functools", "math", "numpy", "numpy.linalg", "re", "torch", "torch.nn.functional")
CONSTANT = (bool, int, float, str, bytes, tuple, frozenset)
LARGEST_FILE = 10**8  # bytes
MAGIC = re.compile(r"([ \t]*)(%{1,2}[a-z].*|[!?].*|[\w.]+\?{1,2}[ \t]*)", re.IGNORECASE)  # a notebook's own lines

Parts = dict[str, tuple[Any, ...]]  # what a name stands for, and what that is made of


def work() -> None:
    """Read a plan from the standard input, run it, and write a line for each check to the standard output."""
    plan = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (plan["bytes"], plan["bytes"]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    ours: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    theirs: dict[str, Any] = dict(ours)
    for name in _modules_in(territory.__path__, "territory."):
        importlib.import_module(name)
    sealed, mine, stopped, broken = _library(), Parts(), "", ""  # before anything of a submission has run
    for step in plan["steps"]:
        if step["kind"] == "ours":
            broken = _run(step["source"], ours, "<ours>") or broken
            theirs |= {name: ours[name] for name in names_bound(step["source"]) if name in ours}
            mine = _parts(ours, "")
        elif step["kind"] == "theirs":
            stopped = _run(without_magic(step["source"]), theirs, "<answer>") or stopped
            torch.set_default_dtype(torch.float32)  # what a learner sets for all of torch holds in one cell
            torch.set_default_device(None)
            torch.set_grad_enabled(True)
        else:
            changed = _differs(sealed, _library()) or _differs(mine, _parts(ours, ""))
            said = _checked(step, ours, theirs, changed, stopped, broken)
            out.write(f"{plan['secret']} {step['check']} {said}\n")
            stopped = ""
    out.flush()
    os._exit(0)


def without_magic(source: str) -> str:
    """A cell's Python; if it is none as it stands, with `pass` in lines that only a notebook understands."""
    if parsed(source):  # a line of Python may begin with % too
        return source
    return "\n".join(MAGIC.sub(r"\1pass", line) if MAGIC.fullmatch(line) else line for line in source.splitlines())


def _run(source: str, names: dict[str, Any], where: str) -> str:
    """Run a cell; says how it stopped, or nothing."""
    try:
        exec(compile(source, where, "exec"), names)
    except BaseException as error:
        return f"{type(error).__name__} ({shown(error, quoted=False)})"
    return ""


def _checked(step: dict[str, Any], ours: dict, theirs: dict, changed: str, stopped: str, broken: str) -> str:
    if changed:
        return f"Refused: this submission changes {changed}."
    if step["check"] not in ours:
        return one_line(f"Refused: a cell of the course before this check stopped with {broken}.")
    said = ours[step["check"]](*[theirs.get(name) for name in step["names"]])
    if stopped and not said.startswith("Right"):
        said = f"Not yet: your cell stopped with {stopped}."
    return one_line(said)


def _library() -> Parts:
    """The parts of the library, and of what it rests on, by their full names, as they are now."""
    parts: Parts = {}
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and (name in SEALED or _own(name)):
            parts |= {f"{name}.{inner}": made_of for inner, made_of in _parts(vars(module), name).items()}
    return parts


def _modules_in(folders: Iterable[str], prefix: str) -> Iterator[str]:
    """The names of all modules that may decide something; `pkgutil.walk_packages` would import the others too."""
    for each in pkgutil.iter_modules(folders, prefix):
        if each.name not in APART:
            yield each.name
            if each.ispkg:
                yield from _modules_in(importlib.import_module(each.name).__path__, f"{each.name}.")


def _differs(parts: Parts, now: Parts) -> str:
    """The first name that doesn't stand for what it stood for; nothing if all do."""
    for name, was in parts.items():
        found = now.get(name, ())
        if len(found) != len(was) or any(one is not other for one, other in zip(found, was, strict=True)):
            return name
    return ""


def _parts(names: Mapping[str, Any], module: str) -> Parts:
    """Functions, classes with their methods, and in the course's own modules and cells the constants too."""
    parts: Parts = {}
    for name, value in list(names.items()):
        if callable(value) or (isinstance(value, CONSTANT) and _own(module)):
            parts[name] = tuple(_made_of(value))
        if isinstance(value, type) and value.__module__ == (module or "__main__") and value.__module__ != "builtins":
            inside = {f"{name}.{inner}": each for inner, each in vars(value).items()}
            methods = {inner: each for inner, each in inside.items() if callable(each) or isinstance(each, property)}
            parts |= {inner: tuple(_made_of(each)) for inner, each in methods.items()}
    return parts


def _own(module: str) -> bool:
    return not module or module.partition(".")[0] == "territory"


def _made_of(value: Any, depth: int = 3) -> Iterator[Any]:
    """A value and, of a function, its code, its defaults and the functions that it holds."""
    yield value
    if isinstance(value, FunctionType) and depth:
        yield from (value.__code__, value.__defaults__, value.__kwdefaults__)
        for cell in value.__closure__ or ():
            with contextlib.suppress(ValueError):  # a cell that is still empty
                if isinstance(cell.cell_contents, FunctionType):
                    yield from _made_of(cell.cell_contents, depth - 1)
