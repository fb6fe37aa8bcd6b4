"""Playing by hand, without a browser: what Python does with a control, and what it sends to be shown."""

import base64
from io import BytesIO

import gymnasium
import numpy as np
import pytest
from PIL import Image

import territory  # noqa: F401 (registers Territory-v0)
from territory import viz
from territory.errors import BadInput
from territory.widgets import GamePlayer
from territory.world.actions import Direction, encode
from territory.world.layout import Plane, Stat
from territory.world.replay import Replay


def make(**options):
    return gymnasium.make("Territory-v0", **{"height": 64, "width": 64, "num_bots": 2, "max_steps": 5} | options)


@pytest.fixture
def player():
    return GamePlayer(make(), seed=3)


@pytest.fixture
def sent(player, monkeypatch):
    """What the player sends to the browser beside its state."""
    messages = []
    monkeypatch.setattr(player, "send", lambda content, buffers=None: messages.append((content, buffers)))
    return messages


def ask(player, what, **details):
    """As the browser would."""
    player._handle_custom_msg({"ask": what, **details}, [])


def first_allowed(player):
    return next(d for d in Direction if d is not Direction.WAIT and player.mask[encode(d)])


def test_an_order_plays_its_direction_with_the_chosen_share(player):
    direction, board = first_allowed(player), player.board
    player.intensity = 4
    ask(player, "order", direction=int(direction))
    assert player.actions == [encode(direction, 4)]
    assert f"{direction.name} 75%" in player.scene["line"] and player.scene["step"] == 1
    assert player.board != board


def test_what_the_controls_say_may_come_with_an_order(player):
    direction = first_allowed(player)
    ask(player, "order", direction=int(direction), set={"intensity": 2, "build": False})
    assert player.actions == [encode(direction, 2)] and player.intensity == 2


def test_waiting_sends_nobody_whatever_the_share(player):
    player.intensity = 3
    ask(player, "order", direction=int(Direction.WAIT))
    assert player.actions == [encode(Direction.WAIT, 0)]


def test_what_is_shown_is_what_an_agent_is_given(player):
    before = player.obs["global"]
    player.order(first_allowed(player))
    height, width = player.scene["size"]
    assert (np.frombuffer(player.planes, np.uint8).reshape(5, height, width) == player.obs["map"]).all()
    assert player.board == viz.pack_board(player.env.unwrapped.world)
    assert player.scene["mask"] == player.mask.tolist()
    assert player.scene["stats"] == player.obs["global"].tolist() and player.scene["before"] == before.tolist()
    assert player.scene["before"] != player.scene["stats"]
    assert player.scene["land"][0] == pytest.approx(player.obs["global"][Stat.LAND_SHARE])


def test_words_stand_in_the_order_of_what_they_describe(player):
    words = player.words
    assert [name for name, _ in words["stats"]] == [stat.name.replace("_", " ").lower() for stat in Stat]
    assert [name for name, _ in words["planes"]] == [plane.name.lower() for plane in Plane]
    assert all(sentence.endswith(".") for _, sentence in words["stats"] + words["planes"])
    assert "".join(f"{name:>5}" for _, name in words["compass"]) == "   NW    N   NE    W WAIT    E   SW    S   SE"


def test_what_the_mask_forbids_is_said_and_not_played(player):
    ask(player, "order", direction=int(Direction.WAIT))
    forbidden = encode(Direction.WAIT, build=True)
    assert not player.mask[forbidden]
    player.build = True
    serial = player.scene["serial"]
    ask(player, "order", direction=int(Direction.WAIT))
    assert player.actions == [encode(Direction.WAIT)]
    assert "Masked: wait + city" in player.scene["line"] and player.scene["serial"] > serial  # an answer all the same


def test_the_build_toggle_falls_back_where_no_city_can_be_built(player):
    player.build = True
    player.step(encode(Direction.WAIT))
    assert not player.build


def test_a_click_on_the_map_attacks_from_the_nearest_own_tile_towards_it(player):
    row, column = np.argwhere(player.obs["map"][Plane.UNCLAIMED] > 0)[0]
    direction, start = viz.direction_towards(player.env.unwrapped.world.map_of("owner")[0], row, column)
    ask(player, "aim", row=int(row), column=int(column))
    assert player.aim["direction"] == direction and tuple(player.aim["from"]) == start and player.actions == []
    ask(player, "attack", row=int(row), column=int(column))
    assert player.actions == [encode(direction, player.intensity)]


