"""How the game is compiled, kept and run: `kernel`, `entry`, the cache folder, and threads that share a batch.

Numba's own cache looks only at the file a function is written in. Our kernels call each other across files, so a
changed rule would go on being played by the old machine code. Here every state of the sources has a cache folder
of its own. ``python -m territory.world`` fills it beforehand.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ClassVar
from weakref import WeakSet

import numba
from numba.core import event

from territory.errors import BadInput

_USER = os.getuid() if hasattr(os, "getuid") else None  # Windows keeps temporary files apart by itself
_HERE = Path(__file__).parent
# Python around the kernels: no machine code of theirs.
_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] -- Numba declares no types
_njit: Any = numba.njit
_PLAIN = ("__init__.py", "__main__.py", "picture.py", "replay.py", "restore.py", "world.py")


# --- where machine code is kept --------------------------------------------------------------------------------------


@cache
def cache_folder() -> Path | None:
    """Where the machine code of these very sources is kept; None where nothing can be written.

    The first of these that can be written: Numba's own NUMBA_CACHE_DIR, the package's folder, the user's cache, a
    folder of the user's among the temporary ones.
    """
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        if path.name not in _PLAIN:
            sources.update(path.read_bytes())
    name = f"kernels-{sources.hexdigest()[:16]}"
    for parent in _parents():
        folder = parent / name
        if _is_ours(folder):
            _fill_from(_HERE / "__pycache__" / name, folder)
            return folder
    return None


def _parents() -> Iterator[Path]:
    if _config.CACHE_DIR:
        yield Path(_config.CACHE_DIR) / "territory"
    yield _HERE / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        yield Path(home) / "territory"
    with suppress(FileNotFoundError):  # not even a temporary folder
        yield Path(tempfile.gettempdir()) / f"territory-{_USER}"


def _is_ours(folder: Path) -> bool:
    """Whether the folder can be written, and nobody else can have put machine code there for us to run."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        others = folder.stat(), folder.parent.stat()
    except OSError:
        return False
    if folder.parent.name != f"territory-{_USER}" or _USER is None:
        return True
    return all(status.st_uid == _USER and not status.st_mode & 0o022 for status in others)


def _fill_from(packaged: Path, folder: Path) -> None:
    """Take over what was compiled beforehand into an installation that can only be read."""
    if packaged != folder and packaged.is_dir() and not any(folder.iterdir()):
        shutil.copytree(packaged, folder, dirs_exist_ok=True)


class _Announcer(event.Listener):
    """Says why the first game takes a while: when an entry is compiled, and only then."""

    entries: set = set()  # noqa: RUF012 (of the process)
    told = False

    def on_start(self, event) -> None:
        if event.data["dispatcher"] in self.entries and not self.told and sys.stderr:
            self.told = True
            kept = "once" if cache_folder() else "anew in every process: there is no folder to keep it in"
            print(f"territory: compiling the game for this machine, {kept}; half a minute …", file=sys.stderr)

    def on_end(self, event) -> None:
        pass


event.register("numba:compile", _Announcer())


def kernel(function: Callable | None = None, *, inline: bool = False) -> Any:
    """Compile a function that only kernels call; a decorator with or without arguments.

    It has no way in from Python: unpacking a game's arrays took a quarter of all compilation. Nor is it kept on disk:
    its machine code is part of every entry's. `inline` pastes it into its callers before anything is compiled.
    """
    if function is None:
        return lambda f: kernel(f, inline=inline)
    how = "always" if inline else "never"
    return _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", inline=how)(function)


def entry(function: Callable) -> Any:
    """Compile a function that Python calls, on first use, and keep it on disk. While it runs, other threads can."""
    folder, before = cache_folder(), _config.CACHE_DIR
    _config.CACHE_DIR = str(folder or "")  # read while decorating, so nobody else's caching changes
    try:
        compiled = _njit(cache=folder is not None, nogil=True, no_cfunc_wrapper=True, error_model="numpy")(function)
    finally:
        _config.CACHE_DIR = before
    _Announcer.entries.add(compiled)
    return compiled


# --- threads ---------------------------------------------------------------------------------------------------------


def num_threads() -> int:
    """How many threads share a batch: as many as Numba would take, so NUMBA_NUM_THREADS says it."""
    return _Workers.count or _config.NUMBA_NUM_THREADS


def set_num_threads(count: int | None) -> None:
    """Take another number of threads from now on; None for the usual one. It changes how long a step takes, no game."""
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise BadInput(f"a number of threads is 1 or more, got {count!r}")
    _Workers.count = count


class _Workers:
    """Threads of our own, since Numba's layers abort when two threads call them (workqueue) or after a fork (OpenMP).

    Each game is played by one thread from end to end, so how many there are changes no bit of it. A forked child
    starts without any and begins its own.
    """

    count: int | None = None
    jobs: SimpleQueue = SimpleQueue()
    started = 0
    lock = Lock()

    @classmethod
    def start(cls, wanted: int) -> None:
        """Have at least that many."""
        with cls.lock:
            while cls.started < wanted:
                Thread(target=_work, args=(cls.jobs,), name="territory", daemon=True).start()
                cls.started += 1

    @classmethod
    def forget(cls) -> None:
        """In a forked child, which has none of its parent's threads, though their locks may be taken."""
        cls.jobs, cls.started, cls.lock = SimpleQueue(), 0, Lock()
        for turn in Turn.all:
            turn.lock = Lock()


class Turn:
    """A lock around one world, so that threads which share it take turns; a copy has a lock of its own."""

    all: ClassVar[WeakSet] = WeakSet()

    def __init__(self):
        self.lock = Lock()
        self.all.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error) -> None:
        self.lock.release()

    def __reduce__(self):
        return Turn, ()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Workers.forget)


def _work(jobs: SimpleQueue) -> None:
    while True:
        function, arguments, answer = jobs.get()
        try:
            _call(function, arguments)
        except BaseException as error:  # handed to whoever waits for the answer
            answer.put(error)
        else:
            answer.put(None)


def _call(function: Callable, arguments: tuple) -> None:
    try:
        function(*arguments)
    except OSError:  # a full disk: the machine code could not be kept, but it is there
        function(*arguments)


def run(function: Callable, games: int, threads: int, *arguments) -> None:
    """Call ``function(first, end, thread, *arguments)`` for games 0 to `games`, shared by up to `threads` threads."""
    threads = min(games, threads, num_threads())
    if threads <= 1:
        return _call(function, (0, games, 0, *arguments))
    _Workers.start(threads - 1)
    cuts = [games * part // threads for part in range(threads + 1)]
    answer: SimpleQueue = SimpleQueue()
    for thread in range(1, threads):
        _Workers.jobs.put((function, (cuts[thread], cuts[thread + 1], thread, *arguments), answer))
    errors = []
    try:
        _call(function, (0, cuts[1], 0, *arguments))
    finally:
        errors += [answer.get() for _ in range(1, threads)]
    for error in filter(None, errors):
        raise error
