"""Some moments of several games, and what is true of them over games."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from territory.errors import BadInput
from territory.interpret.measures import Interval, bootstrap_interval
from territory.world.replay import Frame, Replay


@dataclass(frozen=True)
class Sample:
    """T frames and the games they are from: frames of one game are alike, so intervals are over games."""

    frames: tuple[Frame, ...]
    games: np.ndarray  # int (T,), from 0

    @classmethod
    def of(cls, replays: Sequence[Replay], moments: int) -> "Sample":
        """That many frames of each game, spread evenly over it.

        Raises BadInput for fewer than two games: neither an interval nor another game's frame could be had.
        """
        if len(replays) < 2 or moments < 1:
            raise BadInput(f"expected two games or more and a moment of each, came {len(replays)} and {moments}")
        chosen = [_spread(list(replay.play())[:-1], moments) for replay in replays]  # the last: nothing is chosen there
        frames = tuple(frame for game in chosen for frame in game)
        return cls(frames, np.repeat(np.arange(len(chosen)), [len(game) for game in chosen]))

    def by_game(self, values: np.ndarray) -> np.ndarray:
        """The mean of each game's values (T,), those that are nan left out; nan where none is left."""
        return np.array([_known_mean(values[self.games == game]) for game in range(self.games.max() + 1)])

    def mean(self, values: np.ndarray) -> Interval:
        """The mean of values (T,) over games with its 95 % interval; all nan unless two games have a value."""
        by_game = self.by_game(values)
        if np.isfinite(by_game).sum() < 2:
            return Interval(np.nan, np.nan, np.nan)
        return bootstrap_interval(by_game)


def _spread(frames: list[Frame], moments: int) -> list[Frame]:
    places = (np.arange(moments) + 0.5) * len(frames) / moments
    return [frames[place] for place in np.unique(places.astype(int))]


def _known_mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
