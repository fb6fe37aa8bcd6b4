"""Uncertainty, once: Wilson's interval, the percentile bootstrap, the interquartile mean; and times taken by turns.

NumPy only. The tests hold each interval to SciPy's own.
"""

import math
import time
from collections.abc import Callable, Collection
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from territory.errors import BadInput

LEVEL = 0.95  # of every interval
RESAMPLES = 2000


class Interval(NamedTuple):
    """A mean and where it would likely lie in other games."""

    mean: float
    low: float
    high: float

    def __format__(self, numbers: str) -> str:
        mean, low, high = (format(each, numbers or ".2f") for each in self)
        return f"{mean} ({low} to {high})"

    def __str__(self) -> str:
        return format(self)


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927): honest near 0 and 1, where the usual one has width 0.

    Raises BadInput: no trial, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise BadInput(f"expected 0 <= successes <= trials with at least one trial, got {successes} of {trials}")
    share, z = successes / trials, NormalDist().inv_cdf((1 + LEVEL) / 2)
    centre = share + z * z / (2 * trials)
    margin = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def percentile_bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], count: int, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end of a statistic, had other samples been drawn (Efron 1979), with replacement.

    ``statistic``: from positions ``(R, count)`` of R resamples to their statistics ``(R, ...)``. Where the ``count``
    samples come in groups that are alike inside (frames of a game), the groups are what is drawn.
    """
    draws = np.random.default_rng(seed).integers(count, size=(resamples, count))
    low, high = np.quantile(statistic(draws), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def bootstrap_interval(by_game: np.ndarray) -> Interval:
    """The mean over games with its bootstrap interval. One number a game; games without one (NaN) are left out.

    Raises BadInput: fewer than two games, which have no spread.
    """
    values = np.asarray(by_game, np.float64)
    values = values[~np.isnan(values)]
    if values.ndim != 1 or values.size < 2:
        raise BadInput(f"an interval needs one number from each of two games or more, got {values.size}")
    low, high = percentile_bootstrap(lambda draws: values[draws].mean(axis=1), values.size)
    return Interval(float(values.mean()), float(low), float(high))


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the seeds ``(S, ...)``, of five the middle three; shape ``(...)``.

    One lucky seed can't move it far (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice").
    """
    values = np.sort(np.asarray(values, np.float64), axis=0)
    cut = len(values) // 4
    return values[cut : len(values) - cut].mean(axis=0)


def seed_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end ``(...)`` of the interquartile mean over other seeds: a bootstrap over ``(S, ...)``.

    Seeds are drawn whole curves at a time. Where several groups of runs are compared, call it for each: drawing
    within each group is what makes a bootstrap stratified.

    Raises BadInput: fewer than two seeds, which have no spread.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        raise BadInput(f"an interval over seeds needs two or more of them, got {len(values)}")
    return percentile_bootstrap(lambda draws: interquartile_mean(values[draws].swapaxes(0, 1)), len(values))


def means_by_game(values: np.ndarray, games: np.ndarray) -> np.ndarray:
    """The mean of each game's values, from values ``(T,)`` and the games they are from ``(T,)``, in the games' order.

    A value that is nan is left out; a game without any has nan.
    """
    known = ~np.isnan(values)
    numbers, game = np.unique(games, return_inverse=True)
    counts = np.bincount(game[known], minlength=len(numbers))
    sums = np.bincount(game[known], values[known], minlength=len(numbers))
    return np.divide(sums, counts, out=np.full(len(numbers), np.nan), where=counts > 0)


def take_turns(
    calls: Collection[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """Seconds ``(rounds, calls)``, one call after another in every round: a busy moment of the machine hits them all.

    A call must not return before its work is done.
    """
    seconds = np.empty((rounds, len(calls)))
    for row in seconds:
        for place, call in enumerate(calls):
            start = clock()
            call()
            row[place] = clock() - start
    return seconds
