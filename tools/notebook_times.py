"""How long notebooks run and how much memory they take: ``python tools/notebook_times.py [00 05 ...]``, at rest.

README.md and docs/teaching.md quote it. A notebook runs from a fresh kernel, as `jupyter nbconvert --execute` runs it;
the seconds hold the start of Python and of the kernel. Not on Windows, which does not tell what a child has used.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def run(notebook: Path) -> tuple[float, float, float]:
    """Seconds by the clock, seconds of the processor and the largest process's memory in GB of one notebook."""
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output", "done", notebook.name]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=notebook.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{notebook.name} failed: `jupyter nbconvert --execute {notebook.name}` says why")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * MAXRSS_UNIT / 1e9


def main() -> None:
    """The command."""
    wanted = sys.argv[1:] or [""]
    paths = sorted(path for begin in wanted for path in (ROOT / "notebooks").glob(f"{begin}*.ipynb"))
    if not paths:
        raise SystemExit(f"expected what names of notebooks begin with, such as 00 or 05; got {' '.join(wanted)}")
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            copy = Path(shutil.copy(path, folder))
            seconds, busy, memory = run(copy)
            print(f"{path.stem:28} {seconds:4.0f} s, processor {busy:4.0f} s, memory {memory:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
