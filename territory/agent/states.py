"""Sampled states of a policy's games, kept as the network sees them: what a probe or a student learns from."""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from territory.envs.opponents import Policy
from territory.errors import whole

GAMES_AT_ONCE = 32


@dataclass(frozen=True)
class SampledStates:
    """S observations with the games they come from."""

    maps: np.ndarray  # uint8 (S, 5, H, W)
    stats: np.ndarray  # float32 (S, 16)
    masks: np.ndarray  # bool (S, 90)
    games: np.ndarray  # int64 (S,), whole numbers from 0: states of one game are alike, so split by these

    def __len__(self) -> int:
        return len(self.games)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Maps, statistics and masks as a network takes them, without a copy."""
        return torch.from_numpy(self.maps), torch.from_numpy(self.stats), torch.from_numpy(self.masks)

    def where(self, chosen: np.ndarray) -> "SampledStates":
        """Those at a bool mask ``(S,)``, or at positions."""
        return SampledStates(self.maps[chosen], self.stats[chosen], self.masks[chosen], self.games[chosen])


def sample_states(policy: Policy, states: int, every: int = 4, seed: int = 0, **world: Any) -> SampledStates:
    """Let a policy play in `Territory-v0` (options: ``world``) until enough states are kept.

    Every ``every``-th step of each of up to 32 games at once is kept, so that what is kept differs. The maps are
    ``seed``, ``seed + 1``, …; later games follow from them.
    """
    states, every = whole("states", states, 1, 2**31), whole("every", every, 1, 2**31)
    envs = gymnasium.make_vec("Territory-v0", num_envs=min(GAMES_AT_ONCE, states), **world)
    obs, info = envs.reset(seed=seed)
    kept, playing, step = [], np.arange(envs.num_envs), 0
    while len(kept) * envs.num_envs < states:
        if step % every == 0:
            kept.append((obs["map"].copy(), obs["global"].copy(), info["action_mask"].copy(), playing.copy()))
        obs, _, terminated, truncated, info = envs.step(policy(obs, info["action_mask"]))
        ended = terminated | truncated
        playing[ended] = playing.max() + 1 + np.arange(ended.sum())
        step += 1
    envs.close()
    return SampledStates(*(np.concatenate(column)[:states] for column in zip(*kept, strict=True)))