@pytest.mark.parametrize("message", [{"row": 64, "column": 0}, {"row": 0, "column": -1}])
def test_a_click_off_the_board_is_answered_in_words(player, sent, message):
    ask(player, "attack", id=3, **message)
    ((content, _),) = sent
    assert content["re"] == 3 and "must lie on the board of 64 x 64" in content["error"] and player.actions == []


def test_the_end_is_announced_and_nothing_can_be_ordered_until_a_new_game(player):
    player.running = True
    for _ in range(5):
        player.order(Direction.WAIT)
    assert player.scene["over"] and player.scene["mask"] == [] and not player.running
    assert player.scene["line"].startswith("Time is up: nobody won. ") and "after 5 steps" in player.scene["line"]
    with pytest.raises(BadInput, match="the game is over"):
        player.step(0)
    ask(player, "order", direction=0)
    assert len(player.actions) == 5
    ask(player, "restart")
    assert not player.scene["over"] and player.scene["step"] == 0 and player.actions == []


def test_a_new_game_takes_seed_opponents_and_their_number_from_the_controls(player):
    map_before = player.env.unwrapped.world.map_of("terrain").copy()
    player.seed, player.num_bots, player.opponents = 9, 3, "nation"
    ask(player, "restart")
    params = player.env.unwrapped.params
    assert (params.num_bots, params.opponents, params.height, params.max_steps) == (3, "nation", 64, 5)
    assert (player.env.unwrapped.world.map_of("terrain") != map_before).any()
    assert player.env.unwrapped.world.state.seed[0] == 9


def test_more_players_than_the_map_has_room_for_are_refused_and_the_game_goes_on():
    player, said = GamePlayer(make(height=32, width=32)), []
    player.send = lambda content, buffers=None: said.append(content)
    player.num_bots = 50
    ask(player, "restart")
    assert "take fewer bots" in said[0]["error"]
    ask(player, "order", direction=int(Direction.WAIT))
    assert player.scene["step"] == 1


def test_an_agent_as_opponent_stays_a_choice():
    wait = lambda obs, mask: np.full(len(mask), encode(Direction.WAIT))  # noqa: E731
    player = GamePlayer(make(opponents=wait))
    assert player.words["opponents"][:4] == ["bot", "nation", "mixed", "function"]
    player.opponents = "bot"
    player.restart()
    assert player.env.unwrapped.params.opponents == "bot"
    player.opponents = "function"
    player.restart()
    assert player.env.spec.kwargs["opponents"] is wait


def test_no_answer_is_so_small_that_jupyters_server_lets_it_wait(player):
    packets = []
    player.comm.send = lambda data, buffers=None, **_: packets.append((data, buffers))
    for message in ({"id": 1, "ask": "save"}, {"id": 2, "ask": "nonsense"}):
        player._handle_custom_msg(message, [])
    (saved, (archive, rest)), (refused, filling) = packets
    assert saved["content"]["file"].endswith(".npz") and archive[:2] == b"PK" and len(archive) + len(rest) >= 1 << 16
    assert "error" in refused["content"] and len(filling[0]) == 1 << 16


def test_the_game_so_far_can_be_saved_and_replayed(player, sent, tmp_path):
    for _ in range(2):
        player.order(first_allowed(player))
    player.seed = 99  # typed, but no new game begun
    ask(player, "save")
    ((content, (data,)),) = sent
    assert content == {"re": None, "file": "territory-seed-3.npz"}
    (tmp_path / "game.npz").write_bytes(data)
    frames = list(Replay.load(tmp_path / "game.npz").play())  # checks itself that it ends as it was played
    assert len(frames) == 3
    assert (frames[-1].owner == player.env.unwrapped.world.map_of("owner")[0]).all()


def test_a_game_on_a_map_of_ones_own_can_be_replayed():
    mine = GamePlayer(gymnasium.make("Territory-v0", map=np.ones((32, 32), np.uint8), num_bots=1), seed=5)
    mine.order(first_allowed(mine))
    assert len(list(mine.replay().play())) == 2


def test_an_exported_page_keeps_the_moment_as_a_picture(player):
    data, _ = player._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = base64.b64decode(data["image/png"])
    assert Image.open(BytesIO(picture)).size == (1050, 800)
    player.order(first_allowed(player))
    assert player.static_png() != picture


def test_a_step_is_undone_to_the_same_state_and_can_be_played_again(player, sent):
    for _ in range(2):
        player.order(first_allowed(player))
    board, scene, obs = player.board, player.scene, player.obs
    player.order(Direction.WAIT)
    ask(player, "undo", id=1)
    assert sent[-1][0] == {"re": 1}
    assert (
        player.board == board and player.scene["stats"] == scene["stats"] and player.scene["before"] == scene["before"]
    )
    assert player.scene["standing"] == scene["standing"] and len(player.actions) == 2
    assert (player.obs["map"] == obs["map"]).all() and len(list(player.replay().play())) == 3


