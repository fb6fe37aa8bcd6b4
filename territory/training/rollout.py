"""What was seen, done and earned between two updates, in arrays allocated once."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from territory.models.policy import Decision
from territory.models.symmetry import View
from territory.training.advantages import gae


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
        """The same samples with their boards laid another way: what was ordered and what was allowed turn along."""
        places = view.of_actions().to(self.actions.device)
        maps, masks = view.of_maps(self.maps), self.masks[:, places.argsort()]
        return replace(self, maps=maps, masks=masks, actions=places[self.actions])


class Rollout:
    """T steps of N games. Maps stay uint8, a quarter of the memory, until the model divides them by 255."""

    def __init__(self, num_steps: int, obs: dict[str, np.ndarray], mask: np.ndarray, device: torch.device):
        """Sizes are taken from one batched observation and its mask ``(N, actions)``."""
        num_envs = len(mask)

        def buffer(dtype: torch.dtype, *shape: int) -> Tensor:
            return torch.zeros((num_steps, num_envs, *shape), dtype=dtype, device=device)

        self.maps = buffer(torch.uint8, *obs["map"].shape[1:])
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

    def see(self, step: int, obs: dict[str, np.ndarray], mask: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Store what the games show before step ``step``; returns the stored rows: maps, globals, masks."""
        self.maps[step].copy_(torch.from_numpy(obs["map"]))
        self.globals[step].copy_(torch.from_numpy(obs["global"]))
        self.masks[step].copy_(torch.from_numpy(mask))
        return self.maps[step], self.globals[step], self.masks[step]

    def decide(self, step: int, decision: Decision) -> None:
        """Store what the network decided in step ``step``."""
        self.actions[step].copy_(decision.actions)
        self.log_probs[step].copy_(decision.log_probs)
        self.values[step].copy_(decision.values)

    def store(self, step: int, rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """Store what step ``step`` brought, arrays ``(N,)``."""
        self.rewards[step].copy_(torch.from_numpy(rewards.astype(np.float32)))  # Apple's GPUs have no float64
        self.terminated[step].copy_(torch.from_numpy(terminated))
        self.truncated[step].copy_(torch.from_numpy(truncated))

    def finish(self, last_values: Tensor, gamma: float, gae_lambda: float) -> None:
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

        def pick(values: Tensor) -> Tensor:
            return values.flatten(0, 1).index_select(0, index)

        return Minibatch(
            maps=pick(self.maps),
            globals=pick(self.globals),
            masks=pick(self.masks),
            actions=pick(self.actions),
            log_probs=pick(self.log_probs),
            advantages=pick(self.advantages),
            returns=pick(self.returns),
        )
