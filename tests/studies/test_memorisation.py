"""Who memorises maps: the gap between the games that were learned and the others."""

import numpy as np

from studies import memorisation
from territory import load_study


def test_what_was_memorised_is_the_difference_of_the_two_halves():
    curve = [[2.0, 2.1], [1.0, 1.5], [0.5, 1.75]]
    runs = [{"network": "tokens", "curve": (np.array(curve) + seed).tolist()} for seed in range(3)]
    (row,) = memorisation.summary(runs)
    assert (row.network, row.seeds) == ("tokens", 3)
    assert row.gap == "1.250 (1.250 to 1.250)"
    assert row.best_on_others == "2.500 (1.500 to 3.500)" and row.others == "2.750 (1.750 to 3.750)"


def test_the_teachers_games_are_cut_into_halves_without_a_game_in_common():
    learned, others = memorisation.record(seed=1, states=96)
    assert len(learned) + len(others) == 96
    assert not set(learned.games) & set(others.games) and min(len(learned), len(others)) > 16


def test_in_the_data_of_the_repository_baseline_memorises_most_in_every_seed():
    runs = load_study("memorisation")
    apart = {(run["network"], run["seed"]): np.subtract(*run["curve"][-1][::-1]) for run in runs}
    assert len(apart) == len(memorisation.NETWORKS) * 5
    for seed in range(5):
        assert apart["baseline", seed] > max(apart[name, seed] for name in memorisation.NETWORKS if name != "baseline")
