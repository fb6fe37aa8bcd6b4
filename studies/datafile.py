"""Runs that took minutes each, kept as small JSON files: one run a line, added as soon as it has ended."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from territory.data import DATA
from territory.files import write_atomically

__all__ = ["DATA", "add", "by_network", "kept", "load", "save"]

Run = dict[str, Any]
Row = TypeVar("Row")  # a dataclass


def load(path: Path, **fields: Any) -> list[Run]:
    """The runs in a data file, of those only that have these ``fields``; none if there is no such file."""
    runs = json.loads(path.read_text()) if path.exists() else []
    return [run for run in runs if all(run[name] == value for name, value in fields.items())]


def save(path: Path, runs: list[Run], key: Callable[[Run], Any] | None = None) -> None:
    """Write a data file whole or not at all, one run a line, in the order of ``key``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(run) for run in (sorted(runs, key=key) if key else runs))
    write_atomically(path, f"[\n{lines}\n]\n".encode())


def add(path: Path, run: Run, key: Callable[[Run], Any]) -> None:
    """Add a run to a data file as it is now: others may have added theirs since."""
    save(path, [*load(path), run], key)


def kept(path: Path, rows: list[Row], key: str | tuple[str, ...], settings: Run) -> list[Row]:
    """Add rows, measured with these ``settings``, to a data file; those it had of the same ``key`` are replaced."""
    names = (key, *settings) if isinstance(key, str) else (*key, *settings)
    new = [settings | asdict(row) for row in rows]  # pyright: ignore[reportArgumentType] -- rows are dataclasses
    measured = [tuple(run[name] for name in names) for run in new]
    others = [run for run in load(path) if tuple(run.get(name) for name in names) not in measured]
    save(path, others + new)
    return rows


def by_network(run: Run) -> tuple[str, int, int]:
    """The order in which runs of networks are kept."""
    return run["network"], run.get("side", 0), run["seed"]
