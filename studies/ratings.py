"""Strength as one number: the Bradley-Terry model of a league, on Elo's scale.

A player rated r points above another is expected to win 1 / (1 + 10^(-r/400)) of their games (Bradley and Terry, 1952;
Elo, 1978). Fitted by choix, all duels at once: unlike Elo's own updates, the order of the games does not matter.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from studies.duels import Duel, League
from territory.stats import percentile_bootstrap

MEAN = 1000.0  # points, of everyone in the league
POINTS = 400 / np.log(10)  # Elo's points in a unit of log odds
DRAWN = 0.5  # of a map, added to both sides of every pair: whoever wins every game is strong, but not infinitely so


@dataclass(frozen=True)
class Rating:
    """A player's points, with the 95 % interval over maps."""

    name: str
    points: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def rate(league: League, resamples: int = 400, seed: int = 0) -> tuple[Rating, ...]:
    """Everyone's rating, in the order of the league.

    The interval draws maps anew (a percentile bootstrap): all duels are played on the same maps, so a map is drawn for
    all of them.
    """
    scores = _scores(league)

    def points_of(draws: np.ndarray) -> np.ndarray:
        return np.array([_fit(scores[..., maps]) for maps in draws])

    low, high = percentile_bootstrap(points_of, league.maps, resamples=resamples, seed=seed)
    points = zip(league.names, _fit(scores), low, high, strict=True)
    return tuple(Rating(name, *(float(each) for each in numbers)) for name, *numbers in points)


def expected(rating: Rating, other: Rating) -> float:
    """The share of games that the first should win against the second."""
    return float(1 / (1 + 10 ** ((other.points - rating.points) / 400)))


def furthest(league: League, ratings: tuple[Rating, ...]) -> tuple[Duel, float]:
    """The duel that one number per player explains worst, won more often than expected; and what was expected."""
    by_name = {rating.name: rating for rating in ratings}
    said = {pair: expected(by_name[pair[0]], by_name[pair[1]]) for pair in league.duels}
    worst = max(league.duels, key=lambda pair: league.duels[pair].score - said[pair])
    return league.duels[worst], said[worst]


def _scores(league: League) -> np.ndarray:
    """float64 (P, P, maps): the row's share of its games with the column on each map."""
    scores = np.zeros((len(league.names), len(league.names), league.maps))
    for i, name in enumerate(league.names):
        for j, other in enumerate(league.names):
            if i != j:
                scores[i, j] = league.duels[name, other].scores
    return scores


def _fit(scores: np.ndarray) -> np.ndarray:
    """float64 (P,): points, from scores (P, P, maps)."""
    from choix import ilsr_pairwise_dense  # here, so that nobody else waits for SciPy

    wins = scores.sum(axis=2) + DRAWN * (1 - np.eye(len(scores)))
    strengths = ilsr_pairwise_dense(wins, max_iter=1000)
    return MEAN + POINTS * (strengths - strengths.mean())
