"""Tries hostile files in a process of its own: ``python -m tests.fuzz.worker FOLDER``, cases come in, verdicts go out.

A case is a line ``{"loader": NAME, "seed": NUMBER}``; the answer one with what became of it: "refused" in one sentence,
"accepted", or "traceback" with the text of it; and how many bytes the process grew by at its peak.
"""

import json
import os
import resource
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

ROOM = 2 << 30  # bytes of address space beyond what the process has when it is ready: a runaway ends, not the machine
LONGEST = 2000  # characters of a sentence


def main() -> None:
    """Answer every case that comes."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # what is printed must not come between the answers
    cases = os.fdopen(os.dup(0))
    os.dup2(nowhere, 0)
    os.chdir(sys.argv[1])
    from tests.fuzz.loaders import LOADERS  # in the new folder: it writes its sound files there

    warnings.simplefilter("ignore")
    _warm_up(LOADERS)
    room = _status("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    print("ready", file=answers, flush=True)
    for line in cases:
        case = json.loads(line)
        before = _forget_peak()
        verdict, text = judge(LOADERS[case["loader"]], case["seed"])
        told = {"verdict": verdict, "text": text, "bytes": max(0, _status("VmHWM") - before)}
        print(json.dumps(told), file=answers, flush=True)


def judge(loader, seed: int) -> tuple[str, str]:
    """What becomes of one case."""
    from territory.errors import BadInput

    try:
        loader(np.random.default_rng(seed))
    except BadInput as error:
        text = str(error)
        one_sentence = text and "\n" not in text and len(text) <= LONGEST
        return ("refused", text) if one_sentence else ("not a sentence", text[:LONGEST])
    except Exception:
        return "traceback", traceback.format_exc()[-LONGEST:]
    return "accepted", ""


def _warm_up(loaders) -> None:
    """Compile the game and load what is loaded once."""
    for loader in loaders.values():
        for seed in range(3):
            judge(loader, seed)


def _status(name: str) -> int:
    """A line of /proc/self/status in bytes; 0 where there is none."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)


def _forget_peak() -> int:
    """Let the peak of memory begin anew here; the bytes in use now."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


if __name__ == "__main__":
    main()
