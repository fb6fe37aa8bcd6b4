"""What a player sees, recomputed from the state with plain NumPy."""

import numpy as np
import pytest
from helpers.builders import board, everyone, random_actions, two_halves

from territory.errors import BadInput
from territory.world import World, WorldParams, rules
from territory.world.actions import NUM_ACTIONS, OFFSETS, Direction, encode
from territory.world.layout import NUM_STATS, Plane, Stat


@pytest.fixture(scope="module", params=[1, 4])
def played(request):
    """A world in the middle of a game, and what player `request.param` sees."""
    world = World(2, WorldParams(height=64, width=96, num_bots=6, opponents="mixed"))
    world.reset([3, 4])
    generator = np.random.default_rng(0)
    for _ in range(60):
        _, masks = world.observe()
        world.step(random_actions(masks, generator))
    return world, request.param, *world.observe(player=request.param)


def test_planes(played):
    world, player, obs, _ = played
    owner, terrain, city = (world.map_of(field) for field in ("owner", "terrain", "city"))
    planes = obs["map"]
    assert planes.dtype == np.uint8 and planes.shape == (2, 5, 64, 96)
    assert np.array_equal(planes[:, Plane.OWN], 255 * (owner == player))
    assert np.array_equal(planes[:, Plane.ENEMY], 255 * ((owner != player) & (owner != 0)))
    shade = np.array([0, 255, 170, 85])[terrain]
    assert np.array_equal(planes[:, Plane.UNCLAIMED], np.where(owner == 0, shade, 0))
    assert np.array_equal(planes[:, Plane.CITIES], np.where(city == 0, 0, np.where(owner == player, 255, 128)))
    for n in range(2):
        density = world.state.troops[n] / np.maximum(world.state.tiles[n], 1)
        byte = np.floor(255 * np.minimum(1, np.log2(1 + density) / 12) + 0.5)
        byte[0] = 0
        assert np.array_equal(planes[n, Plane.TROOPS], byte[owner[n]])
    assert (
        planes[:, Plane.TROOPS].max() > 0 and (city > 0).any()
    )  # the design document's agent: its troop planes were always zero


def test_stats(played):
    world, player, obs, _ = played
    state, stats = world.state, obs["global"]
    assert stats.dtype == np.float32 and stats.shape == (2, NUM_STATS)
    assert (np.abs(stats) <= 1).all()
    kind = rules.KINDS[state.kind[0, player]]
    cap = rules.troop_cap(state.tiles[:, player], state.cities[:, player], kind)
    committed = state.attacks[:, player].sum(axis=1)
    wanted = {
        Stat.TROOPS_OVER_CAP: state.troops[:, player] / cap,
        Stat.LOG_CAP: np.log10(cap / 1e5) / 1.5,
        Stat.LAND_SHARE: state.tiles[:, player] / state.land,
        Stat.RANK: (world.rank(player) - 1) / 6,
        Stat.PLAYERS_ALIVE: state.alive.sum(axis=1) / 7,
        Stat.TIME: state.step / 500,
        Stat.CITIES: np.minimum(1, state.cities[:, player] / 8),
        Stat.COMMITTED: committed / np.maximum(1, committed + state.troops[:, player]),
        Stat.ACTIVE_FRONTS: np.minimum(1, (state.attacks[:, player] >= 1).sum(axis=1) / 8),
    }
    for stat, value in wanted.items():
        assert stats[:, stat] == pytest.approx(np.clip(value, -1, 1), abs=1e-6), stat.name


def test_mask_offers_exactly_the_directions_with_a_front(played):
    world, player, _, masks = played
    owner, terrain = (np.pad(world.map_of(field), ((0, 0), (1, 1), (1, 1))) for field in ("owner", "terrain"))
    for n in range(2):
        for direction, (down, across) in enumerate(OFFSETS):
            step_back = np.roll(owner[n], (down, across), (0, 1))
            front = (terrain[n] > 0) & (owner[n] != player) & (step_back == player)
            offered = masks[n].reshape(9, 5, 2)[direction, :, 0]
            assert (offered == front.any()).all(), Direction(direction)
        assert masks[n].reshape(9, 5, 2)[8, :, 0].tolist() == [True, False, False, False, False]


def test_strength_of_neighbours_by_hand():
    world = board(two_halves())
    world.state.troops[:, 1:] = 1000.0, 4003.0
    stats = world.observe()[0]["global"][0]
    # log2(4004 / 1001) / 4 = 2 / 4
    assert stats[Stat.STRONGEST_NEIGHBOUR] == stats[Stat.WEAKEST_NEIGHBOUR] == pytest.approx(0.5)
    assert stats[Stat.BORDER_ENEMY_SHARE] == 1


def test_gold_over_the_price_of_a_city_and_the_mask_of_building():
    world = board(two_halves())
    world.state.gold[:, 1] = 24_999.0
    obs, masks = world.observe()
    assert obs["global"][0, Stat.GOLD_OVER_CITY_COST] == pytest.approx(24_999 / 25_000)
    assert not masks[0, 1::2].any()
    world.state.gold[:, 1] = 25_000.0
    assert world.observe()[1][0, encode(Direction.WAIT, 0, build=True)]


def test_a_dead_player_ranks_last_and_may_only_wait():
    owner = np.full((32, 32), 2, np.uint8)
    owner[0, 0] = 1
    world = board(owner)
    world.state.attacks[:, 2, Direction.N] = world.state.attacks[:, 2, Direction.W] = 50_000.0
    _, terminated, _ = world.step(everyone(world))
    obs, masks = world.observe()
    assert terminated[0] and not world.state.alive[0, 1]
    assert obs["global"][0, Stat.RANK] == 1  # the design document's agent got rank 0, the best, when dead
    assert np.flatnonzero(masks[0]).tolist() == [encode(Direction.WAIT)] and masks.shape == (1, NUM_ACTIONS)


def test_whoever_steps_the_games_may_say_where_observations_get_their_memory():
    world, asked = World(2), []

    def empty(shape, kind):
        asked.append(np.empty(shape, kind))
        return asked[-1]

    world.empty = empty
    world.reset(range(2))
    obs, masks = world.observe()
    assert [id(each) for each in asked] == [id(each) for each in (obs["map"], obs["global"], masks)]


def test_what_a_step_observes_is_what_is_observed_after_it():
    seen, apart = (World(12, WorldParams(height=64, width=64)) for _ in range(2))
    out = seen.new_observation()
    for world in (seen, apart):
        world.reset(np.arange(12, dtype=np.uint64))
    for step in range(30):  # shared by threads, or not, as it happens to be quicker
        actions = np.full(12, step % 90)
        assert all(map(np.array_equal, seen.step(actions, out), apart.step(actions)))
        (obs, masks), (later, later_masks) = out, apart.observe()
        assert all(np.array_equal(obs[name], later[name]) for name in obs) and np.array_equal(masks, later_masks)


def test_a_step_that_has_nowhere_to_write_what_it_sees_is_not_played():
    world = World(2, WorldParams(height=32, width=32, num_bots=2))
    world.reset([1, 2])
    before = world.state_dict()
    obs, masks = world.new_observation()
    for out in ((obs, masks[:1]), (obs, masks.astype(np.int8)), obs, ()):
        with pytest.raises(BadInput, match="out must be what new_observation"):
            world.step(np.full(2, 80), out)
    assert all(np.array_equal(value, before[name]) for name, value in world.state_dict().items())
