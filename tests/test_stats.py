"""Intervals: against published values, against SciPy, and against the truth that they claim to cover."""

import numpy as np
import pytest
import scipy.stats

from territory.errors import BadInput
from territory.stats import (
    Interval,
    bootstrap_interval,
    interquartile_mean,
    percentile_bootstrap,
    seed_interval,
    wilson,
)


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
    for _ in range(200):
        low, high = seed_interval(dice.normal(size=20))
        hits += low <= 0 <= high
    assert 0.85 < hits / 200 <= 1  # the bootstrap's intervals of 20 seeds are a little short


def test_one_seed_has_no_spread():
    with pytest.raises(BadInput, match="two or more"):
        seed_interval(np.zeros((1, 3)))


def test_wilsons_interval_against_published_values():
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    for successes, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson(20, 20)[1] == 1


def test_wilsons_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    for share in (0.5, 0.9, 0.97):
        intervals = [wilson(int(successes), 64) for successes in random.binomial(64, share, size=4000)]
        covered = np.mean([low <= share <= high for low, high in intervals])
        assert 0.92 < covered < 0.98


def test_impossible_counts_are_refused():
    with pytest.raises(BadInput, match="5 of 4"):
        wilson(5, 4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 10), (0, 512), (511, 512), (48, 96)])
def test_wilsons_interval_is_scipys(successes, trials):
    theirs = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 11, 40])
def test_the_interquartile_mean_is_scipys_trimmed_mean(count):
    values = np.random.default_rng(count).normal(size=(count, 3))
    np.testing.assert_allclose(interquartile_mean(values), scipy.stats.trim_mean(values, 0.25, axis=0))


def test_the_bootstrap_is_scipys_with_the_same_draws():
    values = np.random.default_rng(1).exponential(size=37)
    for statistic in (np.mean, np.median):
        theirs = scipy.stats.bootstrap(
            (values,), statistic, n_resamples=500, method="percentile", random_state=np.random.default_rng(3)
        ).confidence_interval
        ours = percentile_bootstrap(lambda draws, of=statistic: of(values[draws], axis=1), 37, 500, seed=3)
        np.testing.assert_allclose(ours, theirs)


def test_the_mean_over_games_leaves_out_games_without_a_number():
    found = bootstrap_interval(np.array([1.0, np.nan, 3.0]))
    assert found.mean == 2 and 1 <= found.low <= found.high <= 3
    with pytest.raises(BadInput, match="two games or more"):
        bootstrap_interval(np.array([1.0, np.nan]))


def test_an_interval_is_written_with_the_digits_that_are_asked_for():
    found = Interval(0.5, 0.25, 1.0)
    assert str(found) == f"{found}" == "0.50 (0.25 to 1.00)"
    assert f"{found:+.3f}" == "+0.500 (+0.250 to +1.000)"
