"""Generalised advantage estimation (Schulman et al. 2016, equation 16), with the two ways a game can end kept apart."""

import torch
from torch import Tensor


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    gae_lambda: float,
) -> Tensor:
    """Advantages of the actions taken, all tensors ``(T, N)``: T steps of N games.

    ``next_values[t]`` is the critic's value of the observation that followed step t *in the same game*: where the
    game was truncated, of its final observation, not of the next game's first one.

    - A terminated game is over: nothing comes after its last reward.
    - A truncated game was only cut off: the critic says what would have come (``gamma * next_values``).
    - Neither lets the advantage of the next game flow back into it.
    """
    deltas = rewards + gamma * (next_values * ~terminated) - values
    carried = gamma * gae_lambda * (~(terminated | truncated)).to(deltas.dtype)
    advantages = torch.empty_like(deltas)
    following = torch.zeros_like(deltas[0])
    for step in reversed(range(len(deltas))):
        following = deltas[step] + carried[step] * following
        advantages[step] = following
    return advantages
