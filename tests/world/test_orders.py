"""What the design document's agent never tested: an order changes the world, it can be seen, acting beats idling."""

import numpy as np
import pytest
from helpers.builders import WAIT, board, disc, everyone, random_actions, two_halves

from territory.world import World, WorldParams
from territory.world.actions import NUM_ACTIONS, OFFSETS, Direction, encode, one_step_back
from territory.world.layout import Plane

DIRECTIONS = [direction for direction in Direction if direction is not Direction.WAIT]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_order_conquers_in_its_direction(direction):
    world = board(disc())
    before = world.map_of("owner")[0].copy()
    world.step(everyone(world, encode(direction, 4)))
    won = (world.map_of("owner")[0] == 1) & (before == 0)
    assert won.sum() >= 10
    ahead = np.argwhere(won).mean(axis=0) - np.argwhere(before == 1).mean(axis=0)
    assert ahead @ OFFSETS[direction] > 0.9 * np.linalg.norm(ahead) * np.linalg.norm(OFFSETS[direction])


def test_one_step_back_lies_the_tile_that_an_attack_comes_from():
    tiles = np.array([[1, 2, 3], [4, 5, 6]])
    behind = dict(zip(DIRECTIONS, one_step_back(tiles), strict=True))
    assert behind[Direction.N].tolist() == [[4, 5, 6], [0, 0, 0]]
    assert behind[Direction.E].tolist() == [[0, 1, 2], [0, 4, 5]]
    assert behind[Direction.SW].tolist() == [[0, 0, 0], [2, 3, 0]]
    np.testing.assert_array_equal([each[1] for each in one_step_back(np.stack([0 * tiles, tiles]))], [*behind.values()])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_observation_shows_what_an_order_did(direction):
    world = board(disc())
    before, _ = world.observe()
    world.step(everyone(world, encode(direction, 4)))
    after, _ = world.observe()
    own = after["map"][0, Plane.OWN] > 0
    assert np.array_equal(own, world.map_of("owner")[0] == 1)
    assert own.sum() > (before["map"][0, Plane.OWN] > 0).sum()
    assert (after["map"][0, Plane.UNCLAIMED][own] == 0).all()


@pytest.mark.parametrize(("intensity", "share"), list(enumerate([0.15, 0.30, 0.45, 0.60, 0.75])))
def test_an_order_commits_its_share_of_the_troops(intensity, share):
    world = board(disc(), ticks_per_step=1)
    world.state.troops[0, 1] = 10_000.0
    world.step(everyone(world, encode(Direction.N, intensity)))
    left_home = world.state.attacks[0, 1, Direction.N]
    lost = world.map_of("owner")[0].sum() - 52  # tiles taken, 16 troops each on plains
    assert left_home + 16 * lost == pytest.approx(share * 10_000)


def test_waiting_orders_nothing():
    world = board(disc())
    world.step(everyone(world))
    assert world.state.attacks.sum() == 0 and world.state.tiles[0, 1] == 52


def test_a_second_order_in_a_direction_joins_the_first():
    world = board(two_halves(), ticks_per_step=1)
    world.state.troops[0, 1] = 10_000.0
    world.step(everyone(world, encode(Direction.E, 0)))
    first = world.state.attacks[0, 1, Direction.E]
    home = world.state.troops[0, 1]
    world.step(everyone(world, encode(Direction.E, 0)))
    assert world.state.attacks[0, 1, Direction.E] > first
    assert world.state.attacks[0, 1, Direction.E] <= first + 0.15 * home


@pytest.fixture(scope="module")
def long_games():
    """16 held-out games each of idling and of random allowed actions."""

    def play(policy):
        world = World(16, WorldParams(max_steps=200))
        world.reset(1_000_000 + np.arange(16))
        survived, over = np.zeros(16), np.zeros(16, bool)
        land = np.zeros(16)
        for _ in range(200):
            _, masks = world.observe()
            _, terminated, truncated = world.step(policy(masks))
            survived += ~over
            land = np.maximum(land, world.land_share())
            over |= terminated | truncated
        return survived, land.mean()

    generator = np.random.default_rng(0)
    return play(lambda masks: np.full(16, WAIT)), play(lambda masks: random_actions(masks, generator))


def test_random_play_holds_more_land_than_idling(long_games):
    (_, idle_land), (_, random_land) = long_games
    assert idle_land < 0.01 and random_land > 5 * idle_land


def test_acting_changes_how_long_a_player_survives(long_games):
    """Map by map; longer or shorter is another matter, since orders at random leave the home undefended."""
    (idle_survival, _), (random_survival, _) = long_games
    assert (idle_survival != random_survival).mean() > 0.9


def test_idling_never_pays():
    """An idle player's return is below that of one that expands in any single direction."""

    def returns(action):
        world = World(8, WorldParams(max_steps=100))
        world.reset(np.arange(8))
        total = np.zeros(8)
        for _ in range(100):
            rewards, _, _ = world.step(np.full(8, action))
            total += rewards[:, 1]
        return total.mean()

    idle = returns(WAIT)
    assert all(returns(encode(direction, 1)) > idle for direction in DIRECTIONS)


def test_a_masked_action_has_no_effect():
    """Every masked action, in a state where many are masked, leaves the world where waiting leaves it."""
    _, masks = board(two_halves()).observe()
    masked = np.flatnonzero(~masks[0])
    assert 40 < masked.size < NUM_ACTIONS
    waited = board(two_halves())
    waited.step(everyone(waited))
    for action in masked:
        world = board(two_halves())
        world.step(everyone(world, int(action)))
        for name, value in world.state_dict().items():
            assert np.array_equal(value, waited.state_dict()[name]), (action, name)


def test_an_allowed_action_has_an_effect():
    world = board(two_halves())
    world.state.gold[:] = 1e6
    saved = world.state_dict()
    _, masks = world.observe()
    world.step(everyone(world))
    waited = world.state_dict()
    allowed = [action for action in np.flatnonzero(masks[0]) if action != WAIT]
    assert len(allowed) == 3 * 5 * 2 + 1  # E, NE and SE, with and without a city, and a city alone
    for action in allowed:
        world.load_state_dict(saved)
        world.step(everyone(world, int(action)))
        changed = [name for name, value in world.state_dict().items() if not np.array_equal(value, waited[name])]
        assert changed, action
