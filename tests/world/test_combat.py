"""Attacks, one sentence a rule."""

import numpy as np
import pytest
from helpers.builders import board, disc, everyone, two_halves, uniform
from numba import njit

from territory.world import rules
from territory.world.actions import Direction, encode
from territory.world.combat import spread
from territory.world.state import RANKING, TARGET, WHOLE_BORDER

E, W = Direction.E, Direction.W


def _one_tick(world, agent=None, enemy=None):
    """One tick with attacks set up by hand: {slot: troops} for players 1 and 2."""
    for player, slots in ((1, agent or {}), (2, enemy or {})):
        for slot, troops in slots.items():
            world.state.attacks[:, player, slot] = troops
    world.step(everyone(world))
    return world.state


@pytest.mark.parametrize(
    ("mine", "theirs"), [(E, W), (WHOLE_BORDER + 2, WHOLE_BORDER + 1), (E, WHOLE_BORDER + 1), (WHOLE_BORDER + 2, W)]
)
def test_opposing_attacks_cancel_one_for_one(mine, theirs):
    world = board(two_halves(), ticks_per_step=1)
    state = _one_tick(world, {mine: 5000.0}, {theirs: 5000.0})
    assert state.attacks.sum() == 0
    assert state.tiles[0, 1] == state.tiles[0, 2] == 512


def test_attacks_that_do_not_meet_both_go_on():
    world = board(two_halves(), ticks_per_step=1)
    state = _one_tick(world, {E: 5000.0}, {Direction.E: 5000.0})  # the enemy pushes away from us: nothing there
    assert state.attacks[0, 1, E] > 0
    assert state.attacks[0, 2, E] == 0 and state.troops[0, 2] > 5000  # its troops went home


def test_an_attack_with_nothing_left_to_take_goes_home():
    owner = np.ones((32, 32), np.uint8)
    owner[0, 0] = 2
    world = board(owner, ticks_per_step=1, collapse_tiles=0)
    world.state.troops[:, 1] = 1000.0
    state = _one_tick(world, {Direction.S: 500.0})
    assert state.attacks[0, 1].sum() == 0 and state.troops[0, 1] > 1500


def test_an_attack_with_less_than_one_troop_is_over():
    state = _one_tick(board(two_halves(), ticks_per_step=1), {E: 0.5})
    assert state.attacks[0, 1, E] == 0 and state.tiles[0, 1] == 512


def test_unclaimed_plains_cost_a_fifth_of_their_magnitude():
    world = board(disc(), ticks_per_step=1)
    state = _one_tick(world, {Direction.N: 5000.0})
    taken = state.tiles[0, 1] - 52
    assert taken > 0
    assert state.attacks[0, 1, Direction.N] == pytest.approx(5000 - taken * 80 / 5)


def test_a_war_costs_both_sides_what_the_formulas_say():
    world = board(two_halves(), ticks_per_step=1)
    world.state.troops[:, 1:] = 30_000.0
    grown = 30_000 + rules.troop_growth(30_000.0, rules.troop_cap(512, 0, "human"), "human")
    state = _one_tick(world, {E: 15_000.0})
    taken = state.tiles[0, 1] - 512
    loss, defender_loss, _ = rules.tile_price("plains", 15_000.0, "human", grown, 512, "human")
    assert taken > 0
    assert state.attacks[0, 1, E] == pytest.approx(15_000 - taken * loss)
    assert state.troops[0, 2] == pytest.approx(grown - taken * defender_loss)


def test_terrain_slows_and_costs():
    def expand(terrain):
        world = board((two_halves() == 1).astype(np.uint8), uniform(32, terrain), games=8, ticks_per_step=5)
        state = _one_tick(world, {Direction.E: 5000.0})
        taken = state.tiles[:, 1].mean() - 512
        return taken, (5000 - state.attacks[:, 1, Direction.E].mean()) / taken

    (plains, plains_cost), (highland, highland_cost), (mountain, mountain_cost) = map(expand, (1, 2, 3))
    assert plains > highland > mountain
    assert (plains_cost, highland_cost, mountain_cost) == pytest.approx((16, 20, 24))


def test_water_is_never_taken():
    terrain = uniform(128)
    terrain[:60] = 0
    world = board(disc(), terrain)
    for _ in range(5):
        world.step(everyone(world, encode(Direction.N, 4)))
    assert (world.map_of("owner")[0][terrain == 0] == 0).all()


