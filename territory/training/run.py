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
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from territory.agent import checkpoint as files
from territory.envs.opponents import is_mixture
from territory.errors import BadInput
from territory.files import FolderLock, as_path, as_typed, parse_json, read_bytes, write_atomically, writing
from territory.training.config import TrainConfig
from territory.training.distributed import current_group
from territory.training.ppo import PPO
from territory.training.rollout import Update
from territory.training.snapshot import restore, snapshot

LOG = "log.jsonl"
LONGEST_LOG = 1 << 29  # bytes: a million updates
# What a continued run may change. The next update computes the same, but that another kind of device draws other
# random numbers, that a compiled network rounds otherwise (another machine may have no compiler), and that a falling
# learning rate (anneal_lr) falls towards another end.
CHANGEABLE = ("total_timesteps", "device", "compile", "checkpoint_every", "keep_memory", "name", "runs_dir")
_UPDATE = ("approx_kl", "clip_fraction", "explained_variance", "ratio_deviation", "grad_norm", "learning_rate")
SCALARS = {  # TensorBoard's tags, group/name: which fields of an Update there are in each group
    "games": ("win_rate", "mean_return", "mean_length", "land_share", "idle_share"),
    "loss": ("policy_loss", "value_loss", "entropy"),
    "update": _UPDATE,
    "time": ("steps_per_second",),
}


