"""What was seen, done and earned between two updates, in arrays allocated once; and what a run reports of it."""

import math
from collections import deque
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from territory.errors import BadInput, shown
from territory.models.policy import Decision, View
from territory.training.losses import gae

EPISODE_FIELDS = ("win", "return", "length", "land_share", "idle_share")  # of a finished game
EPISODE_MEANS = ("win_rate", "mean_return", "mean_length", "land_share", "idle_share")  # as an `Update` has them
WINDOW = 100  # games: enough for a win rate within 10 points, few enough to follow a quick rise


@dataclass
class Minibatch:
    """Rows of a rollout, as the update wants them; B samples."""

    maps: Tensor  # uint8 (B, planes, H, W)
    globals: Tensor  # float32 (B, stats)
    masks: Tensor  # bool (B, actions)
    actions: Tensor  # int64 (B,)
    log_probs: Tensor  # float32 (B,), under the policy that acted
    advantages: Tensor  # float32 (B,)
    returns: Tensor  # float32 (B,)

    def seen(self, view: View) -> "Minibatch":
        """The same samples rotated or reflected: maps, and with them the actions taken and the masks."""
        places = view.of_actions().to(self.actions.device)
        maps, masks = view.of_maps(self.maps), self.masks[:, places.argsort()]
        return replace(self, maps=maps, masks=masks, actions=places[self.actions])


