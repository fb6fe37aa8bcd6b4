"""Runs that took minutes each, kept as small JSON files: one run a line, added as soon as it has ended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from territory.data import DATA
from territory.files import write_atomically

__all__ = ["DATA", "add", "by_network", "load", "save"]

Run = dict[str, Any]


def load(path: Path, **fields: Any) -> list[Run]:
    """The runs in a data file, of those only that have these ``fields``; none if there is no such file."""
    runs = json.loads(path.read_text()) if path.exists() else []
    return [run for run in runs if all(run[name] == value for name, value in fields.items())]


def save(path: Path, runs: list[Run], key: Callable[[Run], Any]) -> None:
    """Write a data file whole or not at all, one run a line, in the order of ``key``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(run) for run in sorted(runs, key=key))
    write_atomically(path, f"[\n{lines}\n]\n".encode())


def add(path: Path, run: Run, key: Callable[[Run], Any]) -> None:
    """Add a run to a data file as it is now: others may have added theirs since."""
    save(path, [*load(path), run], key)


def by_network(run: Run) -> tuple[str, int, int]:
    """The order in which runs of networks are kept."""
    return run["network"], run.get("side", 0), run["seed"]
