"""Standard input and output as they may be: closed, full, a pipe, a terminal that went away, one without colours."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def prepare() -> None:
    """Give a program that was started without input or output (``>&-``) empty ones, before a file takes their place.

    What an output's encoding has no sign for (a file name, a frame around help) is written as an escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            silence(number)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 (until the end)
    out = sys.stdout  # a notebook's own has no encoding
    if isinstance(out, io.TextIOWrapper) and (out.errors == "strict" or codecs.lookup(out.encoding).name != "utf-8"):
        out.reconfigure(errors="backslashreplace")


def silence(*streams: int) -> None:
    """Let nothing more come into 0 (input), or out of 1 (output) and 2 (errors)."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in streams:
        os.dup2(nowhere, stream)
    if nowhere not in streams:
        os.close(nowhere)


@contextmanager
def expendable(name: str) -> Iterator[None]:
    """Let work go on where its words can't be written: what "stdout" or "stderr" refuses is dropped from then on."""
    stream = getattr(sys, name)
    setattr(sys, name, _Expendable(stream))
    try:
        yield
    finally:
        getattr(sys, name).flush()
        setattr(sys, name, stream)


class _Expendable:
    """A stream that turns into nowhere once the system refuses a write (a full disk, a pipe whose reader left)."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, or drop it."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        self._try(self._stream.flush)

    def _try(self, call: Any, *arguments: str) -> None:
        try:
            call(*arguments)
        except OSError:
            silence(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def has_colours() -> bool:
    """Whether standard output shows colours: a terminal, unless NO_COLOR or TERM=dumb says otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
