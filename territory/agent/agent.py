"""A network that plays: from a pretrained checkpoint, a run, or one that is being trained."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.agent import checkpoint as files
from territory.envs.opponents import SCRIPTED
from territory.errors import BadInput
from territory.files import as_path
from territory.guests.call import device_of
from territory.models import OWN, names, without_gradients
from territory.models.policy import DEFAULT, Decoding, act, policy_and_value
from territory.world.actions import NUM_ACTIONS

PRETRAINED = Path(__file__).parent.parent / "checkpoints"
RUNS = Path("runs")


class Agent:
    """Chooses actions for observations, one or a batch.

    What its checkpoint tells, each empty where there is none: ``config``, the `TrainConfig` it was trained with;
    ``progress``, its last `Update`; ``results``, what `evaluate` measured, by opponents.
    """

    def __init__(
        self,
        model: nn.Module,
        config: dict[str, Any] | None = None,
        progress: dict[str, Any] | None = None,
        results: dict[str, Any] | None = None,
        decoding: Decoding = DEFAULT,
        seed: int = 0,
    ):
        """``decoding``: how its policy becomes a choice; ``seed``: of the actions that are sampled."""
        self.model = model
        self.config = dict(config or {})
        self.progress = dict(progress or {})
        self.results = dict(results or {})
        self.decoding = decoding
        self.device = device_of(model)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def act(
        self, obs: dict[str, np.ndarray], mask: np.ndarray | None = None, deterministic: bool = True
    ) -> Any:  # an integer or an array, by the shape of the observation: no caller should have to ask which
        """The greedy choice among the allowed actions (see `models.policy.greedy`), or one sampled from the policy.

        ``obs``: ``map`` uint8 ``(5, H, W)`` and ``global`` float32 ``(16,)`` with ``mask`` bool ``(90,)`` give an
        integer; each with a leading batch axis gives int64 ``(B,)``. Without a mask every action is allowed.
        """
        single, maps, global_stats = self._batch(obs)
        masks = self._masks(mask, len(maps))
        generator = None if deterministic else self.generator
        with without_gradients(self.model):
            chosen = act(self.model.eval(), maps, global_stats, masks, generator, self.decoding)
            _check_output(chosen.log_probs, chosen.values)
        actions = chosen.actions.cpu().numpy()
        return int(actions[0]) if single else actions

    def predict(self, obs: dict[str, np.ndarray], mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The policy's probabilities ``(90,)`` and the critic's value ``()``; with a batch axis for a batch."""
        single, maps, global_stats = self._batch(obs)
        masks = self._masks(mask, len(maps))
        with without_gradients(self.model):
            log_probs, values = policy_and_value(self.model.eval(), maps, global_stats, masks, self.decoding.views)
            _check_output(log_probs.amax(1), values)
            probabilities = log_probs.exp()
        first = 0 if single else slice(None)
        return probabilities.cpu().numpy()[first], values.cpu().numpy()[first]

    def with_decoding(self, attack_threshold: float | None = None, views: int | None = None) -> "Agent":
        """The same network with other decoding settings; what was measured with its own ones is left behind."""
        given = {"attack_threshold": attack_threshold, "views": views}
        changes = {name: value for name, value in given.items() if value is not None}
        return Agent(self.model, self.config, self.progress, decoding=replace(self.decoding, **changes))

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """The deterministic choice: an agent is a policy like the scripted ones."""
        return self.act(obs, mask)

    def _batch(self, obs: dict[str, np.ndarray]) -> tuple[bool, Tensor, Tensor]:
        if not isinstance(obs, dict) or not {"map", "global"} <= set(obs):
            got = f"one with {', '.join(map(repr, obs))}" if isinstance(obs, dict) else type(obs).__name__
            raise BadInput(f'an observation is a dictionary with "map" and "global", got {got}')
        maps, global_stats = np.asarray(obs["map"]), np.asarray(obs["global"], dtype=np.float32)
        if maps.ndim not in (3, 4) or global_stats.ndim != maps.ndim - 2 or maps.dtype != np.uint8:
            raise BadInput(
                'expected "map" uint8 (5, H, W) with "global" (16,), or both with one batch axis in front; '
                f"got {maps.dtype} {maps.shape} with {global_stats.shape}"
            )
        single = maps.ndim == 3
        if single:
            maps, global_stats = maps[None], global_stats[None]
        return single, self._tensor(maps), self._tensor(global_stats)

    def _tensor(self, array: np.ndarray) -> Tensor:
        """On the network's device; torch takes neither arrays that run backwards nor, silently, read-only ones."""
        return torch.from_numpy(np.require(array, requirements=("C", "W"))).to(self.device)

    def _masks(self, mask: np.ndarray | None, batch: int) -> Tensor:
        if mask is None:
            return torch.ones(1, NUM_ACTIONS, dtype=torch.bool, device=self.device)
        masks = np.atleast_2d(np.asarray(mask, dtype=bool))
        if masks.ndim != 2 or len(masks) != batch or not masks.any(axis=1).all():
            raise BadInput(
                f"expected one mask per observation ({batch}), each allowing at least one action, got {masks.shape}"
            )
        return self._tensor(masks)


