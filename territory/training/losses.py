"""The mathematics of PPO as pure functions: advantages, and the terms of the loss, named as in the paper.

Schulman et al. 2017; generalised advantage estimation: Schulman et al. 2016. Shapes: T steps of N games; B samples, A
actions.
"""

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
    """Generalised advantage estimates (equation 16) of the actions taken; all tensors ``(T, N)``.

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


def entropy(log_probs: Tensor) -> Tensor:
    """Entropy ``(B,)`` in nats of log-probabilities ``(B, A)``; impossible actions add nothing, nor any gradient."""
    # 0 * log 0 is 0 in the limit but NaN in floats, so the infinities are replaced before the product.
    return -(log_probs.exp() * log_probs.masked_fill(log_probs == -torch.inf, 0.0)).sum(dim=-1)


def normalized(advantages: Tensor, among: Tensor) -> Tensor:
    """Advantages ``(B,)``, scaled so that those of the whole minibatch have mean 0 and standard deviation 1.

    ``among`` are those: the same ones, unless other processes hold a part of them.
    """
    return (advantages - among.mean()) / (among.std(correction=0) + 1e-8)


def policy_loss(ratio: Tensor, advantages: Tensor, clip_coef: float) -> Tensor:
    """The clipped surrogate (equation 7), negated to be minimised. ``ratio``: new over old probability ``(B,)``."""
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
    return -torch.minimum(ratio * advantages, clipped * advantages).mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Half the mean squared error of the critic; not clipped, since clipping was found to hurt (Andrychowicz 2021)."""
    return 0.5 * (values - returns).square().mean()


def approx_kl(log_ratio: Tensor) -> Tensor:
    """How far the policy moved, in nats: Schulman's estimator (r - 1) - log r, never negative, low variance."""
    return (log_ratio.exp() - 1 - log_ratio).mean()


def clip_fraction(ratio: Tensor, clip_coef: float) -> Tensor:
    """Share of samples whose ratio left the clip range."""
    return ((ratio - 1).abs() > clip_coef).float().mean()


def explained_variance(values: Tensor, returns: Tensor) -> Tensor:
    """1: the critic predicts the returns; 0: no better than their mean; NaN where the returns do not vary."""
    variance = returns.var(correction=0)
    return torch.where(variance > 0, 1 - (returns - values).var(correction=0) / variance, torch.nan)
