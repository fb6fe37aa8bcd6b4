"""Whole matches of bots beside those that the real engine played. The table: `python -m tests.oracle.matches`."""

import json

import numpy as np
import pytest
from oracle import matches

from territory.world import World, WorldParams

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def courses():
    """Each kind of match as it went there and here."""
    return [(matches.real_course(real), matches.our_course(real[0])) for real in matches.kinds().values()]


def test_every_real_match_is_compared(courses):
    assert sum(real.alive.shape[1] for real, _ in courses) == 8
    assert all(np.array_equal(real.ticks, ours.ticks) and len(ours.ticks) == 19 for real, ours in courses)


def test_land_is_claimed_as_fast_as_in_the_real_game(courses):
    """90 to 100 % by tick 250, all of it by 500."""
    for real, ours in courses:
        assert ours.at(250).claimed.mean() == pytest.approx(real.at(250).claimed.mean(), abs=0.05)
        assert ours.at(500).claimed.mean() > 0.999


def test_a_real_match_could_be_one_of_ours(courses):
    """Of sixteen games and one more like them, that one is the least or the greatest in two of seventeen."""
    inside = [matches.within(real, ours) for real, ours in courses]
    assert np.mean([each["alive"] for each in inside]) > 0.8
    assert np.mean([each["leader"] for each in inside]) > 0.7


def test_nobody_has_reached_anybody_before_the_real_games_peace_ends():
    """So the fifty ticks in which nobody can be attacked there are no rule here."""
    constants = json.loads(matches.FILE.read_text())["constants"]
    world = World(16, WorldParams(num_bots=50, opponents="mixed"))
    world.reset(np.arange(16))
    before = world.map_of("owner").copy()
    for _ in range(constants["spawn_immunity_ticks"] // world.params.ticks_per_step):
        world.step(np.full((16, 52), -1))
    assert (world.map_of("owner") == before)[before > 0].all()
