"""What only a clone of the repository has beside the package: the notebooks and the benchmarks."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import territory
from territory.errors import BadInput

ROOT = Path(territory.__file__).parent.parent


def run_in_clone(folder: str, module: str, *arguments: str) -> int:
    """Run ``python -m module`` in the root of the clone, which must have ``folder``; returns its exit status."""
    if not (ROOT / folder).is_dir():
        raise BadInput(f"no folder {folder} in {ROOT}: it comes with a clone of the repository, not with the package")
    if not (ROOT / module).is_dir() and importlib.util.find_spec(module) is None:
        raise BadInput(f"{module} is not installed in this Python: run `make setup`, or pip install -e '.[lab]'")
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=False).returncode
