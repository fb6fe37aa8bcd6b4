"""What several studies need of an agent and of the games it played."""

from typing import Any

import numpy as np

from territory.errors import BadInput
from territory.training import TrainConfig


def config_of(agent: Any, **changes: Any) -> TrainConfig:
    """How an agent was trained, with ``changes``: whom it met then may be gone, and none of its files is opened.

    Raises:
        BadInput: its file doesn't say so, and there is no telling what it plays.
    """
    if not agent.config:
        raise BadInput("the agent's file doesn't say how it was trained, so there is no telling what it plays")
    return TrainConfig.from_dict(agent.config | changes)


def mean_over_games(values: np.ndarray, games: np.ndarray) -> tuple[float, float]:
    """The mean of values ``(K,)`` from games ``(K,)``, and its 95 % interval to either side.

    Values of one game are alike, so a game counts as one (the variance of a mean over clusters).
    """
    numbers, game = np.unique(games, return_inverse=True)
    apart = np.bincount(game, values - values.mean())  # of each game, summed
    spread = np.sqrt((apart**2).sum() * len(numbers) / max(1, len(numbers) - 1))
    return float(values.mean()), float(1.96 * spread / len(values))
