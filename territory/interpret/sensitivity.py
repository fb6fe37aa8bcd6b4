"""What each of the sixteen statistics does to a network: to its policy, its value, and to where it looks.

A statistic is moved alone, and to a value that it really has at another moment (permutation importance, Breiman 2001),
so that no number is out of its range; what the sixteen are *together* may then be a state that no game has. The map
and the mask stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from territory.interpret.measures import total_variation
from territory.interpret.replays import ReplayRecord, capture_frames
from territory.world.layout import Stat
from territory.world.replay import Frame


@dataclass(frozen=True)
class Sensitivity:
    """How far each output moves with each statistic, T frames by 16 statistics."""

    policy: np.ndarray  # (T, 16), total variation: the share of probability that moves
    value: np.ndarray  # (T, 16), absolute change of the critic's value
    attention: dict[str, np.ndarray]  # by name, (T, 16): the share of attention that moves, see `attention_moved`


def sensitivity(model: nn.Module, frames: Sequence[Frame]) -> Sensitivity:
    """Each statistic in turn gets its value of the frame half of them further on: give frames of several games."""
    usual = capture_frames(model, frames)
    stats = np.stack([frame.obs["global"] for frame in frames])
    others = np.roll(stats, len(frames) // 2, axis=0)
    policy, value = np.zeros(stats.shape), np.zeros(stats.shape)
    attention = {name: np.zeros(stats.shape) for name in usual.attention}
    for stat in Stat:
        moved = capture_frames(model, with_stat(frames, stat, others[:, stat]))
        policy[:, stat] = total_variation(usual.probabilities, moved.probabilities)
        value[:, stat] = np.abs(usual.values - moved.values)
        for name, share in attention_moved(usual, moved).items():
            attention[name][:, stat] = share
    return Sensitivity(policy, value, attention)


def with_stat(frames: Sequence[Frame], stat: Stat, values: np.ndarray | float) -> list[Frame]:
    """The frames with one statistic set to a value for all, or to one value each (T,)."""
    moved = []
    for frame, value in zip(frames, np.broadcast_to(values, len(frames)), strict=True):
        stats = frame.obs["global"].copy()
        stats[stat] = value
        moved.append(replace(frame, obs=frame.obs | {"global": stats}))
    return moved


def attention_moved(before: ReplayRecord, after: ReplayRecord) -> dict[str, np.ndarray]:
    """By layer (T,): the share of attention that lies elsewhere, from 0 to 1, meant over heads and queries.

    A gate's grid counts as one query's weights, scaled to sum to 1.
    """
    return {name: _moved(weights, after.attention[name]) for name, weights in before.attention.items()}


def _moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    rows = [_rows(weights) for weights in (before, after)]
    return total_variation(*rows).mean(axis=1)


def _rows(weights: np.ndarray) -> np.ndarray:
    """(T, rows, keys), each summing to 1."""
    if weights.ndim == 3:
        weights = weights.reshape(len(weights), 1, -1)
        return weights / weights.sum(axis=-1, keepdims=True)
    return weights.reshape(len(weights), -1, weights.shape[-1])
