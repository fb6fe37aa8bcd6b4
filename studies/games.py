"""What several studies need of an agent and of the games it played."""

from dataclasses import replace
from typing import Any

import numpy as np

from territory.agent import SampledStates
from territory.envs.opponents import is_mixture
from territory.errors import BadInput
from territory.training import TrainConfig


def config_of(agent: Any, **changes: Any) -> TrainConfig:
    """How an agent was trained, with ``changes``: whom it met then may be gone, and none of its files is opened.

    Raises:
        BadInput: its file doesn't say so, and there is no telling what it plays.
    """
    if not agent.config:
        raise BadInput("the agent's file doesn't say how it was trained, so there is no telling what it plays")
    if is_mixture(changes.get("opponents")):
        changes = {"num_bots": TrainConfig.num_bots} | changes  # its own number says nothing of a mixture
    return replace(TrainConfig.from_dict(agent.config), **changes)


def mean_over_games(values: np.ndarray, games: np.ndarray) -> tuple[float, float]:
    """The mean of values ``(K,)`` from games ``(K,)``, and its 95 % interval to either side.

    Values of one game are alike, so a game counts as one (the variance of a mean over clusters).
    """
    numbers, game = np.unique(games, return_inverse=True)
    apart = np.bincount(game, values - values.mean())  # of each game, summed
    spread = np.sqrt((apart**2).sum() * len(numbers) / max(1, len(numbers) - 1))
    return float(values.mean()), float(1.96 * spread / len(values))


def split(states: SampledStates, share: float, seed: int = 0) -> tuple[SampledStates, SampledStates]:
    """The states of about that share of the games, drawn by seed, and those of the others.

    A game that is in the first part stays there when others are added.
    """
    first = first_part(states, share, seed)
    return states.where(first), states.where(~first)


def first_part(states: SampledStates, share: float, seed: int = 0) -> np.ndarray:
    """bool (S,): whether a state is of the first part, if they are `split`."""
    return np.random.default_rng(seed).random(states.games.max() + 1)[states.games] < share


def joined(one: SampledStates, other: SampledStates) -> SampledStates:
    """The states of both, whose games are different ones."""
    games = np.concatenate([one.games, one.games.max() + 1 + other.games])
    pairs = ((one.maps, other.maps), (one.stats, other.stats), (one.masks, other.masks))
    maps, stats, masks = (np.concatenate(pair) for pair in pairs)
    return SampledStates(maps, stats, masks, games)