@njit
def spread_over(budget, choice, targets, ranking):
    """`combat.spread` has no way in from Python."""
    spread(budget, choice, targets[0], ranking[0])


@pytest.mark.parametrize("choice", [2.0, 9.0])
@pytest.mark.parametrize("budget", [0.5, 10.0, 60.0, 1e6])
def test_the_expected_price_of_what_falls_is_the_budget(budget, choice):
    targets, ranking = np.zeros(1, TARGET), np.zeros(1, RANKING)
    cells, price, chance = (targets[0][name] for name in ("cells", "price", "probability"))
    cells[1, 1], cells[2, 2], cells[4, 3] = 30, 6, 1
    price[:] = 0.0, 5.0, 6.0, 7.0
    spread_over(budget, choice, targets, ranking)
    everything = (cells * price).sum()  # 30*5 + 6*6 + 1*7 = 193
    assert (cells * price * chance).sum() == pytest.approx(min(budget, everything))
    assert chance.max() <= 1 and (chance[4, 3] >= chance[2, 2]) and (chance[2, 2] >= chance[1, 1])


def test_a_small_player_that_loses_a_tile_falls_whole():
    owner = np.ones((32, 32), np.uint8)
    owner[:5, :5] = 2  # 25 tiles, fewer than the 30 of collapse_tiles
    world = board(owner)
    world.state.troops[:, 1], world.state.gold[:, 2] = 50_000.0, 700.0
    world.state.attacks[:, 1, WHOLE_BORDER + 2] = 20_000.0
    _, terminated, _ = world.step(everyone(world))
    assert not world.state.alive[0, 2] and world.state.tiles[0, 1] == 1024
    assert world.state.gold[0, 1] > world.state.gold[0, 2] == 0
    assert terminated[0] and world.has_won()[0]


def test_a_small_player_that_nobody_touches_stays():
    owner = np.ones((32, 32), np.uint8)
    owner[:5, :5] = 2
    world = board(owner)
    world.step(everyone(world))
    assert world.state.alive[0, 2] and world.state.tiles[0, 2] == 25


def test_a_city_changes_hands_with_its_tile():
    owner = two_halves()
    world = board(owner, ticks_per_step=1)
    world.map_of("city")[0, 16, 16] = 1  # in the enemy's front line
    world.state.cities[:, 2] = 1
    world.state.troops[:, 2] = 100.0
    for _ in range(8):
        _one_tick(world, {E: 50_000.0})
    assert world.map_of("owner")[0, 16, 16] == 1
    assert world.state.cities[0].tolist() == [0, 1, 0]


def test_building_costs_gold_stands_deep_inside_and_raises_the_cap():
    world = board(two_halves(), ticks_per_step=1)
    world.state.gold[:, 1] = 60_000.0
    world.step(everyone(world, encode(Direction.WAIT, 0, build=True)))
    row, column = np.argwhere(world.map_of("city")[0])[0]
    assert 7 <= row <= 24 and 7 <= column <= 8  # 16 columns wide: the middle is 8 tiles deep
    assert world.state.gold[0, 1] == 60_000 - 25_000 + 100  # the price, and a tick's income
    assert world.state.cities[0, 1] == 1
    world.step(everyone(world, encode(Direction.WAIT, 0, build=True)))
    assert world.state.cities[0, 1] == 1  # the second costs 50,000


def test_a_defender_that_loses_all_its_tiles_at_once_is_left_with_nothing_and_not_with_less():
    owner = np.ones((32, 32), np.uint8)
    owner[2:30:4, 4] = 2  # seven tiles, each alone among the agent's
    owner[1:4, 5:8] = 0  # free land beside the first: who takes some of it lives on
    world = board(owner, games=64, ticks_per_step=1, collapse_tiles=0)
    world.state.troops[:, 2] = np.linspace(1000, 2000, 64)  # for some, troops / 7 * 7 rounds to more than troops
    world.state.attacks[:, 1, :WHOLE_BORDER] = 50_000.0
    world.state.attacks[:, 2, WHOLE_BORDER] = 2000.0
    world.step(everyone(world))
    lost_all = (world.map_of("owner")[:, 2:30:4, 4] == 1).all(axis=1)
    assert (world.state.troops[lost_all & world.state.alive[:, 2], 2] == 0).sum() > 20
    assert (world.state.troops >= 0).all()
