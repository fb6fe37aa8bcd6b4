"""Whole expansions and wars beside the real engine's, column by column, in the mean over 64 seeds."""

import numpy as np
import pytest
from helpers.builders import board, disc, everyone, reference, uniform

from territory.world import rules
from territory.world.state import WHOLE_BORDER

GAMES = 64
FIRST, LAST = 20, 100  # ticks: every moment of the reference between them is compared
# Largest gaps seen over 256 seeds: 3.4 % of the tiles in expansions and 1.1 % in wars, all at tick 20; two runs of the
# real game differ by 1 to 2 %.
TILES = {"expand": 0.045, "war": 0.015}
HOME = 0.003  # seen: 0.24 %
DEFENDER = 0.02  # seen: 1.6 %
UNDER_WAY = 0.04  # of the troops that were sent; seen: 3.4 %


def _trajectories(prefix):
    found = [each for each in reference()["trajectories"] if each["name"].startswith(prefix)]
    return [pytest.param(each, id=each["name"]) for each in found]


def _played(world, real, target, troops):
    """For each moment of the reference: its tick, its columns, and the same columns here.

    `troops` are sent with the whole border on one neighbour after tick 1, since orders take the real game a tick.
    """
    world.state.troops[:, 1] -= troops
    world.state.attacks[:, 1, WHOLE_BORDER + target] += troops
    moments = {row[0]: row[1:] for row in real["rows"] if FIRST <= row[0] <= LAST}
    for tick in range(2, LAST + 1):
        world.step(everyone(world))
        if tick in moments:
            tiles, home = world.state.tiles.mean(axis=0), world.state.troops.mean(axis=0)
            here = [tiles[1], home[1], world.state.attacks[:, 1].sum(axis=1).mean(), tiles[2], home[2]]
            yield f"tick {tick}", moments[tick], here[: len(moments[tick])]


@pytest.mark.parametrize("real", _trajectories("expand"))
def test_an_expansion_follows_the_real_one(real):
    terrain = uniform(128, rules.TERRAINS.index(real["terrain"]))
    world = board(disc(), terrain, games=GAMES, ticks_per_step=1)
    sent = real["attack_fraction"] * rules.START_TROOPS[rules.HUMAN]
    for when, there, here in _played(world, real, 0, sent):
        assert here[0] == pytest.approx(there[0], rel=TILES["expand"]), when
        assert here[1] == pytest.approx(there[1], rel=HOME), when
        assert here[2] == pytest.approx(there[2], abs=UNDER_WAY * sent), when


@pytest.mark.parametrize("real", _trajectories("war"))
def test_a_war_follows_the_real_one(real):
    owner = np.ones((64, 64), np.uint8)
    owner[:, 32:] = 2
    world = board(owner, uniform(64), games=GAMES, ticks_per_step=1)
    troops, enemy_troops, share = map(float, real["name"].split("_")[1:])
    world.state.troops[:, 1:] = troops, enemy_troops
    world.step(everyone(world))  # tick 1: both grow, and what was ordered before it leaves
    sent = share * troops
    for when, there, here in _played(world, real, 2, sent):
        assert here[0] == pytest.approx(there[0], rel=TILES["war"]), when
        assert here[1] == pytest.approx(there[1], rel=HOME), when
        assert here[2] == pytest.approx(there[2], abs=UNDER_WAY * sent), when
        assert here[3] == pytest.approx(there[3], rel=TILES["war"]), when
        assert here[4] == pytest.approx(there[4], rel=DEFENDER), when


def test_every_trajectory_of_the_reference_is_compared():
    assert len(reference()["trajectories"]) == len(_trajectories("expand")) + len(_trajectories("war")) == 8
