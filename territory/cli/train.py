"""``territory train``: a run with a progress bar, which Ctrl-C ends without losing anything."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from territory.cli.streams import expendable, silence
from territory.envs.opponents import is_mixture
from territory.files import as_typed
from territory.training import distributed
from territory.training import run as runs
from territory.training.config import TrainConfig
from territory.training.rollout import Update
from territory.training.run import Run

FINISHING = "finishing this update and saving … (again: stop now, back to the last checkpoint)"
BAR: dict[str, Any] = {"unit": " steps", "unit_scale": True, "dynamic_ncols": True, "smoothing": 0.1}

HANGUP = getattr(signal, "SIGHUP", None)  # a terminal was closed; Windows has no such signal


def train(config: TrainConfig, resume: Path | None) -> int:
    """Start a run, or go on with one, and follow it to the end; returns the exit status.

    What it says is not what it is for: a full disk behind its output doesn't end it.
    """
    with expendable("stdout"):
        with distributed.init_process_group(config.device):
            run = runs.start(config) if resume is None else runs.resume(resume, config)
            if run.writes:  # one of several processes speaks
                _announce(run)
            steps = run.ppo.config.num_updates * run.ppo.config.batch_size
            bar = tqdm(total=steps, initial=run.ppo.step, disable=not run.writes, **BAR)
            with stop_on_signals() as asked, bar:
                done = run.train(callback=lambda update: _show(bar, update), stop=lambda: bool(asked))
        if run.writes and done:
            print(f"done: {run.folder}. See how strong it is: territory evaluate {as_typed(run.folder)}")
        elif run.writes:
            print(
                f"stopped after {run.ppo.step:,} steps, saved. Go on: territory train --resume {as_typed(run.folder)}"
            )
        return 0 if done else 128 + (*asked, signal.SIGINT)[0]


@contextmanager
def stop_on_signals(told: str = FINISHING) -> Iterator[list[int]]:
    """Within it, Ctrl-C, a polite kill and a closed terminal only ask to stop, where work can end; a second one stops.

    Which signal asked stands in the list then; ``told``: to whoever pressed it.
    """
    asked: list[int] = []

    def hear(number: int, _frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        if number == HANGUP:  # the terminal is gone, and writing to it would be an error
            silence(*filter(os.isatty, (0, 1, 2)))
        else:
            tqdm.write(told, sys.stderr)

    signals = [each for each in (signal.SIGINT, signal.SIGTERM, HANGUP) if each is not None]
    heeded = [each for each in signals if signal.getsignal(each) != signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, hear) for number in heeded}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(run: Run) -> None:
    config = run.ppo.config
    rivals = config.opponents if is_mixture(config.opponents) else f"{config.num_bots} x {config.opponents}"
    print(
        f"{run.folder}: {config.model}, {config.num_envs} games at once against {rivals} "
        f"on {run.ppo.device.type}. Curves: tensorboard --logdir {as_typed(run.folder.parent)}"
    )
    for note in run.ppo.notes:
        print(f"  {note}")


def _show(bar: tqdm, update: Update) -> None:
    if update.episodes:
        bar.set_postfix_str(f"wins {update.win_rate:.0%}, return {update.mean_return:.2f}", refresh=False)
    bar.update(update.step - bar.n)
