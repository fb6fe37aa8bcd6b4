"""Files, once: written whole or not at all, read only where they are files, and no larger than expected.

Whatever the operating system refuses (a full disk, a read-only folder, a name that can't be) becomes a `BadInput` that
says so; a file that was there before is there still.
"""

import errno
import io
import json
import os
import shlex
import stat
import subprocess
import weakref
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tokenize import TokenError  # NumPy reads an array's header as Python's own text
from typing import Any, ClassVar

import numpy as np

from territory.errors import BadInput, shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
msvcrt: Any = import_module("msvcrt") if fcntl is None and os.name == "nt" else None

PathLike = str | os.PathLike[str]
LONGEST_HEADER = 10_000  # bytes of an array's header
DEEPEST = 50  # of lists and dictionaries in JSON: what can be read must also be written again
# What zipfile and NumPy raise for bytes that are no archive of arrays; RuntimeError: packed in a way that is unknown.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, TokenError, SyntaxError, ValueError, EOFError, OSError, RuntimeError, MemoryError,
    TypeError,
)  # fmt: skip


def as_path(path: Any, what: str = "file") -> Path:
    """A path; BadInput for what can't be one, such as a number, which the system would take for an open file."""
    try:
        return Path(path)
    except TypeError as error:
        raise BadInput(f"expected the path of a {what}, got {shown(path)}") from error


def as_typed(path: PathLike) -> str:
    """A path as it is typed into a shell behind a command's name: quoted, and not taken for a flag."""
    text = os.fspath(path)
    text = os.path.join(os.curdir, text) if text.startswith("-") else text
    return shlex.quote(text) if os.name == "posix" else subprocess.list2cmdline([text])


def read_bytes(path: PathLike, most: int, what: str = "file") -> bytes:
    """The content of a regular file of at most ``most`` bytes; ``what`` it should be, for the message.

    Raises:
        BadInput: it is missing, not a regular file (a FIFO or device would block, or never end), too large, unreadable.
    """
    with open_regular(path, most, what) as file:
        return file.read(os.fstat(file.fileno()).st_size)


@contextmanager
def open_regular(path: PathLike, most: int, what: str = "file"):
    """A regular file of at most ``most`` bytes, open for reading bytes; errors as of `read_bytes`."""
    path = as_path(path, what)
    try:
        # A FIFO opened as usual would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise BadInput(f"no {what} at {_shown(path)}: was it moved, or is the name misspelt?") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadInput(f"{_shown(path)}: expected a {what}, but it can't be opened ({_reason(error)})") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise BadInput(f"{path}: expected a {what}, got {_kind(found.st_mode)}")
    with open(descriptor, "rb") as file:
        if found.st_size > most:
            raise BadInput(f"{path}: expected a {what} of at most {most:,} bytes, got {found.st_size:,}")
        try:
            yield file
        except OSError as error:  # such as a disk's, or what only looks like a file (/proc/self/mem)
            raise BadInput(f"{path}: expected a {what}, but it can't be read ({_reason(error)})") from error


