"""The claims about trained agents: decided by a data file of training runs, and by nothing else."""

import pytest

from territory.interpret import Interval
from territory.verdict import Evidence, judge
from territory.verdict.learning import gained, won

OLD, NEW, AS_DRAWN = "baseline", "attention", "attention, batch norm"


def found_in(taught=None, **networks):
    """Findings by claim, where each network's seeds won these shares of (training, held-out) maps.

    ``taught``: how far each network's seeds ended from their teacher, in (games they were taught, other games).
    """
    names = {"old": OLD, "new": NEW, "as_drawn": AS_DRAWN}
    runs = [
        {"network": names[name], "seed": seed, "steps": 384, "training": training, "held_out": held_out, "curve": []}
        for name, seeds in networks.items()
        for seed, (training, held_out) in enumerate(seeds)
    ]
    curves = [
        {"network": names[name], "seed": seed, "curve": [[2, 2], nats]}
        for name, seeds in (taught or {}).items()
        for seed, nats in enumerate(seeds)
    ]
    return {claim.id: finding for claim, finding in judge("learning", Evidence(runs=runs, taught=curves))}


def test_without_runs_the_claims_are_not_testable():
    found = {claim.id: finding for claim, finding in judge("learning", Evidence(runs=[], taught=[]))}
    assert set(found) == {"overfitting", "better"}
    assert {finding.verdict for finding in found.values()} == {"not testable here"}


def test_one_network_alone_or_one_seed_of_each_decides_nothing():
    assert found_in(new=[(1, 1), (1, 1)])["better"].verdict == "not testable here"
    assert found_in(old=[(1, 1)], new=[(1, 1)])["better"].verdict == "not testable here"


def test_a_large_gap_of_the_old_network_that_the_new_ones_close_confirms():
    old, new = [(1, 0.5), (0.875, 0.5), (1, 0.625)], [(1, 1), (0.875, 0.875), (1, 1)]
    found = found_in(old=old, new=new, as_drawn=new)
    assert found["overfitting"].verdict == found["better"].verdict == "confirmed"
    assert found["overfitting"].figure.startswith("gap old 0.42 (0.38 to 0.50), new 0.00 (0.00 to 0.00)")
    assert found["better"].numbers["attention, mean"] == pytest.approx(5 / 12)
    assert "after 384 steps" in found["better"].note


def test_who_memorises_less_counts_too():
    old, new = [(1, 0.5), (0.875, 0.5), (1, 0.625)], [(1, 1), (0.875, 0.875), (1, 1)]
    much, little = [(0.1, 0.2), (0.1, 0.3)], [(0.1, 0.11), (0.1, 0.12)]
    won = {"old": old, "new": new, "as_drawn": new}
    found = found_in({"old": much, "new": little, "as_drawn": little}, **won)["overfitting"]
    assert found.verdict == "confirmed"
    assert "nats memorised old 0.150 (0.100 to 0.200), new 0.015" in found.figure
    assert found.numbers["memorised, attention, mean"] == pytest.approx(-0.135)
    as_much = found_in({"old": much, "new": much, "as_drawn": much}, **won)["overfitting"]
    assert as_much.verdict == "off", "the gap in games won is closed, what is memorised is not"


def test_without_a_gap_there_is_none_to_close():
    level = [(0.75, 0.75), (0.5, 0.5), (1, 1)]
    found = found_in(old=level, new=level, as_drawn=level)
    assert found["overfitting"].verdict == found["better"].verdict == "refuted"


def test_a_difference_that_the_seeds_do_not_agree_on_is_none():
    found = found_in(old=[(1, 0.25), (1, 1)], new=[(1, 1), (1, 0.5)])
    assert found["better"].verdict == "undecided"
    assert found["better"].numbers["attention, low"] < 0 < found["better"].numbers["attention, high"]


def test_what_only_one_norm_achieves_is_off():
    found = found_in(old=[(1, 0.5)] * 3, new=[(1, 1)] * 3, as_drawn=[(0.25, 0.25)] * 3)
    assert found["better"].verdict == "off"


def test_networks_are_compared_seed_by_seed():
    """Seeds of other maps would bring their maps' difficulty in: seed 7 has no partner and doesn't count."""
    shares = {(OLD, 0): 0.1, (OLD, 1): 0.8, (NEW, 0): 0.3, (NEW, 1): 1.0, (NEW, 7): 0.0}
    runs = [{"network": name, "seed": seed, "held_out": share} for (name, seed), share in shares.items()]
    assert gained(runs, NEW, won) == pytest.approx(Interval(0.2, 0.2, 0.2))
