"""Games kept as seed and actions: small, played again bit for bit, and never trusted blindly."""

import json

import numpy as np
import pytest
from helpers.builders import random_actions, uniform

from territory.errors import BadInput
from territory.files import write_whole
from territory.world import World, WorldParams
from territory.world.replay import Replay, digest_of, record

SMALL = WorldParams(height=64, width=64, num_bots=3, opponents="mixed", max_steps=40)


def driven_game(params=SMALL, terrain=None, kinds=None, steps=30):
    """A game in which the agent and player 2 are driven at random and the others left to their scripts."""
    generator = np.random.default_rng(1)
    world = World(1, params, terrain, kinds)
    world.reset(np.array([2**63 + 5], np.uint64))
    orders = []
    for _ in range(steps):
        row = np.full(params.num_players + 1, -1)
        for player in (1, 2):
            row[player] = random_actions(world.observe(player)[1], generator)[0]
        world.step(row[None])
        orders.append(row)
    return world, Replay.of(world, orders)


def agents_game(params=SMALL):
    generator = np.random.default_rng(0)
    return record(lambda obs, mask: random_actions(mask[None], generator)[0], params, seed=5)


@pytest.mark.parametrize(("terrain", "kinds"), [(None, None), (uniform(64), ("human", "nation", "human", "bot"))])
def test_a_game_of_several_players_plays_again_bit_for_bit_from_its_file(tmp_path, terrain, kinds):
    world, replay = driven_game(terrain=terrain, kinds=kinds)
    replay.save(tmp_path / "game.npz")
    loaded = Replay.load(tmp_path / "game.npz")
    again = loaded.verify()
    assert all((value == again.state_dict()[name]).all() for name, value in world.state_dict().items())
    assert (loaded.actions == replay.actions).all() and loaded.kinds == kinds
    frames = list(loaded.play())
    assert [frame.action for frame in frames] == [*replay.actions[:, 1].tolist(), -1]


def test_a_whole_game_is_kept_in_about_a_kilobyte(tmp_path):
    game = agents_game(WorldParams())
    game.save(tmp_path / "game.npz")
    assert (tmp_path / "game.npz").stat().st_size < 1000 + len(game.actions)
    assert digest_of(Replay.load(tmp_path / "game.npz").verify()) == game.digest


def test_replays_are_found_in_lists_and_sets():
    orders = np.array([80, 80])
    first, second = Replay(SMALL, 1, orders), Replay(SMALL, 1, orders)
    assert second in [first, second] and {first, second} - {first} == {second}


def test_one_changed_order_is_noticed():
    _, replay = driven_game()
    changed = replay.actions.copy()
    changed[3, 1] = 80 if changed[3, 1] != 80 else 0
    with pytest.raises(BadInput, match="another state than was recorded"):
        Replay(replay.params, replay.seed, changed, None, replay.digest).verify()
    with pytest.raises(BadInput, match="another state than was recorded"):
        list(Replay(replay.params, replay.seed, changed, None, replay.digest).play())


def test_a_game_that_has_not_begun_to_move_is_one_frame():
    world = World(1, SMALL)
    world.reset([4])
    assert len(list(Replay.of(world, []).play())) == 1


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (np.zeros((3, 2), int), "shape"),
        (np.zeros(3), "integers"),
        (np.zeros(3, "m8[s]"), "integers"),
        (np.array([90]), "-1 to 89, got array"),
        (np.array([0, -2]), "-1 to 89, got -2 to 0"),
        (np.array(80), "shape"),
    ],
)
def test_actions_that_no_game_takes_are_refused(actions, said):
    with pytest.raises(BadInput, match=said):
        Replay(SMALL, 0, actions)


@pytest.mark.parametrize("seed", [-1, 2**64, 2.5, True, "soon", None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(BadInput, match="a seed must be a whole number from 0"):
        Replay(SMALL, seed, np.zeros(3, int))


def damaged(path, how):
    """A replay's file with something wrong with it."""
    agents_game().save(path)
    arrays = dict(np.load(path))
    header = json.loads(arrays["header"].tobytes())
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "garbled":
        content = bytearray(path.read_bytes())
        content[80:120] = bytes(40)
        path.write_bytes(content)
    elif how == "text":
        path.write_text("a diary")
    elif how == "pickle":
        np.savez(path, header=np.array([{}], dtype=object))
    else:
        if how == "no actions":
            del arrays["actions"]
        else:
            header |= how
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, **arrays)


@pytest.mark.parametrize(
    "how",
    [
        *("cut off", "garbled", "text", "pickle", "no actions"),
        *(
            {"format": "territory-replay-9"},
            {"params": {"dragons": 3}},
            {"params": {"height": 7}},
            {"seed": "soon"},
            {"seed": -1},
        ),
    ],
    ids=str,
)
def test_a_damaged_file_is_refused_by_name(tmp_path, how):
    path = tmp_path / "game.npz"
    damaged(path, how)
    with pytest.raises(BadInput, match=r"game\.npz is not a replay, or a damaged one"):
        Replay.load(path)


def test_a_game_kept_by_another_version_is_refused_with_both_formats(tmp_path):
    damaged(tmp_path / "game.npz", {"format": "territory-replay-9"})
    with pytest.raises(
        BadInput, match=r"of another version \(expected .* 'territory-replay-2', got 'territory-replay-9'"
    ):
        Replay.load(tmp_path / "game.npz")


def test_what_fails_half_way_leaves_no_file_and_harms_none(tmp_path):
    path = tmp_path / "new" / "thing.txt"
    with write_whole(path) as unfinished:
        unfinished.write_text("whole")
    with pytest.raises(RuntimeError), write_whole(path) as unfinished:
        unfinished.write_text("ha")
        raise RuntimeError
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]
