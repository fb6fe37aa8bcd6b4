"""Several seeds, one sentence: the middle half and how sure it is."""

import numpy as np
import pytest

from territory.errors import BadInput
from territory.training.seeds import interquartile_mean, seed_interval


def test_the_best_and_the_worst_of_five_seeds_do_not_count():
    values = np.array([[0.0, 1], [0.5, 2], [0.6, 3], [0.7, 4], [100, 5]])
    assert interquartile_mean(values) == pytest.approx([0.6, 3])  # (0.5 + 0.6 + 0.7) / 3, (2 + 3 + 4) / 3
    assert interquartile_mean(values[:3]) == pytest.approx(values[:3].mean(axis=0))  # a quarter of three is none


def test_seeds_that_agree_leave_no_doubt_and_seeds_that_differ_do():
    low, high = seed_interval(np.array([[1.0, 0.0], [1.0, 0.5], [1.0, 1.0], [1.0, 0.2], [1.0, 0.9]]))
    assert low[0] == high[0] == 1
    assert 0 <= low[1] < 0.3 and 0.7 < high[1] <= 1


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    dice, hits = np.random.default_rng(0), 0
    for trial in range(200):
        low, high = seed_interval(dice.normal(size=20), seed=trial)
        hits += low <= 0 <= high
    assert 0.85 < hits / 200 <= 1  # the bootstrap's intervals of 20 seeds are a little short


def test_one_seed_has_no_spread():
    with pytest.raises(BadInput, match="two or more"):
        seed_interval(np.zeros((1, 3)))
