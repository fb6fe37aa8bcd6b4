"""A copy of the package need not compile the game again."""

import os
import shutil
from pathlib import Path

from numba.core.caching import _CacheLocator  # how Numba names the folder of a file's machine code


def lend_machine_code(source: Path, target: Path) -> None:
    """Give an installed copy of the package the machine code of its equal: saves 90 s of compiling.

    Numba keeps machine code in a folder named after the file's own, and trusts it while the file's time and size are
    what they were. Where anything differs it compiles, so the worst that can happen is a slower test.
    """
    for path in (source / "world").rglob("*.py"):
        copy = target / path.relative_to(source)
        if copy.is_file() and copy.read_bytes() == path.read_bytes():
            os.utime(copy, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    for kernels in (source / "world" / "__pycache__").glob("kernels-*"):
        for folder in kernels.iterdir():
            name = _CacheLocator.get_suitable_cache_subpath(str(target / "world" / "engine.py"))
            shutil.copytree(folder, target / "world" / "__pycache__" / kernels.name / name, dirs_exist_ok=True)
