"""Playing by hand: buttons are actions, greyed-out buttons are the mask, and the game can be kept."""

import base64

import gymnasium
import numpy as np
import pytest

import territory  # noqa: F401 (registers Territory-v0)
from territory.errors import BadInput
from territory.widgets import GamePlayer
from territory.world.actions import Direction, encode


@pytest.fixture
def env():
    return gymnasium.make("Territory-v0", height=64, width=64, num_bots=2, max_steps=5)


@pytest.fixture
def player(env):
    return GamePlayer(env, seed=3)


def first_allowed(player):
    return next(d for d in Direction if d is not Direction.WAIT and player.mask[encode(d)])


def test_buttons_stand_as_on_a_compass(player):
    assert [button.description for button in player.buttons.values()] == [
        "NW",
        "N",
        "NE",
        "W",
        "WAIT",
        "E",
        "SW",
        "S",
        "SE",
    ]


def test_a_button_plays_its_direction_with_the_chosen_share(player):
    direction, board, planes = first_allowed(player), player.board.value, player.planes.value
    player.intensity.value = 4
    player.buttons[direction].click()
    assert player.actions == [encode(direction, 4)]
    assert f"{direction.name} 75%" in player.status.value and "<b>step 1</b>" in player.status.value
    assert player.board.value != board and player.planes.value != planes


def test_waiting_sends_nobody_whatever_the_share(player):
    player.intensity.value = 3
    player.buttons[Direction.WAIT].click()
    assert player.actions == [encode(Direction.WAIT, 0)]


def test_greyed_out_is_the_mask(player):
    for direction, button in player.buttons.items():
        assert button.disabled == (not player.mask[encode(direction)])
    assert player.build.disabled == (not player.mask[1::2].any())


def test_at_the_end_all_buttons_rest_until_a_new_game(player):
    for _ in range(5):
        player.buttons[Direction.WAIT].click()
    assert player.over and all(button.disabled for button in player.buttons.values())
    assert "You did not win." in player.status.value
    with pytest.raises(BadInput, match="the game is over"):
        player.step(0)
    player.again.click()
    assert not player.over and player.actions == []
    assert not player.buttons[Direction.WAIT].disabled


def test_the_game_so_far_can_be_replayed(player, env):
    for _ in range(2):
        player.buttons[first_allowed(player)].click()
    player.seed.value = 99  # typed, but no new game begun
    frames = list(player.replay().play())  # checks itself that it ends as it was played
    assert len(frames) == 3
    assert (frames[-1].owner == env.unwrapped.world.map_of("owner")[0]).all()


def test_a_game_on_a_map_of_ones_own_can_be_replayed(player):
    terrain = np.ones((32, 32), np.uint8)
    mine = GamePlayer(gymnasium.make("Territory-v0", map=terrain, num_bots=1), seed=5)
    mine.buttons[first_allowed(mine)].click()
    assert len(list(mine.replay().play())) == 2


def test_an_exported_page_keeps_the_board(player):
    assert base64.b64decode(player._repr_mimebundle_()["image/png"]) == player.board.value
