"""A study as a command: ``python -m studies.NAME``."""

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import tyro

from territory.errors import BadInput

Flag = tyro.conf.FlagCreatePairsOff[bool]  # --json without a --no-json


def run(study: Callable[..., int | None], arguments: list[str] | None = None) -> int:
    """Call a function with the flags of the command line; returns the exit status, 2 for bad input."""
    try:
        return tyro.cli(study, prog=f"python -m studies.{Path(inspect.getfile(study)).stem}", args=arguments) or 0
    except BadInput as error:
        print(f"studies: {error}", file=sys.stderr)
        return 2


def one_of(known: Iterable[str], names: Iterable[str]) -> list[str]:
    """The names, each of which must be known."""
    if unknown := sorted({*names} - {*known}):
        raise BadInput(f"expected names out of {'; '.join(known)}; got {'; '.join(unknown)}")
    return list(names)
