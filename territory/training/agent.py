"""A network that plays: from a shipped checkpoint, a run, or one that is being trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.symmetry import VIEWS
from territory.training import checkpoint as files
from territory.training.config import TrainConfig
from territory.training.policy import ATTACK_THRESHOLD, answer, decide

SHIPPED = Path(__file__).parent.parent / "checkpoints"
RUNS = Path("runs")
FORMER = {  # agents of former versions, and what to use instead
    "tokens-scout": "is called 'champion' now",
    "tokens-crowds": "no longer comes with the package: use 'champion', which was made from it",
    "tokens-aimed": "no longer comes with the package: use 'champion', which was made from it",
}


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
        attack_threshold: float = ATTACK_THRESHOLD,
        views: int = 1,
        seed: int = 0,
    ):
        """How it chooses: ``attack_threshold`` without dice (see `greedy`), ``seed`` for those of ``act`` otherwise;
        ``views``: 1, or 8 to ask its network about the board turned and mirrored too (see `answer`).

        Raises:
            BadInput: a threshold that isn't a probability, or other views.
        """
        if not 0 < attack_threshold <= 1:  # at 0 an agent with nobody to attack would attack
            raise BadInput(f"attack_threshold is a probability above 0, at most 1; got {attack_threshold}")
        if views not in (1, len(VIEWS)):
            raise BadInput(f"views is 1 (the board as it lies) or 8 (turned and mirrored too); got {views!r}")
        self.model = model
        self.config = dict(config or {})
        self.progress = dict(progress or {})
        self.results = dict(results or {})
        self.attack_threshold = attack_threshold
        self.views = views
        self.device = next(model.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def act(
        self, obs: dict[str, np.ndarray], mask: np.ndarray | None = None, deterministic: bool = True
    ) -> int | np.ndarray:
        """The likeliest allowed action, or one drawn from the policy.

        ``obs``: ``map`` uint8 ``(5, H, W)`` and ``global`` float32 ``(16,)`` with ``mask`` bool ``(90,)`` give an
        integer; each with a leading batch axis gives int64 ``(B,)``. Without a mask every action is allowed.
        """
        single, maps, global_stats = self._batch(obs)
        masks = self._masks(mask, len(maps))
        generator = None if deterministic else self.generator
        with torch.inference_mode():
            habits = {"attack_threshold": self.attack_threshold, "views": self.views}
            chosen = decide(self.model.eval(), maps, global_stats, masks, generator, **habits)
        actions = chosen.actions.cpu().numpy()
        return int(actions[0]) if single else actions

    def predict(self, obs: dict[str, np.ndarray], mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The policy's probabilities ``(90,)`` and the critic's value ``()``; with a batch axis for a batch."""
        single, maps, global_stats = self._batch(obs)
        masks = self._masks(mask, len(maps))
        with torch.inference_mode():
            log_probs, values = answer(self.model.eval(), maps, global_stats, masks, self.views)
            probabilities = log_probs.exp()
        first = 0 if single else slice(None)
        return probabilities.cpu().numpy()[first], values.cpu().numpy()[first]

    def choosing(self, attack_threshold: float | None = None, views: int | None = None) -> "Agent":
        """The same network, choosing otherwise; what was measured with its own habits is left behind."""
        threshold = self.attack_threshold if attack_threshold is None else attack_threshold
        seen = self.views if views is None else views
        return Agent(self.model, self.config, self.progress, attack_threshold=threshold, views=seen)

    def train_config(self, **changes: Any) -> TrainConfig:
        """How it was trained, with ``changes``: who it is to meet now, when whom it met before may be gone.

        Refuses an agent whose file doesn't say so, since there is no telling what it plays.
        """
        if not self.config:
            raise BadInput("the agent's file doesn't say how it was trained, so there is no telling what it plays")
        return TrainConfig.from_dict(self.config | changes)

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> int | np.ndarray:
        """The deterministic choice: an agent is a policy like the scripted ones."""
        return self.act(obs, mask)

    def _batch(self, obs: dict[str, np.ndarray]) -> tuple[bool, Tensor, Tensor]:
        if not isinstance(obs, dict) or not {"map", "global"} <= set(obs):
            raise BadInput(f'an observation is a dictionary with "map" and "global", got {_describe(obs)}')
        maps, global_stats = np.asarray(obs["map"]), np.asarray(obs["global"], dtype=np.float32)
        if maps.ndim not in (3, 4) or global_stats.ndim != maps.ndim - 2 or maps.dtype != np.uint8:
            raise BadInput(
                'expected "map" uint8 (5, H, W) with "global" (16,), or both with one batch axis in front; '
                f"got {maps.dtype} {maps.shape} with {global_stats.shape}"
            )
        single = maps.ndim == 3
        if single:
            maps, global_stats = maps[None], global_stats[None]
        return single, torch.from_numpy(maps).to(self.device), torch.from_numpy(global_stats).to(self.device)

    def _masks(self, mask: np.ndarray | None, batch: int) -> Tensor:
        if mask is None:
            return torch.ones(1, 1, dtype=torch.bool, device=self.device)  # broadcasts over actions
        masks = np.atleast_2d(np.asarray(mask, dtype=bool))
        if masks.ndim != 2 or len(masks) != batch or not masks.any(axis=1).all():
            raise BadInput(
                f"expected one mask per observation ({batch}), each allowing at least one action, got {masks.shape}"
            )
        return torch.from_numpy(masks).to(self.device)


def load_agent(name_or_path: str | Path, device: str | torch.device = "cpu") -> Agent:
    """The agent of a shipped checkpoint (``"attention"``), of a run (its name or folder) or of a file.

    ``device``: where its network runs.

    Raises:
        BadInput: there is none of that name, or its file cannot be used.
    """
    content = files.read(find_checkpoint(name_or_path))
    told = (content.config, content.progress, content.results, content.attack_threshold, content.views)
    return Agent(files.build_model(content).to(device), *told)


def save_agent(agent: Agent, path: str | Path, bits: int = 32) -> None:
    """Write an agent without its training state, to be shipped; its weights in 32, 16 or 8 ``bits``."""
    told = (agent.config, agent.progress, agent.results)
    habits = {"attack_threshold": agent.attack_threshold, "views": agent.views}
    content = files.Checkpoint(agent.model.name, agent.model.options, *told, **habits)
    content.add_group(files.MODEL, files.model_arrays(agent.model, bits))
    files.write(path, content)


def shipped() -> tuple[str, ...]:
    """The names of the checkpoints that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.safetensors")))


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The file of a shipped name, a path, or the name of a run in ``runs``."""
    for path in (SHIPPED / f"{name_or_path}.safetensors", Path(name_or_path), RUNS / name_or_path):
        if path.is_file() or (path / files.FILE_NAME).is_file():
            return path
    if str(name_or_path) in FORMER:
        raise BadInput(f"agent {str(name_or_path)!r} {FORMER[str(name_or_path)]}")
    runs = sorted(path.parent.name for path in RUNS.glob(f"*/{files.FILE_NAME}"))
    raise BadInput(
        f"no agent {str(name_or_path)!r}: expected a shipped one ({', '.join(shipped()) or 'none'}), "
        f"a run in {RUNS}/ ({', '.join(runs) or 'none'}), or the path of a checkpoint file"
    )


def _describe(obs: object) -> str:
    return f"one with {', '.join(map(repr, obs))}" if isinstance(obs, dict) else type(obs).__name__