class Rollout:
    """T steps of N games. Maps stay uint8, a quarter of the memory, until the model divides them by 255.

    They lie in memory as the network reads them, so that several epochs find them ready.
    """

    def __init__(
        self,
        num_steps: int,
        obs: dict[str, np.ndarray],
        mask: np.ndarray,
        device: torch.device,
        layout: torch.memory_format = torch.contiguous_format,
    ):
        """Sizes are taken from one batched observation and its mask ``(N, actions)``."""
        num_envs = len(mask)

        def buffer(dtype: torch.dtype, *shape: int) -> Tensor:
            return torch.zeros((num_steps, num_envs, *shape), dtype=dtype, device=device)

        maps = buffer(torch.uint8, *obs["map"].shape[1:]).flatten(0, 1)  # (T * N, planes, H, W)
        self._maps = maps.contiguous(memory_format=layout)
        self.maps = self._maps.unflatten(0, (num_steps, num_envs))
        self.globals = buffer(torch.float32, *obs["global"].shape[1:])
        self.masks = buffer(torch.bool, *mask.shape[1:])
        self.actions = buffer(torch.int64)
        self.log_probs = buffer(torch.float32)
        self.rewards = buffer(torch.float32)
        self.values = buffer(torch.float32)
        self.final_values = buffer(torch.float32)  # of a truncated game's last observation; 0 elsewhere
        self.terminated = buffer(torch.bool)
        self.truncated = buffer(torch.bool)
        self.advantages = buffer(torch.float32)
        self.returns = buffer(torch.float32)

    def add_obs(self, step: int, obs: dict[str, np.ndarray], mask: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Store what the games show before step ``step``; returns the stored rows: maps, globals, masks.

        A graphics card may still be reading the arrays when this returns; it has read them once the actions are known.
        """
        rows = self.maps[step], self.globals[step], self.masks[step]
        for row, seen in zip(rows, (obs["map"], obs["global"], mask), strict=True):
            row.copy_(torch.from_numpy(seen), non_blocking=True)
        return rows

    def add_action(self, step: int, decision: Decision) -> None:
        """Store what the network chose in step ``step``."""
        self.actions[step].copy_(decision.actions)
        self.log_probs[step].copy_(decision.log_probs)
        self.values[step].copy_(decision.values)

    def add_outcome(self, step: int, rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """Store what step ``step`` brought, arrays ``(N,)``."""
        self.rewards[step].copy_(torch.from_numpy(rewards.astype(np.float32)))  # Apple's GPUs have no float64
        self.terminated[step].copy_(torch.from_numpy(terminated))
        self.truncated[step].copy_(torch.from_numpy(truncated))

    def compute_returns(self, last_values: Tensor, gamma: float, gae_lambda: float) -> None:
        """Fill in advantages and returns; ``last_values`` ``(N,)`` are those of what the games show now."""
        following = torch.cat([self.values[1:], last_values.unsqueeze(0)])
        next_values = torch.where(self.truncated, self.final_values, following)
        ends = (self.terminated, self.truncated)
        self.advantages.copy_(gae(self.rewards, self.values, next_values, *ends, gamma, gae_lambda))
        torch.add(self.advantages, self.values, out=self.returns)

    def __len__(self) -> int:
        return self.actions.numel()

    def rows(self, index: Tensor) -> Minibatch:
        """The samples at flat positions ``index`` (int64 ``(B,)``, step * N + game)."""
        maps = self._maps  # in the layout that they have; `index_select` alone would make planes
        if maps.is_contiguous():
            maps = maps.index_select(0, index)
        else:
            maps = maps.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
        names = ("globals", "masks", "actions", "log_probs", "advantages", "returns")
        return Minibatch(maps, *(getattr(self, name).flatten(0, 1).index_select(0, index) for name in names))


@dataclass(frozen=True)
class Update:
    """One update of the network. Averages over games are NaN until a first game has finished."""

    update: int  # 1 for the first
    updates: int  # of the whole run
    step: int  # environment steps so far, over all games
    total_steps: int  # of the whole run
    episodes: int  # finished games so far
    win_rate: float  # of the last 100 games, like the next four
    mean_return: float  # undiscounted
    mean_length: float  # steps
    land_share: float  # owned at the end
    idle_share: float  # of steps that ordered nothing
    policy_loss: float
    value_loss: float
    entropy: float  # nats
    approx_kl: float  # nats, of the last epoch
    clip_fraction: float
    explained_variance: float
    ratio_deviation: float  # largest |ratio - 1| of the first minibatch: rounding alone, unless there is batch norm
    grad_norm: float  # before clipping
    learning_rate: float
    steps_per_second: float  # of this update
    seconds: float  # since the run, or its continuation, began

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Any) -> "Update":
        """From `as_dict`, as a file gives it back.

        Raises BadInput: another field, a count that is no whole number of 0 or more, a number that is infinite or none.
        """
        if not isinstance(record, dict) or set(record) != {each.name for each in fields(cls)}:
            raise BadInput("it is no record of an update")
        for each in fields(cls):
            value = record[each.name]
            count = each.type is int
            if type(value) not in ((int,) if count else (int, float)) or (value < 0 if count else math.isinf(value)):
                wanted = "a whole number of 0 or more" if count else "a finite number"
                raise BadInput(f"{each.name} should be {wanted}, got {shown(value)}")
        return cls(**record)


def finished(info: dict[str, Any]) -> list[tuple[float, ...]]:
    """The `EPISODE_FIELDS` of the games that finished in this step, from a vector environment's ``info``."""
    games = np.flatnonzero(info.get("_final_info", ()))
    return [tuple(float(info["final_info"][name][game]) for name in EPISODE_FIELDS) for game in games]


class EpisodeWindow:
    """The last games that finished."""

    def __init__(self, size: int = WINDOW):
        self.count = 0
        self._latest: deque[tuple[float, ...]] = deque(maxlen=size)

    def add(self, games: list[tuple[float, ...]]) -> None:
        """Take in games that have just `finished`."""
        self._latest.extend(games)
        self.count += len(games)

    def means(self) -> dict[str, float]:
        """The `EPISODE_MEANS`, NaN before the first game has finished."""
        if not self._latest:
            return dict.fromkeys(EPISODE_MEANS, float("nan"))
        return dict(zip(EPISODE_MEANS, np.mean(self._latest, axis=0).tolist(), strict=True))

    def state_dict(self) -> dict[str, np.ndarray]:
        """What `load_state_dict` needs."""
        rows = np.array(self._latest, dtype=np.float64).reshape(-1, len(EPISODE_FIELDS))
        return {"count": np.array([self.count]), "latest": rows}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a saved window."""
        self.count = int(state["count"][0])
        self._latest = deque(map(tuple, state["latest"].tolist()), maxlen=self._latest.maxlen)
