"""Training that is killed again and again: ``python -m tests.helpers.kills --kills 200 --seed 1`` tells how it went.

A third of the kills comes from outside, at random times. The others come from inside, at seeded lines of code: before
any line of the training, or of the modules that write its files, where a kill can do the most harm.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from territory import files
from territory.agent import checkpoint
from territory.training import TrainConfig, run

FILES = (checkpoint.__file__, run.__file__, files.__file__)
TRAINING = str(Path(run.__file__).parent)
RUN = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=8, minibatch_size=16, update_epochs=1,
    device="cpu", checkpoint_every=1, anneal_lr=True, name="run",
)  # fmt: skip
SECONDS = 2.5  # until a kill from outside, at most
LINES = {"training": 5000, "files": 400}  # until a kill from inside, at most: a few updates
KINDS = (*LINES, "clock")


def go_on(config: TrainConfig, watched: tuple[str, ...] = (), line: int = 0) -> None:
    """Start the run or go on with it, to the end or to the ``line``-th line of the watched files."""
    torch.set_num_threads(1)
    folder = Path(config.runs_dir) / config.name
    sys.settrace(_dies_at(watched, line))
    made = run.resume(folder) if folder.exists() else run.start(config)
    made.train()


def run_killed(config: TrainConfig, kills: int, seed: int) -> Counter[str]:
    """Start a run, kill it ``kills`` times and let it end; counts the kills of each kind that found it alive."""
    random, counted = np.random.default_rng(seed), Counter[str]()
    for attempt in range(kills):
        kind = KINDS[attempt % len(KINDS)]
        if kind == "clock":
            code = _attempt(config, seconds=random.uniform(0, SECONDS))
        else:
            watched = FILES if kind == "files" else (TRAINING,)
            code = _attempt(config, watched=watched, line=int(random.integers(1, LINES[kind])))
        counted[kind] += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL), f"the {attempt + 1}th process ended with {code}"
    assert _attempt(config) == 0
    return counted


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs: arrays of the checkpoint, lines of the log, points of the curves."""
    arrays, others = checkpoint.read(one).arrays, checkpoint.read(other).arrays
    found = [name for name in arrays.keys() | others.keys() if not _equal(arrays.get(name), others.get(name))]
    found += ["log"] * (read_log(one) != read_log(other))
    return found + ["curves"] * (read_curves(one) != read_curves(other))


def read_log(folder: Path) -> list[dict]:
    """The log without what a clock says."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "steps_per_second")} for line in lines]


def read_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each point that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    parts = sorted(folder.glob("events*"), key=lambda path: path.stat().st_mtime_ns)
    for number, path in enumerate(parts):  # several processes of one second would be read by their id
        path.rename(folder / f"events.out.tfevents.{number:010}")
    board = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = [tag for tag in board.Tags()["scalars"] if not tag.startswith("time/")]
    return {tag: [(point.step, point.value) for point in board.Scalars(tag)] for tag in tags}


def _attempt(config: TrainConfig, seconds: float | None = None, **inside) -> int:
    """One process, killed after ``seconds`` unless it has ended; its exit code."""
    process = _context().Process(target=go_on, args=(config,), kwargs=inside)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def _context() -> multiprocessing.context.BaseContext:
    context = multiprocessing.get_context("forkserver")  # imports torch once, not once a kill
    context.set_forkserver_preload(
        ["territory.envs", "territory.training.run", "torch._dynamo", "torch.utils.tensorboard"]
    )
    return context


def _dies_at(watched: tuple[str, ...], line: int) -> Callable | None:
    left = line

    def on_line(frame, event, arg):
        nonlocal left
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    return lambda frame, event, arg: on_line if frame.f_code.co_filename.startswith(watched) else None


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def main() -> None:
    """One run that is left alone and one that is killed, compared."""
    parser = argparse.ArgumentParser(description="Kill a training run and compare its end.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = replace(RUN, runs_dir=folder, total_timesteps=2 * arguments.kills * RUN.batch_size)
        go_on(replace(config, name="left alone"))
        kills = run_killed(config, arguments.kills, arguments.seed)
        different = differences(Path(folder) / "left alone", Path(folder) / "run")
    print(f"{kills.total()} kills ({dict(kills)}) of a run of {config.num_updates} updates")
    print(f"different from the run that was left alone: {', '.join(different) or 'nothing'}")


if __name__ == "__main__":
    main()
