"""`kernel`: Numba's njit with a cache that notices a change in any file of the world.

Numba's own cache looks only at the file a function is written in. Our kernels call each other across files, so a
changed rule would go on being played by the old machine code. Here every state of the sources has a cache folder
of its own.
"""

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba

_HERE = Path(__file__).parent
_PLAIN = (
    "__init__.py",
    "picture.py",
    "replay.py",
    "restore.py",
    "warm.py",
    "world.py",
)  # Python around the kernels: no machine code of theirs


@cache
def cache_folder() -> Path:
    """Where the machine code of these very sources is kept. An unwritable folder makes Numba use the user's own."""
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        if path.name not in _PLAIN:
            sources.update(path.read_bytes())
    return _HERE / "__pycache__" / f"kernels-{sources.hexdigest()[:16]}"


def announce() -> None:
    """Say why the first game takes a while, unless its kernels are compiled already."""
    if not any(cache_folder().rglob("engine.step_batch*.nbi")):
        print("territory: compiling the game for this machine, once; this takes about a minute …", file=sys.stderr)


def kernel(function: Callable | None = None, *, parallel: bool = False, inline: bool = False):
    """Compile a function on first use and keep the result on disk; a decorator with or without arguments.

    `inline` puts the machine code into its callers: for what a tick calls often. A call hands a game over as some
    hundred numbers, which takes longer than a small kernel itself.
    """
    if function is None:
        return lambda f: kernel(f, parallel=parallel, inline=inline)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())  # read while decorating, so nobody else's caching changes
    try:
        return numba.njit(cache=True, parallel=parallel, forceinline=inline)(function)
    finally:
        numba.config.CACHE_DIR = before
