"""A copy of the package need not compile the game again."""

import shutil
from pathlib import Path


def lend_machine_code(source: Path, target: Path) -> None:
    """Give an installed copy of the package the machine code of its equal: saves half a minute of compiling.

    Where their sources differ it compiles, so the worst that can happen is a slower test.
    """
    for kernels in (source / "world" / "__pycache__").glob("kernels-*"):
        shutil.copytree(kernels, target / "world" / "__pycache__" / kernels.name, dirs_exist_ok=True)
