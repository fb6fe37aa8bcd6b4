"""What the engine keeps besides the rules: bitboards, saved states and replays."""

import itertools

import numpy as np
import pytest
from helpers.builders import random_actions
from numba import njit

from territory.errors import BadInput
from territory.world import World, WorldParams
from territory.world.actions import OFFSETS
from territory.world.bitboards import border_front, directional_front, has_front
from territory.world.replay import Replay, digest_of, record
from territory.world.state import game_of

PARAMS = WorldParams(height=64, width=64, num_bots=8, opponents="mixed")


def _play(world, steps):
    generators = [np.random.default_rng((0, n)) for n in range(world.num_envs)]
    for _ in range(steps):
        _, masks = world.observe()
        actions = [random_actions(masks[n : n + 1], g)[0] for n, g in enumerate(generators)]
        world.step(np.array(actions))


def _fresh(games=4, params=PARAMS):
    world = World(games, params)
    world.reset(100 + np.arange(games))
    return world


def _same(left, right):
    return all(np.array_equal(left[name], right[name]) for name in left)


def test_other_seeds_give_other_games():
    assert not np.array_equal(_fresh().state.terrain[0], _fresh().state.terrain[1])


def test_a_state_of_another_world_is_refused_whole():
    world, other = _fresh(), _fresh(params=WorldParams(height=96, width=64))
    before = world.state_dict()
    with pytest.raises(BadInput, match="saved state of another world"):
        world.load_state_dict(other.state_dict())
    assert _same(before, world.state_dict())


def test_the_bitboards_are_what_the_map_says():
    world = _fresh()
    _play(world, 40)
    state, first = world.state, 64 * world.settings["margin"][0]
    for n in range(4):
        boards, players = state.game.bitboards[n], state.game.players[n]
        bits = np.unpackbits(boards.view(np.uint8), axis=1, bitorder="little")
        cells = bits[:, first : first + state.owner.shape[1]].astype(bool)
        for owner, board in enumerate(cells):
            assert np.array_equal(board, (state.owner[n] == owner) & (state.terrain[n] > 0))
            words = np.flatnonzero(boards[owner])
            reach = range(players["first_word"][owner], players["end_word"][owner])
            assert words.size == 0 or (words[0] in reach and words[-1] in reach)
        assert bits.sum() == state.land[n], "nothing outside the map"


@njit
def front_ahead(games, settings, n, player, direction, front):
    """The kernels have no way in from Python."""
    game = game_of(games, n)
    first, end = directional_front(game, settings[0], player, direction, front)
    return first, end, has_front(game, settings[0], player, direction, game.land_board)


@njit
def front_around(games, settings, n, player, front):
    game = game_of(games, n)
    return border_front(game, settings[0], player, game.bitboards[0], front)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (32, 288)])
def test_fronts_are_what_a_search_of_the_whole_map_finds(height, width):
    world = World(2, WorldParams(height=height, width=width, num_bots=4))
    world.reset([3, 4])
    _play(world, 20)
    state, game, stride = world.state, world.state.game, width + 2
    for n, player in itertools.product(range(2), range(1, 6)):
        owner, land = state.owner[n].reshape(-1, stride), state.terrain[n].reshape(-1, stride) > 0
        ahead = [
            np.roll(owner, step, (0, 1))[land & (owner != player)].tolist().count(player) for step in OFFSETS.tolist()
        ]
        found = np.zeros(game.land_board.shape[1], np.uint64)
        for d, cells in enumerate(ahead):
            first, end, some = front_ahead(game, world.settings, n, player, d, found)
            assert np.bitwise_count(found[first:end]).sum() == cells
            assert some == (cells > 0)
        beside = np.zeros(owner.shape, bool)
        for step in OFFSETS[::2].tolist():
            beside |= np.roll(owner, step, (0, 1)) == player
        first, end = front_around(game, world.settings, n, player, found)
        assert np.bitwise_count(found[first:end]).sum() == (beside & land & (owner == 0)).sum()


def test_a_replay_plays_again_and_survives_its_file(tmp_path):
    generator = np.random.default_rng(0)
    params = WorldParams(height=64, width=64, num_bots=3, max_steps=40)
    replay = record(lambda obs, mask: random_actions(mask[None], generator)[0], params, seed=5)
    replay.save(tmp_path / "game.npz")
    loaded = Replay.load(tmp_path / "game.npz")
    frames = list(loaded.play())  # raises if it ends otherwise than recorded
    assert len(frames) == len(replay.actions) + 1
    assert loaded.digest == replay.digest and frames[-1].action == -1
    assert loaded.params == params


def test_a_replay_that_went_another_way_is_noticed():
    params = WorldParams(height=64, width=64, num_bots=3, max_steps=10)
    replay = record(lambda obs, mask: int(np.flatnonzero(mask)[0]), params, seed=5)
    changed = Replay(params, replay.seed + 1, replay.actions, None, replay.digest)
    with pytest.raises(BadInput, match="another state than was recorded"):
        list(changed.play())


def test_a_file_that_is_no_replay_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("not a game")
    with pytest.raises(BadInput, match="not a replay, or a damaged one"):
        Replay.load(tmp_path / "text.npz")
    with pytest.raises(BadInput, match="no replay at"):
        Replay.load(tmp_path / "missing.npz")


def test_the_digest_notices_one_tile():
    world = _fresh(1)
    before = digest_of(world)
    world.state.owner[0, np.flatnonzero(world.state.owner[0])[0]] = 0
    assert digest_of(world) != before