class Run:
    """A folder and the training that fills it. Make one with `start` or `resume`."""

    def __init__(self, folder: Path, ppo: PPO, lock: FolderLock | None = None):
        """``lock``: on the folder; other processes are refused as long as this run holds it."""
        self.folder = folder
        self._place = folder.absolute()  # whoever trains in the background may change the working directory meanwhile
        self.ppo = ppo
        self._lock, self._saved = lock, None  # what the checkpoint file was when this process last wrote it
        self._whole = True  # no update is begun and not logged

    @property
    def checkpoint(self) -> Path:
        """The file that `resume` reads."""
        return self._place / files.FILE_NAME

    @property
    def writes(self) -> bool:
        """Whether this process keeps the folder: of several that share a run, one does."""
        return self.ppo.group.rank == 0

    def updates(self) -> Iterator[Update]:
        """As `PPO.updates`, each one logged; a checkpoint is written every ``checkpoint_every`` updates and at the end.

        What a checkpoint counts as done is in the log and in TensorBoard's file before: a kill in between is
        recovered by `resume`.
        """
        self._check_whole()
        with self._alone(), writing(self.folder), self._board() as board:
            self._whole = False
            for update in self.ppo.updates():
                if board is not None:
                    self._log(board, update)
                self._whole = True
                if update.update % self.ppo.config.checkpoint_every == 0 or update.update == update.updates:
                    self.save()
                yield update
                self._whole = False
            self._whole = True

    def train(
        self, callback: Callable[[Update], object] | None = None, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Train to the end or until ``stop()``, which saves too; True if the end was reached."""
        for update in self.updates():
            ending = any(self.ppo.group.all_gather_objects(stop()))  # in one of the processes
            if ending:
                self.save()
            if callback is not None:
                callback(update)
            if ending:
                break
        return self.ppo.finished_updates == self.ppo.config.num_updates

    def log(self) -> list[Update]:
        """The records of the updates so far, read from the log."""
        return read_log(self._place)[0]

    def save(self) -> None:
        """Write the checkpoint: whole or not at all."""
        self._check_whole()
        content = snapshot(self.ppo)  # takes every process of a group
        if self.writes:
            files.write(self.checkpoint, content)
            self._saved = _stamp(self.checkpoint)

    def _check_whole(self) -> None:
        if not self._whole:
            raise BadInput(
                f"the run {self.folder} was stopped in the middle of an update, by Ctrl-C or an error: take it up from "
                "its checkpoint, with territory.training.run.resume"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder against other processes; refuse to go on where another one has been meanwhile."""
        if self.writes:
            self._lock = self._lock or FolderLock(self._place, "run")
            if self._saved not in (None, _stamp(self.checkpoint)):
                raise BadInput(f"the run {self.folder} went on in another process: take it up from there with resume")
        try:
            yield
        finally:
            self._lock = None

    def write_config(self) -> None:
        """Write what the run is trained with, for people and other programs: `resume` reads the checkpoint."""
        text = json.dumps(self.ppo.config.as_dict(), indent=1)
        write_atomically(self._place / "config.json", text.encode())

    def _board(self) -> AbstractContextManager[Any]:
        """TensorBoard's writer, in the process that writes."""
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only training needs it

        # TensorBoard forgets what it was told from purge_step on: the updates that will be made again.
        return SummaryWriter(str(self._place), purge_step=self.ppo.step + 1) if self.writes else nullcontext()

    def _log(self, board: Any, update: Update) -> None:
        values = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in update.as_dict().items()}
        with open(self._place / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a power cut must not take a line that the next checkpoint counts on
        for tag, name in ((f"{group}/{name}", name) for group, names in SCALARS.items() for name in names):
            if values[name] is not None:
                board.add_scalar(tag, values[name], update.step)
        board.flush()


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes whenever a file is written anew."""
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_log(folder: str | Path) -> tuple[list[Update], bool]:
    """The records of a run's updates, read from its folder; none where it has made no update yet.

    And whether there is a last line that is cut off, by a kill or since it is being written now: it is left out.
    """
    log = as_path(folder, "run") / LOG
    text = _log_text(log)
    lines, cut = text.splitlines(), bool(text) and not text.endswith((b"\n", b"}"))
    return [_update(line, f"line {n} of {log}") for n, line in enumerate(lines[: len(lines) - cut], start=1)], cut


def _log_text(log: Path) -> bytes:
    return read_bytes(log, LONGEST_LOG, "log") if os.path.lexists(log) else b""


def start(config: TrainConfig) -> Run:
    """A new run in its own folder, with a first checkpoint before the first step."""
    if config.name is not None:
        _check_free(Path(config.runs_dir) / config.name)  # before anything is computed
    ppo = PPO(config)
    writes = ppo.group.rank == 0
    folder = ppo.group.all_gather_objects(_make_folder(config) if writes else None)[0]
    ppo.config = replace(ppo.config, name=folder.name)
    run = Run(folder, ppo, FolderLock(folder, "run") if writes else None)
    if writes:
        _check_free(folder)  # locked: no other may fill it now
    run.save()  # with which it becomes a run: one that is killed before can be started again
    if writes:
        run.write_config()
    return run


def _make_folder(config: TrainConfig) -> Path:
    """The folder of a new run, which is made: of the name it was given, or of one that no other has."""
    if is_mixture(config.opponents):
        rivals = config.opponents.replace("+", "-")  # a plus makes a mixture of any name
    else:
        rivals = f"{config.num_bots}-{Path(config.opponents).stem}"  # they may be a file
    name = config.name or f"{config.model}-{rivals}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = first = Path(config.runs_dir) / name
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for number in count(2):
            with suppress(FileExistsError):
                folder.mkdir(exist_ok=config.name is not None)
                break
            folder = first.with_name(f"{name}-{number}")  # another run began in the same second
    return folder


def _check_free(folder: Path) -> None:
    with writing(folder):  # which may be one that nobody may look into
        free = files.is_blank(folder) or not os.path.lexists(folder)
    if not free:
        raise BadInput(
            f"the run {folder} exists: continue it with --resume {as_typed(folder)}, or choose another --name"
        )


def resume(folder: str | Path, config: TrainConfig | None = None) -> Run:
    """The run of a folder (or of the checkpoint inside), ready to go on exactly as if it had never stopped.

    ``config``: its own with other `CHANGEABLE` fields; anything else would make it another run and is refused.
    """
    folder = as_path(folder, "run")
    file = folder / files.FILE_NAME if os.path.isdir(folder) else folder
    folder = file.parent
    writes = current_group().rank == 0
    lock = FolderLock(folder, "run") if writes and os.path.isfile(file) else None
    content = files.read(file)  # locked: no other may write it now
    saved = TrainConfig.from_dict(content.config)
    config = config or saved
    for name, before in saved.as_dict().items():
        if name not in CHANGEABLE and getattr(config, name) != before:
            raise BadInput(
                f"the run {folder} has {name}={before!r}, which can't become {getattr(config, name)!r} on the way: "
                f"start a new run for that. A continued run may change {', '.join(CHANGEABLE[:4])}."
            )
    run = Run(folder, PPO(config, model=files.build_model(content)), lock)  # what `init` named may be gone by now
    restore(run.ppo, content)
    if config.num_updates < run.ppo.finished_updates:
        raise BadInput(
            f"the run {folder} has trained {run.ppo.step:,} steps, more than the total_timesteps of "
            f"{config.total_timesteps:,} that were asked for: give a larger number"
        )
    if writes:  # what came after the checkpoint is made again; the last line may be cut off, or lack its end
        before = _log_text(folder / LOG)
        lines = zip(before.splitlines(), run.log(), strict=False)
        kept = b"".join(line + b"\n" for line, update in lines if update.update <= run.ppo.finished_updates)
        if kept != before:
            write_atomically(folder / LOG, kept)
    if config != saved:  # so that it stays what was asked for, should this continuation be killed at once
        run.save()
    if writes:
        run.write_config()
    return run


def _update(line: bytes, place: str) -> Update:
    """A record of a log, in which null stands for what was not a number."""
    try:
        record = parse_json(line, "the line")
        if isinstance(record, dict):
            record = {name: math.nan if value is None else value for name, value in record.items()}
        return Update.from_dict(record)
    except BadInput as error:
        raise BadInput(f"{place} is damaged: {error}. The run can go on without this line: delete it") from error
