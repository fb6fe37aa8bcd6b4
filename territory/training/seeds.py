"""What several seeds of one experiment say together (Agarwal et al. 2021, "Deep RL at the edge of the statistical
precipice"): the interquartile mean, which one lucky seed can't move far, and its bootstrap interval."""

import numpy as np

from territory.errors import BadInput

RESAMPLES = 2000


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the seeds ``(S, ...)``, of five the middle three; shape ``(...)``."""
    values = np.sort(np.asarray(values, np.float64), axis=0)
    cut = len(values) // 4
    return values[cut : len(values) - cut].mean(axis=0)


def seed_interval(values: np.ndarray, level: float = 0.95, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end ``(...)`` of the interquartile mean over other seeds: percentile bootstrap over ``(S, ...)``.

    Seeds are drawn with replacement, whole curves at a time. Where several groups of runs are compared, call it for
    each: drawing within each group is what makes a bootstrap stratified.

    Raises:
        BadInput: fewer than two seeds, which have no spread.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        raise BadInput(f"an interval over seeds needs two or more of them, got {len(values)}")
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    means = interquartile_mean(np.moveaxis(values[draws], 1, 0))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
