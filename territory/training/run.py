"""A run's folder: what it was trained with, how it went, and a checkpoint from which it goes on exactly.

In ``runs-dir``:

    NAME/config.json             the TrainConfig
    NAME/log.jsonl               one Update per line
    NAME/events.out.tfevents.*   the same for TensorBoard
    NAME/checkpoint.safetensors  network, optimiser, games and random state
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from territory.agent import checkpoint as files
from territory.agent.checkpoint import Checkpoint
from territory.envs.opponents import is_mixture
from territory.errors import BadInput
from territory.files import move, write_atomically
from territory.training.config import TrainConfig
from territory.training.ppo import PPO
from territory.training.rollout import Update

LOG = "log.jsonl"
# What a continued run may change. The next update computes the same, but that another kind of device draws other
# random numbers and that a falling learning rate (anneal_lr) falls towards another end.
CHANGEABLE = ("total_timesteps", "device", "checkpoint_every", "name", "runs_dir")
SCALARS = {  # Update field -> TensorBoard tag
    "win_rate": "games/win_rate",
    "mean_return": "games/return",
    "mean_length": "games/length",
    "land_share": "games/land_share",
    "idle_share": "games/idle_share",
    "policy_loss": "loss/policy",
    "value_loss": "loss/value",
    "entropy": "loss/entropy",
    "approx_kl": "update/approx_kl",
    "clip_fraction": "update/clip_fraction",
    "explained_variance": "update/explained_variance",
    "ratio_deviation": "update/first_ratio_deviation",
    "grad_norm": "update/grad_norm",
    "learning_rate": "update/learning_rate",
    "steps_per_second": "time/steps_per_second",
}


class Run:
    """A folder and the training that fills it. Make one with `start` or `resume`."""

    def __init__(self, folder: Path, ppo: PPO):
        self.folder = folder
        self.ppo = ppo

    @property
    def checkpoint(self) -> Path:
        """The file that `resume` reads."""
        return self.folder / files.FILE_NAME

    @property
    def writes(self) -> bool:
        """Whether this process keeps the folder: of several that share a run, one does."""
        return self.ppo.group.rank == 0

    def updates(self) -> Iterator[Update]:
        """As `PPO.updates`, each one logged; a checkpoint is written every ``checkpoint_every`` updates and at the end.

        What a checkpoint counts as done is in the log and in TensorBoard's file before: a kill in between is
        recovered by `resume`.
        """
        with self._board() as board:
            for update in self.ppo.updates():
                if board is not None:
                    self._log(board, update)
                if update.update % self.ppo.config.checkpoint_every == 0 or update.update == update.updates:
                    self.save()
                yield update

    def train(
        self, callback: Callable[[Update], object] | None = None, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Train to the end or until ``stop()``, which saves too; True if the end was reached."""
        for update in self.updates():
            ending = self.ppo.group.any(stop())
            if ending:
                self.save()
            if callback is not None:
                callback(update)
            if ending:
                break
        return self.ppo.finished_updates == self.ppo.config.num_updates

    def log(self) -> list[Update]:
        """The records of the updates so far, read from the log."""
        return read_log(self.folder)

    def save(self) -> None:
        """Write the checkpoint: whole or not at all."""
        content = snapshot(self.ppo)  # takes every process of a group
        if self.writes:
            files.write(self.checkpoint, content)

    def write_config(self) -> None:
        """Write what the run is trained with, for people and other programs: `resume` reads the checkpoint."""
        text = json.dumps(self.ppo.config.as_dict(), indent=1)
        write_atomically(self.folder / "config.json", text.encode())

    def _board(self) -> AbstractContextManager[Any]:
        """TensorBoard's writer, in the process that writes."""
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only training needs it

        # TensorBoard forgets what it was told from purge_step on: the updates that will be made again.
        return SummaryWriter(str(self.folder), purge_step=self.ppo.step + 1) if self.writes else nullcontext()

    def _log(self, board: Any, update: Update) -> None:
        values = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in update.as_dict().items()}
        with open(self.folder / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a power cut must not take a line that the next checkpoint counts on
        for name, tag in SCALARS.items():
            if values[name] is not None:
                board.add_scalar(tag, values[name], update.step)
        board.flush()


def read_log(folder: str | Path) -> list[Update]:
    """The records of a run's updates, read from its folder; none where it has made no update yet."""
    path = Path(folder) / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [_update(json.loads(line)) for line in lines]


def start(config: TrainConfig, envs: Any = None) -> Run:
    """A new run in its own folder, with a first checkpoint before the first step."""
    name = config.name or f"{config.model}-{_rivals(config)}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = Path(config.runs_dir) / name
    if folder.exists():
        raise BadInput(f"the run {folder} exists: continue it with --resume {folder}, or choose another --name")
    # Under another name until it is complete: a run that is killed here can be started again.
    run = Run(folder.with_name(f".{name}.new"), PPO(replace(config, name=name), envs))
    if run.writes:
        run.folder.mkdir(parents=True, exist_ok=True)
        run.write_config()
    run.save()
    if run.writes:
        move(run.folder, folder)
    run.folder = folder
    return run


def _rivals(config: TrainConfig) -> str:
    """Who is played against, as a part of a name."""
    if is_mixture(config.opponents):
        return config.opponents.replace("+", "-")  # a plus makes a mixture of any name
    return f"{config.num_bots}-{Path(config.opponents).stem}"  # they may be a file


def resume(folder: str | Path, config: TrainConfig | None = None, envs: Any = None) -> Run:
    """The run of a folder (or of the checkpoint inside), ready to go on exactly as if it had never stopped.

    ``config``: its own with other `CHANGEABLE` fields; anything else would make it another run and is refused.
    """
    content = files.read(folder)
    folder = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    saved = TrainConfig.from_dict(content.config)
    config = config or saved
    for name, before in saved.as_dict().items():
        if name not in CHANGEABLE and getattr(config, name) != before:
            raise BadInput(
                f"the run {folder} has {name}={before!r}, which can't become {getattr(config, name)!r} on the way: "
                f"start a new run for that. A continued run may change {', '.join(CHANGEABLE[:3])}."
            )
    done = content.progress.get("step", 0)
    if config.num_updates * config.batch_size < done:
        raise BadInput(
            f"the run {folder} has trained {done:,} steps, more than the total_timesteps of {config.total_timesteps:,} "
            "that were asked for: give a larger number"
        )
    run = Run(folder, PPO(config, envs, files.build_model(content)))  # what `init` named may be gone by now
    restore(run.ppo, content)
    if run.writes:
        _forget_after(run.folder / LOG, run.ppo.finished_updates)
    if config != saved:  # so that it stays what was asked for, should this continuation be killed at once
        run.save()
        if run.writes:
            run.write_config()
    return run


def snapshot(ppo: PPO) -> Checkpoint:
    """Everything that decides how training goes on, taken between two updates; the games are those of all processes."""
    content = Checkpoint(
        model=ppo.model.name,
        options=ppo.model.options,
        config=ppo.config.as_dict(),
        progress=ppo.last.as_dict() if ppo.last else {},
    )
    content.add_group(files.MODEL, files.model_arrays(ppo.model))
    for index, state in ppo.optimizer.state_dict()["state"].items():
        content.add_group(f"optimizer.{index}", {name: value.cpu().numpy() for name, value in state.items()})
    content.add_group("envs", ppo.group.all_gather_arrays(ppo.envs.state_dict()))
    content.add_group("obs", ppo.group.all_gather_arrays(ppo.obs))
    content.arrays |= ppo.group.all_gather_arrays({"mask": ppo.mask})
    content.add_group("episodes", ppo.episodes.state_dict())
    content.arrays["update"] = np.array([ppo.finished_updates])
    content.arrays["generator"] = ppo.generator.get_state().numpy()
    return content


def restore(ppo: PPO, content: Checkpoint) -> None:
    """Put a `snapshot` back into a PPO of the same configuration.

    Raises:
        BadInput: the checkpoint is of another network, or holds only weights, as the shipped ones do.
    """
    if "update" not in content.arrays:
        raise BadInput("this checkpoint holds an agent but no training state, so no run can go on from it")
    files.load_weights(ppo.model, content)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in content.group("optimizer").items():
        index, entry = name.split(".")
        state.setdefault(int(index), {})[entry] = torch.from_numpy(array)
    ppo.optimizer.load_state_dict({"state": state, "param_groups": ppo.optimizer.state_dict()["param_groups"]})
    own = ppo.group.local_slice(len(content.arrays["mask"]))
    ppo.envs.load_state_dict({name: array[own] for name, array in content.group("envs").items()})
    ppo.obs = {name: array[own] for name, array in content.group("obs").items()}
    ppo.mask = content.arrays["mask"][own]
    ppo.episodes.load_state_dict(content.group("episodes"))
    ppo.finished_updates = int(content.arrays["update"][0])
    random_state = content.arrays["generator"]
    if random_state.size == ppo.generator.get_state().numel():
        ppo.generator.set_state(torch.from_numpy(random_state))
    else:  # of another kind of device, whose generator has a state of another size
        ppo.generator.manual_seed(ppo.config.seed + ppo.finished_updates)
    ppo.last = Update(**content.progress) if content.progress else None


def _forget_after(log: Path, update: int) -> None:
    """Drop the lines of updates that came after the checkpoint: they will be made again."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        # A line that was cut off by a kill is among the last ones, so counting is enough.
        write_atomically(log, "".join(lines[:update]).encode())


def _update(record: dict[str, Any]) -> Update:
    """A record of the log, in which null stands for what was not a number."""
    values: dict[str, Any] = {name: math.nan if value is None else value for name, value in record.items()}
    return Update(**values)
