"""How the game is compiled and kept: `kernel`, `entry` and the cache folder.

Numba's own cache looks only at the file a function is written in. Our kernels call each other across files, so a
changed rule would go on being played by the old machine code. Here every state of the sources has a cache folder
of its own. ``python -m territory.world`` fills it beforehand. Nor does Numba notice a damaged file, which ends in a
traceback or runs as machine code: here each file says whether it is whole.
"""

import hashlib
import os
import pickle
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.core.caching import NullCache
from numba.core.cgutils import get_or_insert_function
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from territory.errors import BadInput
from territory.files import read_bytes, write_atomically

_USER = os.getuid() if hasattr(os, "getuid") else None  # Windows keeps temporary files apart by itself
_HERE = Path(__file__).parent
# Python around the kernels: no machine code of theirs.
_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] -- Numba declares no types
_njit: Any = numba.njit
_intrinsic: Any = intrinsic
_PLAIN = ("__init__.py", "__main__.py", "picture.py", "replay.py", "threads.py", "world.py")
_CALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}  # by kernels alone
_TURNS = 20000  # of a wait, of 10 to 50 nanoseconds each
_LARGEST = 1 << 26  # bytes of a kernel's machine code; the largest of ours has half a million

if _config.DISABLE_JIT:  # as a debugger's users have it: what the kernels ask of the processor is no Python
    raise BadInput("the game is compiled code, and NUMBA_DISABLE_JIT forbids it to be compiled: unset that")


@cache
def _packaged() -> Path:
    """The package's own folder for the machine code of these very sources."""
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        if path.name not in _PLAIN:
            sources.update(path.read_bytes())
    return _HERE / "__pycache__" / f"kernels-{sources.hexdigest()[:16]}"


@cache
def cache_folder() -> Path | None:
    """Where the machine code of these very sources is kept; None where nothing can be written.

    The first of these that can be written: Numba's own NUMBA_CACHE_DIR, the package's folder, the user's cache, a
    folder of the user's among the temporary ones.
    """
    return next(filter(_is_ours, (parent / _packaged().name for parent in _parents())), None)


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
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)  # the package's own is for all users to read
        with tempfile.TemporaryFile(dir=folder):
            pass
        others = folder.stat(), folder.parent.stat()
    except OSError:
        return False
    if folder.parent.name != f"territory-{_USER}" or _USER is None:
        return True
    return all(status.st_uid == _USER and not status.st_mode & 0o022 for status in others)


@cache
def _announce() -> None:
    """Say, once, why the first game takes a while."""
    kept = "once" if cache_folder() else "anew in every process: there is no folder to keep it in"
    _say(f"compiling for this machine, {kept}; half a minute at most …")


def _say(text: str) -> None:
    """Tell whoever waits; the game is played although there is nowhere to say it (closed, or a full disk)."""
    if sys.stderr:
        with suppress(OSError, ValueError):
            print(f"territory: {text}", file=sys.stderr)


def kernel(function: Callable | None = None, *, inline: bool = False) -> Any:
    """Compile a function that only kernels call; a decorator with or without arguments.

    It has no way in from Python: unpacking a game's arrays took a quarter of all compilation. Nor is it kept on disk:
    its machine code is part of every entry's. `inline` pastes it into its callers before anything is compiled.
    """
    if function is None:
        return partial(kernel, inline=inline)
    return _njit(**_CALLED, inline="always" if inline else "never")(function)