def read_arrays(path: PathLike, most: Mapping[str, int], what: str) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file; nothing is unpacked before its size is known, and nothing in it is ever run.

    ``most``: the names that there may be, each with the most bytes that its array may have; ``what`` the file should
    be, for the message. Raises BadInput: it is no such file, damaged, or holds something else, or too much.
    """
    data = read_bytes(path, sum(most.values()) + 65536, what)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(set(names)) != len(names) or not set(names) <= set(most):
                raise ValueError(f"it should hold {', '.join(most)}, and holds {', '.join(names)[:200]}")
            pairs = zip(names, members, strict=True)
            return {name: _array(archive, member, most[name]) for name, member in pairs}
    except DAMAGE as error:
        raise BadInput(f"{path} is not a {what}, or a damaged one ({_reason(error)})") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> np.ndarray:
    """One member as an array; no more of it is unpacked than the archive says that it has."""
    if member.file_size > most + LONGEST_HEADER:
        raise ValueError(f"{member.filename} has {member.file_size:,} bytes, which is more than was expected")
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False, max_header_size=LONGEST_HEADER)
    if array.dtype.kind not in "biuf" or array.nbytes > most:
        raise ValueError(f"{member.filename} is {array.dtype} {array.shape}, which is more or other than was expected")
    return array


def parse_json(text: str | bytes, what: str) -> Any:
    """What a JSON text says.

    Raises BadInput: it is no JSON, not UTF-8, nested too deeply, or holds a number of thousands of digits.
    """
    try:
        tree = json.loads(text)
        _check_depth(tree, DEEPEST)
        return tree
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} is damaged: it is no JSON that can be read ({_reason(error)})") from error


def _check_depth(tree: Any, left: int) -> None:
    if left == 0:
        raise ValueError(f"nested more than {DEEPEST} deep")
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _check_depth(below, left - 1)


@contextmanager
def write_whole(path: PathLike) -> Iterator[Path]:
    """A path to write to, in ``path``'s folder, which is made; it becomes ``path`` at the end, or vanishes on an error.

    A crash or a power cut at any moment leaves the old file or the new one.

    Raises BadInput: the file can't be written, or something that is no file has that name.
    """
    check_writable(path)
    with writing(path):
        target = Path(os.path.realpath(path))  # behind a link, so that the link stays one
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.stem[:100]}.{os.getpid()}{target.suffix}")
        try:
            yield unfinished
            with open(unfinished, "rb+") as file:
                os.fsync(file.fileno())
            _move(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def writing(path: PathLike) -> Iterator[None]:
    """What the system refuses inside (a full disk, a read-only folder) becomes a `BadInput` that names ``path``."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:  # the latter: TensorBoard's, of a folder whose name is no UTF-8
        raise BadInput(f"{_shown(path)} can't be written ({_reason(error)})") from error


def write_atomically(path: PathLike, data: bytes) -> None:
    """Replace a file's content, whole or not at all (see `write_whole`)."""
    with write_whole(path) as unfinished:
        unfinished.write_bytes(data)


def check_writable(path: PathLike, name: str = "") -> None:
    """Say before the work is done that a file can't be written there; ``name`` of the flag or argument that asked.

    Raises BadInput: a folder, device or FIFO has that name, or the name can't be one; the folder can only be read.
    """
    says, path = f"{name}: " if name else "", as_path(path)
    try:
        folder = next(each for each in Path(os.path.realpath(path)).parents if each.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"no permission to write into {folder}")
        found = os.stat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise BadInput(f"{says}{_shown(path)} can't be written ({_reason(error)})") from error
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{says}expected a file to write, and {path} is {_kind(found.st_mode)}")


def _move(source: Path, target: Path) -> None:
    """Give a file its final name, in a way that survives a power cut."""
    os.replace(source, target)
    if os.name == "posix":  # the new name itself is only safe once the folder is written too
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class FolderLock:
    """Keeps other processes from working in a folder, until it is released, collected, or the process ends.

    Raises BadInput: another process holds the folder, which ``what`` names.
    """

    _held: ClassVar["weakref.WeakValueDictionary[tuple[int, int], FolderLock]"] = weakref.WeakValueDictionary()
    _descriptor: int | None = None

    def __new__(cls, folder: PathLike, what: str = "folder") -> "FolderLock":
        """The lock of this process on the folder: a second one in the same process is the same one."""
        found = os.stat(folder)
        key = (found.st_dev, found.st_ino)
        held = cls._held.get(key)
        if held is None:
            held = super().__new__(cls)
            held._descriptor = _locked(folder, what)
            cls._held[key] = held
        return held

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _locked(folder: PathLike, what: str) -> int | None:
    """An open descriptor that holds a folder, on Windows of a file in it; None where its file system has no locks."""
    if fcntl is None and msvcrt is None:
        return None
    inside = os.path.join(folder, ".lock")
    descriptor = os.open(inside, os.O_RDWR | os.O_CREAT) if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        if fcntl is None:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if fcntl is not None and not isinstance(error, BlockingIOError):
            return None
        raise BadInput(f"the {what} {folder} is in use by another process: wait for it, or stop it first") from error
    return descriptor


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_one, name in kinds if is_one(mode)), "a device")


def _shown(path: PathLike) -> str:
    """A name that a message can hold."""
    text = os.fspath(path).encode("unicode_escape").decode()
    return text if len(text) <= 200 else f"{text[:200]}…"


def _reason(error: Exception) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
