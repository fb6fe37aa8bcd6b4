"""Many hostile files, tried one after another by a worker that may hang, grow, or die without taking us along."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60  # for one case, on a machine that does much else
GIGABYTE = 1 << 30
SOUND = ("refused", "accepted")


@dataclass
class Report:
    """What became of the cases: counts by loader and verdict, and every case that failed."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    texts: Counter[str] = field(default_factory=Counter)  # what was said, numbers aside
    largest: int = 0  # bytes that a case grew the process by

    def add(self, loader: str, seed: int, verdict: str, text: str, grown: int) -> None:
        """Count a case."""
        self.largest = max(self.largest, grown)
        if verdict in SOUND and grown > GIGABYTE:
            verdict, text = "a gigabyte", f"{grown:,} bytes: {text}"
        self.counts[loader, verdict] += 1
        self.texts[f"{loader}: {re.sub(r'[0-9]+', '#', text)[:90]}"] += 1
        if verdict not in SOUND:
            self.failures.append(f"{loader} {seed}: {verdict}\n{text}")

    def __str__(self) -> str:
        verdicts = sorted({verdict for _, verdict in self.counts} | set(SOUND), reverse=True)
        lines = [f"{'loader':<16}{'cases':>8}" + "".join(f"{verdict:>16}" for verdict in verdicts)]
        for loader in dict.fromkeys(name for name, _ in self.counts):
            numbers = [self.counts[loader, verdict] for verdict in verdicts]
            lines.append(f"{loader:<16}{sum(numbers):>8}" + "".join(f"{number:>16}" for number in numbers))
        return "\n".join([*lines, f"the largest case took {self.largest / 1e6:,.0f} MB"])


def run(cases: int, seed: int, loaders: list[str], tell: Callable[[str], None] | None = None) -> Report:
    """Try so many cases, the loaders taking turns; case i has seed ``seed + i``. `tell` hears of failures."""
    report, worker = Report(), None
    with tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + cases):
            loader, told = loaders[number % len(loaders)], len(report.failures)
            worker = worker or _start(Path(folder))
            verdict, text, grown = _try(worker, loader, number)
            report.add(loader, number, verdict, text, grown)
            if tell and report.failures[told:]:
                tell(report.failures[told])
            if worker.poll() is not None or verdict == "hang":
                worker = _end(worker)
        if worker is not None:
            _end(worker)
    return report


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.fuzz.worker", tempfile.mkdtemp(dir=folder)]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | paths)
    if _line(worker, 600) != b"ready\n":
        _end(worker)
        raise RuntimeError("the worker of the fuzz did not get ready")
    return worker


def _try(worker: subprocess.Popen[bytes], loader: str, seed: int) -> tuple[str, str, int]:
    """Verdict, text, and bytes grown of one case."""
    worker.stdin.write(json.dumps({"loader": loader, "seed": seed}).encode() + b"\n")
    worker.stdin.flush()
    answer = _line(worker, SECONDS)
    if answer is None:
        return "hang", f"no answer in {SECONDS} s", 0
    if not answer:
        status = worker.wait()
        return "signal", signal.Signals(-status).name if status < 0 else f"exit status {status}", 0
    told = json.loads(answer)
    return told["verdict"], told["text"], told["bytes"]


def _line(worker: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """The next line of a worker, empty where it has ended, None where none comes in time."""
    ready, _, _ = select.select([worker.stdout], [], [], seconds)
    return worker.stdout.readline() if ready else None


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    worker.stdin.close()
    worker.stdout.close()
