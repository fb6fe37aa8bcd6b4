"""Standard input and output as they may be: closed, full, a pipe, a terminal that went away, one without colours."""

import os
import sys


def open_closed() -> None:
    """Give a program that was started without input or output (``>&-``) empty ones, before a file takes their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            silence(number)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 (until the end)


def silence(*streams: int) -> None:
    """Let nothing more come into 0 (input), or out of 1 (output) and 2 (errors)."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in streams:
        os.dup2(nowhere, stream)
    if nowhere not in streams:
        os.close(nowhere)


def has_colours() -> bool:
    """Whether standard output shows colours: a terminal, unless NO_COLOR or TERM=dumb says otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
