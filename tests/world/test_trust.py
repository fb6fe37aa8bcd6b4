"""What the engine keeps besides the rules: boards of bits, saved states, replays and machine code."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from helpers.builders import random_actions

from territory.errors import BadInput
from territory.world import World, WorldParams, compiled
from territory.world.actions import OFFSETS
from territory.world.boards import has_front, press_front, push_front
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


def test_the_boards_are_what_the_map_says():
    world = _fresh()
    _play(world, 40)
    state = world.state
    first = 64 * world.settings.margin
    for n in range(4):
        bits = np.unpackbits(state.boards[n].view(np.uint8), axis=1, bitorder="little")
        cells = bits[:, first : first + state.owner.shape[1]].astype(bool)
        for owner, board in enumerate(cells):
            assert np.array_equal(board, (state.owner[n] == owner) & (state.terrain[n] > 0))
            words = np.flatnonzero(state.boards[n, owner])
            assert words.size == 0 or (state.spans[n, owner, 0] <= words[0] and words[-1] < state.spans[n, owner, 1])
        assert bits.sum() == state.land[n], "nothing outside the map"


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (32, 288)])
def test_fronts_are_what_a_search_of_the_whole_map_finds(height, width):
    world = World(2, WorldParams(height=height, width=width, num_bots=4))
    world.reset([3, 4])
    _play(world, 20)
    state, stride = world.state, width + 2
    for n, player in itertools.product(range(2), range(1, 6)):
        owner, land = state.owner[n].reshape(-1, stride), state.terrain[n].reshape(-1, stride) > 0
        pushed = [
            np.roll(owner, step, (0, 1))[land & (owner != player)].tolist().count(player) for step in OFFSETS.tolist()
        ]
        found = np.zeros(state.ground.shape[1], np.uint64)
        for d, cells in enumerate(pushed):
            first, end = push_front(game_of(state, n), world.settings, player, d, found)
            assert np.bitwise_count(found[first:end]).sum() == cells
            assert has_front(game_of(state, n), world.settings, player, d) == (cells > 0)
        beside = np.zeros(owner.shape, bool)
        for step in OFFSETS[::2].tolist():
            beside |= np.roll(owner, step, (0, 1)) == player
        first, end = press_front(game_of(state, n), world.settings, player, state.boards[n, 0], found)
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


def test_no_file_outside_the_cache_key_holds_a_kernel():
    for name in compiled._PLAIN:
        source = (Path(compiled.__file__).parent / name).read_text()
        assert "njit" not in source and "import kernel" not in source and "register_jitable" not in source, name


def test_the_first_game_says_that_it_compiles(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "kernels-none")
    World(1, PARAMS)
    assert "compiling the game for this machine, once" in capsys.readouterr().err
    monkeypatch.undo()
    _fresh(1).step(np.array([80]))
    capsys.readouterr()
    World(1, PARAMS)
    assert capsys.readouterr().err == ""
