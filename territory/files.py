"""Files, once: written whole or not at all, read only where they are files, and no larger than expected.

Whatever the operating system refuses (a full disk, a read-only folder, a name that can't be) becomes a `BadInput` that
says so; a file that was there before is there still.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from territory.errors import BadInput

PathLike = str | os.PathLike[str]


def read_bytes(path: PathLike, most: int, what: str = "file") -> bytes:
    """The content of a regular file of at most ``most`` bytes; ``what`` it should be, for the message.

    Raises:
        BadInput: it is missing, not a regular file (a FIFO or device would block, or never end), too large, unreadable.
    """
    with open_regular(path, most, what) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise BadInput(f"{path}: expected a {what}, but it can't be read ({error.strerror or error})") from error
    if len(data) > most:
        raise BadInput(f"{path}: expected a {what} of at most {most:,} bytes; it grew while it was read")
    return data


@contextmanager
def open_regular(path: PathLike, most: int, what: str = "file"):
    """A regular file of at most ``most`` bytes, open for reading bytes; errors as of `read_bytes`."""
    try:
        # A FIFO opened as usual would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise BadInput(f"no {what} at {path}: was it moved, or is the name misspelt?") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadInput(f"{_shown(path)}: expected a {what}, but it can't be opened ({_reason(error)})") from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(f"{path}: expected a {what}, got {_kind(found.st_mode)}")
        if found.st_size > most:
            raise BadInput(f"{path}: expected a {what} of at most {most:,} bytes, got {found.st_size:,}")
        yield file


@contextmanager
def write_whole(path: PathLike) -> Iterator[Path]:
    """A path to write to, in ``path``'s folder, which is made; it becomes ``path`` at the end, or vanishes on an error.

    A crash or a power cut at any moment leaves the old file or the new one.

    Raises:
        BadInput: the file can't be written, or something that is no file has that name.
    """
    check_writable(path)
    try:
        target = Path(os.path.realpath(path))  # behind a link, so that the link stays one
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.stem[:100]}.{os.getpid()}{target.suffix}")
        try:
            yield unfinished
            sync(unfinished)
            move(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{_shown(path)} can't be written ({_reason(error)}); nothing was changed") from error


def write_atomically(path: PathLike, data: bytes) -> None:
    """Replace a file's content, whole or not at all (see `write_whole`)."""
    with write_whole(path) as unfinished:
        unfinished.write_bytes(data)


def check_writable(path: PathLike, name: str = "") -> None:
    """Say before the work is done that a file can't be written there; ``name`` of the flag or argument that asked.

    Raises:
        BadInput: a folder, device or FIFO has that name, or the name can't be one.
    """
    says = f"{name}: " if name else ""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise BadInput(f"{says}{_shown(path)} can't be written ({_reason(error)})") from error
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{says}expected a file to write, and {path} is {_kind(found.st_mode)}")


def sync(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def move(source: Path, target: Path) -> None:
    """Give a file or folder its final name, in a way that survives a power cut."""
    os.replace(source, target)
    if os.name == "posix":  # the new name itself is only safe once the folder is written too
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_one, name in kinds if is_one(mode)), "a device")


def _shown(path: PathLike) -> str:
    """A name that a message can hold."""
    text = os.fspath(path).encode("unicode_escape").decode()
    return text if len(text) <= 200 else f"{text[:200]}…"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