def entry(function: Callable | None = None, *, reorder: bool = False) -> Any:
    """Compile a function of one game, ``function(n, thread, *arguments)``, to be called for all games of a batch.

    A decorator with or without arguments. `reorder` lets sums of floats be added in any order, several at a time.

    Python calls ``entry(words, bell, games, thread, *arguments)``, from several threads at once. Each plays a part of
    the games, the same one every time, whose cells its core still holds; who is done helps the others, and thread 0
    waits for them. While that runs, other threads can use Python. ``words``: int64 (2, threads) zeros, how many games
    of each part are taken, and which threads are playing; ``bell``: int64 (1,), one higher from then on, see `linger`.
    """
    if function is None:
        return partial(entry, reorder=reorder)
    # Whose sums may be reordered is inlined, else this process would call a copy compiled by itself, which adds up in
    # another order than the one kept on disk: the first run of an installation would differ from all later ones.
    order = {"reassoc", "contract", "nsz"} if reorder else set()
    play = _njit(**_CALLED, forceinline=reorder, fastmath=order)(function)

    def share(words, bell, games, thread, *arguments):
        taken, playing = words
        parts = taken.size
        _add(playing, thread, 1)
        _add(bell, 0, 1)
        for part in range(thread, thread + parts):
            part %= parts
            first, end = part * games // parts, (part + 1) * games // parts
            n = first + _add(taken, part, 1)
            while n < end:
                play(n, thread, *arguments)
                n = first + _add(taken, part, 1)
        _add(playing, thread, -1)
        for other in range(1, parts if thread == 0 else 1):
            _spin(playing, other, 1)

    return _kept(share, function)


def _kept(function: Callable, source: Callable | None = None) -> Any:
    """Compile what Python calls, on first use, and keep it on disk under the name and file of its `source`."""
    source = source or function
    compiled = _njit(nogil=True, no_cfunc_wrapper=True, error_model="numpy")(function)
    if os.path.isfile(source.__code__.co_filename):  # what is typed into a shell has none
        compiled._cache = _KeptCode(source)
    return compiled


@_intrinsic
def _add(_typing, words, index, number):
    """Add to a word that other threads add to as well; what it was before."""

    def code(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", builder.gep(array.data, [arguments[1]]), arguments[2], "seq_cst")

    return types.int64(words, types.int64, types.int64), code


@_intrinsic
def _pause(_typing):
    """Tell the processor that this thread only waits: what shares its core goes on faster."""

    def code(context, builder, signature, arguments):
        if platform.machine() in ("x86_64", "AMD64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), code


@kernel
def _spin(words, index, value):
    """Wait awake until a word is another than `value`; but not for long, since whoever changes it may be asleep."""
    for _ in range(_TURNS):
        if _add(words, index, 0) != value:
            break
        _pause()


class _KeptCode(NullCache):
    """Keeps a function's machine code in `cache_folder`: a file for each signature, and in front its digest.

    What is cut off, changed by a bit, unreadable or no file at all counts as missing, so it is compiled anew. Read is
    also what was compiled beforehand, in an installation that can only be read.
    """

    def __init__(self, function: Callable):
        source = Path(function.__code__.co_filename)
        self._name = f"{source.stem}.{function.__qualname__}"
        self._key = numba.__version__, sys.version, hashlib.sha256(source.read_bytes()).hexdigest()

    def _file(self, sig: Any, codegen: Any) -> str:
        key = hashlib.sha256(repr((self._key, sig, codegen.magic_tuple())).encode()).hexdigest()
        return f"{self._name}-{key[:16]}.code"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What Numba compiled earlier, or None."""
        target_context.refresh()
        for folder in filter(None, (cache_folder(), _packaged())):
            with suppress(BadInput):
                data = read_bytes(folder / self._file(sig, target_context.codegen()), _LARGEST)
                if hashlib.sha256(data[32:]).digest() == data[:32]:
                    return CompileResult._rebuild(target_context, *pickle.loads(data[32:]))
        _announce()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled; where that can't be, say so: the game is played, and compiled again next time."""
        folder, content = cache_folder(), dumps(data._reduce())
        if folder is None:
            return
        try:
            write_atomically(folder / self._file(sig, data.codegen), hashlib.sha256(content).digest() + content)
        except BadInput as error:
            _say(f"the compiled game could not be kept: {error}")


@_kept
def linger(bell, heard):
    """Wait awake for the bell to ring, if it has not since `heard`: waking a thread takes longer than a small game."""
    _spin(bell, 0, heard)