def load_agent(name_or_path: str | Path, device: str | torch.device = "cpu") -> Agent:
    """The agent of a pretrained checkpoint (``"attention"``), of a run (its name or folder) or of a file.

    ``device``: where its network runs.

    Raises BadInput: there is none of that name, or its file cannot be used.
    """
    content = files.read(find_checkpoint(name_or_path))
    model, told = files.build_model(content), (content.config, content.progress, content.results, content.decoding)
    try:
        return Agent(model.to(device), *told)
    except (RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"expected a device of this torch (cpu, cuda, mps); got {device!r} ({reason})") from error


def save_agent(agent: Agent, path: str | Path, bits: int = 32) -> None:
    """Write an agent without its training state, to be published; its weights in 32, 16 or 8 ``bits``.

    Raises BadInput: its network isn't one of `models.names()`, which nobody could build again by the file alone.
    """
    told = (agent.config, agent.progress, agent.results, agent.decoding)
    model: Any = agent.model
    if getattr(model, "name", None) not in names():
        raise BadInput(
            f"expected an agent whose network is one of {', '.join(names())}; got {type(model).__name__}, which a file "
            "of weights can't build again: keep your own with torch.save(network.state_dict(), path)"
        )
    content = files.Checkpoint(model.name, model.options, *told)
    content.add_group(files.MODEL, files.model_arrays(agent.model, bits))
    files.write(path, content)


def pretrained() -> tuple[str, ...]:
    """The names of the pretrained agents, whose checkpoints come with the package."""
    return tuple(sorted(path.stem for path in PRETRAINED.glob("*.safetensors")))


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The file of a pretrained name, a path, or the name of a run in ``runs``."""
    given = as_path(name_or_path, "checkpoint")
    shipped = PRETRAINED / f"{name_or_path}.safetensors"
    found = shipped if os.path.isfile(shipped) else _first([given, RUNS / given])
    if found is not None:
        return found
    hint = f". {OWN}" if ".py" in str(name_or_path) else ""
    hint = ". That one is scripted: it plays without a network" if str(name_or_path) in SCRIPTED else hint
    raise BadInput(
        f"no agent {str(name_or_path)[:200]!r}: expected a pretrained one ({', '.join(pretrained()) or 'none'}), "
        f"{_runs_in(RUNS)}, or the path of a checkpoint file{hint}"
    )


def find_run(name_or_path: str | Path, runs_dir: str | Path = RUNS) -> Path:
    """The run of a name in ``runs_dir``, or of a path: its folder, or the checkpoint inside. No pretrained agent's."""
    given, runs_dir = as_path(name_or_path, "run"), as_path(runs_dir, "folder")
    found = _first([runs_dir / given, given])
    if found is not None:
        return found
    hint = ""
    if str(name_or_path) in pretrained():
        hint = f". A pretrained agent is no run: train a new one that begins with its weights by --init {name_or_path}"
    raise BadInput(
        f"no run {str(name_or_path)[:200]!r}: expected {_runs_in(runs_dir)}, or the path of a run's folder{hint}"
    )


def _first(paths: list[Path]) -> Path | None:
    """The first that is a file, or a folder with a checkpoint; says of a folder without one what it is."""
    for path in paths:
        if os.path.isfile(path) or os.path.isfile(path / files.FILE_NAME):
            return path
    for folder in paths:
        _explain(folder)
    return None


def _runs_in(folder: Path) -> str:
    runs = sorted(path.parent.name for path in folder.glob(f"*/{files.FILE_NAME}"))
    return f"a run in {folder}{os.sep} ({', '.join(runs) or 'none'})"


def _explain(folder: Path) -> None:
    """Say of a folder that is there, or that a run began, why it holds no agent, and what to do."""
    try:
        held = sorted(os.listdir(folder))
    except PermissionError as error:
        raise BadInput(f"no agent that can be read at {folder}: {error.strerror}") from error
    except (OSError, ValueError):  # no folder, and maybe no name that one could have
        return
    if files.is_blank(folder):
        raise BadInput(
            f"no agent yet in the run {folder}: it has no checkpoint. It is starting just now (wait for its first "
            "update), or was stopped before it trained anything (start it again, without --resume)"
        )
    inside = [name for name in held if name.endswith(".safetensors") or os.path.isfile(folder / name / files.FILE_NAME)]
    hint = "is another folder meant?"
    if "config.json" in held:
        hint = "it was moved or not copied along: put it back, or train anew"
    if inside:
        hint = f"name one of the agents in it, such as {folder / inside[0]}"
    found = ", ".join(map(repr, held[:8])) + ", …" * (len(held) > 8) or "nothing"
    raise BadInput(f"no agent in the folder {folder}: expected {files.FILE_NAME} there, found {found}; {hint}")


def _check_output(log_probs: Tensor, values: Tensor) -> None:
    """Refuse what is no policy: a network whose weights are finite can still overflow."""
    if not (log_probs.isfinite().all() and values.isfinite().all()):
        raise BadInput(
            "the network's output is not finite (NaN or infinity), so it is no policy: its training diverged, or its "
            "file is damaged"
        )