def test_the_last_step_of_a_game_that_is_over_can_be_undone(player):
    for _ in range(5):
        player.order(Direction.WAIT)
    player.undo()
    assert not player.over and player.scene["step"] == 4 and any(player.scene["mask"])


def test_nothing_to_undo_is_said(player, sent):
    ask(player, "undo", id=1)
    assert "no step to undo" in sent[0][0]["error"]


def test_a_game_that_goes_another_way_is_not_undone_in_silence(sent):
    dice = np.random.default_rng(0)
    chance = lambda obs, mask: np.array([dice.choice(np.flatnonzero(each)) for each in mask])  # noqa: E731
    player = GamePlayer(make(opponents=chance), seed=3)
    for _ in range(4):
        player.order(Direction.WAIT)
    for _ in range(2):  # the second time too: what was kept of its states is that of the game as it now went
        with pytest.raises(BadInput, match="went another way"):
            player.undo()


def test_opponents_that_nobody_is_called_are_refused_and_the_game_goes_on(player):
    player.opponents = "nobody"
    with pytest.raises(BadInput, match="opponents must be one of bot, nation, mixed"):
        player.restart()
    player.order(Direction.WAIT)
    assert len(player.actions) == 1


def test_an_agent_or_a_script_plays_and_is_watched(player, sent):
    ask(player, "go", id=1, set={"player": "steady"})
    assert player.actions == [int(np.argmax(make_mask(player, 0)))]
    ask(player, "go", id=2, set={"player": "attention"})
    assert len(player.actions) == 2
    ask(player, "go", id=3, set={"player": "you"})
    assert player.actions[-1] == encode(Direction.WAIT)
    ask(player, "go", id=4, set={"player": "nobody"})
    assert "got 'nobody'" in sent[-1][0]["error"] and "steady" in sent[-1][0]["error"]


def make_mask(player, step):
    """The mask that was open at a step of the game so far."""
    return next(frame.mask for frame in player.replay().play() if frame.step == step)


def test_two_policies_of_ones_own_are_watched_against_each_other():
    wait = lambda obs, mask: np.full(len(mask), encode(Direction.WAIT))  # noqa: E731
    player = GamePlayer(make(), seed=3, agents={"sleeper": wait})
    player.player = player.opponents = "sleeper"
    player.restart()
    player.go()
    assert player.env.spec.kwargs["opponents"] is wait and player.actions == [encode(Direction.WAIT)]


def test_of_two_views_that_would_go_on_from_one_step_one_does(player):
    for serial in (1, 2):
        ask(player, "go", id=serial, after=0)
    assert len(player.actions) == 1
    ask(player, "go", id=3, after=1)
    assert len(player.actions) == 2


def test_a_policy_that_fails_is_answered_in_words_with_the_traceback(sent, player):
    def broken(obs, mask):
        raise ZeroDivisionError("my own fault")

    player = GamePlayer(make(), seed=3, agents={"mine": broken})
    said = []
    player.send = lambda content, buffers=None: said.append(content)
    ask(player, "go", id=1, set={"player": "mine"})
    ask(player, "order", id=2, direction=int(Direction.WAIT))
    assert said[0]["error"] == "ZeroDivisionError: my own fault" and "in broken" in said[0]["details"]
    assert said[1] == {"re": 2} and len(player.actions) == 1


def test_an_interrupt_in_the_middle_of_an_answer_is_an_answer():
    def interrupted(obs, mask):
        raise KeyboardInterrupt

    player, said = GamePlayer(make(), seed=3, agents={"mine": interrupted}), []
    player.send = lambda content, buffers=None: said.append(content)
    ask(player, "go", id=1, set={"player": "mine"})
    assert (said[0]["re"], said[0]["error"]) == (1, "KeyboardInterrupt")


def test_what_is_no_single_game_no_seed_and_no_policies_by_name_is_refused():
    for env in (None, gymnasium.make("CartPole-v1"), gymnasium.make_vec("Territory-v0", num_envs=2, num_bots=2)):
        with pytest.raises(BadInput, match=r'expected one game, gymnasium.make\("Territory-v0"\); got'):
            GamePlayer(env)
    for seed in (True, "7", -1, 2**31):
        with pytest.raises(BadInput, match="seed must be a whole number from 0"):
            GamePlayer(make(), seed=seed)
    with pytest.raises(BadInput, match=r"a dictionary; got \['steady'\]"):
        GamePlayer(make(), agents=["steady"])
