"""What a caller passes is judged before anything runs: kind by kind, and by the batch as strictly as by one game."""

import copy
from decimal import Decimal

import gymnasium
import numpy as np
import pytest
import torch
from helpers.builders import WAIT

from territory.envs import IdlePolicy, TerritoryEnv, TerritoryParallelEnv, TerritoryVectorEnv
from territory.errors import BadInput
from territory.world import Replay, World, WorldParams
from territory.world.replay import record

SMALL = {"height": 32, "width": 32, "num_bots": 2}


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no words for this")


NO_NUMBERS = [None, "3", b"3", [], [3], {}, object(), np.ones(1), 1j, Decimal(3), float("nan"), float("inf"), True]
NO_NUMBERS += [np.timedelta64(3, "s"), np.ma.masked, np.array(3), [10**6000], Unshowable()]
NO_WHOLE = [*NO_NUMBERS, 2.5, 3.0, np.float32(3), np.bool_(True), -1, 10**6000, np.nan]
WHOLE = (
    "height",
    "width",
    "num_bots",
    "max_steps",
    "ticks_per_step",
    "spawn_spacing",
    "collapse_tiles",
    "city_spacing",
)
REAL = ("water_share", "mountain_share", "highland_share", "win_share", "city_price", "city_price_limit")
REWARDS = ("land_reward", "win_reward", "speed_reward", "elimination_reward")


def kind(value):
    """A short name for a case."""
    return type(value).__name__


def single():
    env = TerritoryEnv(**SMALL)
    env.reset(seed=0)
    return env


def batch(games=2, **options):
    envs = TerritoryVectorEnv(games, **SMALL | options)
    envs.reset(seed=0)
    return envs


@pytest.mark.parametrize("name", WHOLE)
def test_a_parameter_that_is_no_whole_number_in_range_is_refused(name):
    for value in NO_WHOLE:
        with pytest.raises(BadInput, match=f"{name} must be a (whole number|multiple of 32)"):
            WorldParams(**{name: value})


@pytest.mark.parametrize("name", REAL + REWARDS)
def test_a_parameter_that_is_no_finite_number_in_range_is_refused(name):
    for value in [*NO_NUMBERS, np.float64("nan"), -np.inf, 1e300, 10**6000, *([-0.1] if name in REAL else [])]:
        with pytest.raises(BadInput, match=f"{name} must be a number from"):
            WorldParams(**{name: value})


def test_prices_of_nothing_are_refused():
    for price in (0, 0.0, -5):
        with pytest.raises(BadInput, match="city_price must be a number from 1"):
            TerritoryEnv(city_price=price)


def test_numpys_numbers_are_welcome_and_kept_as_pythons():
    params = WorldParams(
        height=np.int32(64), num_bots=np.int8(3), water_share=np.float32(0.25), city_price=np.int64(500)
    )
    assert params == WorldParams(height=64, num_bots=3, water_share=0.25, city_price=500.0)
    assert {type(value) for value in params.as_dict().values()} == {int, float, str}


@pytest.mark.parametrize("opponents", [3, b"bot", [], ["bot"], {"bot"}, np.array(["bot"]), 1.5, True, IdlePolicy])
def test_opponents_that_are_no_name_and_cannot_play_are_refused(opponents):
    for make in (TerritoryEnv, TerritoryVectorEnv, WorldParams):
        with pytest.raises(BadInput, match="opponents must be one of"):
            make(opponents=opponents)


@pytest.mark.parametrize(
    "terrain",
    [
        np.full((64, 64), 0.5),
        np.random.default_rng(0).random((64, 64)),
        np.full((64, 64), np.nan),
        np.full((64, 64), np.inf),
        np.full((64, 64), 4),
        np.full((64, 64), -1),
        np.full((64, 64), 255, np.uint8),
        np.ones((64, 64), bool),
        np.full((64, 64), "1"),
        np.full((64, 64), None),
        np.ones((64, 64), complex),
        np.ones((0, 64), int),
        np.ones((64, 64, 64, 64), np.uint8),
        np.ones(64, int),
        [[1, 2], [3]],
        3,
        True,
        {"map": 1},
    ],
    ids=lambda terrain: f"{np.asarray(terrain, object).shape}",
)
def test_a_map_that_is_none_is_refused_and_at_once(terrain):
    for make in (TerritoryEnv, TerritoryVectorEnv, TerritoryParallelEnv):
        with pytest.raises(BadInput, match="map"):
            make(map=terrain)


def test_a_map_is_the_games_own():
    terrain = np.ones((32, 32))
    env = TerritoryEnv(map=terrain, num_bots=1)
    env.reset(seed=0)
    terrain[:] = 0
    assert env.replay().terrain.all() and env.replay().terrain.dtype == np.uint8


@pytest.mark.parametrize("num_envs", [*NO_WHOLE, 0, 2**31, 2**20], ids=kind)
def test_a_number_of_games_that_is_none_is_refused(num_envs):
    for make in (TerritoryVectorEnv, lambda n: gymnasium.make_vec("Territory-v0", num_envs=n, opponents="2xbot+3xbot")):
        with pytest.raises(
            (BadInput, gymnasium.error.Error) if num_envs is None else BadInput, match="num_envs must be"
        ):
            make(num_envs)


@pytest.mark.parametrize(
    "how", [{"render_scale": 0}, {"render_scale": 1.5}, {"render_mode": 3}, {"render_mode": ["x"]}]
)
def test_a_way_to_draw_that_there_is_not_is_refused(how):
    for make in (TerritoryEnv, TerritoryVectorEnv, TerritoryParallelEnv):
        with pytest.raises(BadInput, match="render_"):
            make(**how)


@pytest.mark.parametrize("name", ["frameskip", "numbots", "opponent"])
def test_an_unknown_argument_is_a_type_error_in_pythons_words_too(name):
    for make in (TerritoryEnv, TerritoryVectorEnv, TerritoryParallelEnv):
        for kind in (TypeError, BadInput):
            with pytest.raises(kind, match=f"got an unexpected keyword argument '{name}'"):
                make(**{name: 1})


@pytest.mark.parametrize(
    "action", [90, -1, 0.5, 80.0, "north", b"80", None, True, np.array([1, 2]), [80], 10**6000, np.nan], ids=kind
)
def test_an_action_that_is_none_is_refused_before_anything_moves(action):
    env, envs = single(), batch()
    arena = TerritoryParallelEnv(2, height=32, width=32)
    arena.reset(seed=0)
    for step in (
        lambda: env.step(action),
        lambda: envs.step([80, action]),
        lambda: arena.step({"player_1": 80, "player_2": action}),
    ):
        with pytest.raises(BadInput, match="action"):
            step()
    assert [each.world.state.tick.sum() for each in (env, envs, arena)] == [0, 0, 0]


def test_actions_of_another_number_or_shape_are_refused():
    envs = batch()
    for actions in ([80], [80] * 3, [[80, 80]], np.zeros((2, 4), int), [], [[80], [80, 80]]):
        with pytest.raises(BadInput, match="actions must be"):
            envs.step(actions)


def test_numpys_integers_are_actions():
    env, envs = single(), batch()
    for action in (np.int8(80), np.uint64(80), np.array(80)):
        env.step(action)
    for actions in ([80, 80], (80, 80), np.full(2, 80, np.uint8)):
        envs.step(actions)


@pytest.mark.parametrize(
    "seed", [-1, 1.5, 2**64, 10**6000, "7", True, np.nan, np.float64(3), [1.5, 2.5], [1, 2, 3], [1, -1]], ids=kind
)
def test_a_seed_that_is_none_is_refused(seed):
    game = single()
    before = game.world.state_dict()
    for env in (game, batch(), TerritoryParallelEnv(2, height=32, width=32)):
        with pytest.raises(BadInput, match="seed must be"):
            env.reset(seed=seed)
    assert all(np.array_equal(before[name], value) for name, value in game.world.state_dict().items())


def test_what_only_looks_like_a_list_or_a_number_is_refused():
    hidden = np.ma.masked_array([80, 80], [False, True])
    for call in (
        lambda: single().step(np.ma.masked_array(80, True)),
        lambda: batch().step(hidden),
        lambda: batch().reset(seed=np.array(2)),
        lambda: batch().reset(seed={3, 4}),
        lambda: World(2, WorldParams(**SMALL)).reset(np.array(2)),
        lambda: World(1, WorldParams(**SMALL), kinds=3),
        lambda: TerritoryEnv(map=np.broadcast_to(np.uint8(1), (10**5, 10**5, 3))),
        lambda: TerritoryEnv(map=np.zeros((0, 0, 3))),
        lambda: TerritoryEnv(map=np.full((32, 32, 3), -1.0)),
    ):
        with pytest.raises(BadInput):
            call()


def test_a_message_is_one_line_whatever_was_passed():
    for value in (np.ones((3, 3)), np.ma.masked_array([1, 2], [0, 1]), "a\nb", [10**6000], Unshowable()):
        with pytest.raises(BadInput) as caught:
            single().reset(seed=value)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_the_largest_seeds_are_played():
    env, envs = single(), batch()
    for seed in (2**63, 2**64 - 2, np.uint64(2**63)):
        first, _ = env.reset(seed=seed)
        both, _ = envs.reset(seed=seed)
        assert np.array_equal(first["map"], both["map"][0])
    with pytest.raises(BadInput, match="seed must be"):
        envs.reset(seed=2**64 - 1)  # the second game's would be one more


def test_several_seeds_decide_what_follows_as_one_does():
    envs = batch()
    games = []
    for _ in range(2):
        first = envs.reset(seed=[5, 2**64 - 1])[0]["map"].copy()
        games.append((first, envs.reset()[0]["map"].copy()))
    assert all(np.array_equal(one, other) for one, other in zip(*games, strict=True))
    assert np.array_equal(games[0][0][0], batch().reset(seed=5)[0]["map"][0])


@pytest.mark.parametrize(
    "asked",
    [
        {"seed": [1, 2, 3, -1]},
        {"seed": np.ma.masked_array([1, 2, 3, 4], [0, 0, 0, 1])},
        {"options": {"reset_mask": [True, True, True, 1]}},
        {"options": {"reset_mask": np.ones((4, 1), bool)}},
        {"seed": 2**64 - 3},
    ],
)
def test_a_reset_that_is_refused_begins_no_game_of_a_mixture_either(asked):
    plain, mixed = batch(4), TerritoryVectorEnv(4, opponents="2xbot+2xnation", height=32, width=32)
    mixed.reset(seed=range(7, 11))
    for envs in (plain, mixed):
        envs.step([WAIT] * 4)
        before = envs.state_dict()
        with pytest.raises(BadInput, match=r"seed must be|reset_mask must be"):
            envs.reset(**asked)
        assert all(np.array_equal(before[name], value) for name, value in envs.state_dict().items())


def test_none_among_several_seeds_is_a_random_one():
    envs = batch()
    first, again = envs.reset(seed=[5, None])[0]["map"], envs.reset(seed=[5, None])[0]["map"]
    assert np.array_equal(first[0], again[0]) and not np.array_equal(first[1], again[1])
    envs.reset(seed=0)
    same = envs.reset(seed=[5, None])[0]["map"]
    envs.reset(seed=0)
    assert np.array_equal(same, envs.reset(seed=[5, None])[0]["map"])


@pytest.mark.parametrize("options", [3, "reset_mask", [1], {"reset_mask": [1, 0]}, {"reset_mask": np.ones(3, bool)}])
def test_options_that_are_none_are_refused(options):
    with pytest.raises(BadInput, match=r"options must be|reset_mask must be"):
        batch().reset(options=options)


def test_an_option_that_there_is_not_is_refused():
    for env in (single(), batch(), TerritoryParallelEnv(2, height=32, width=32)):
        env.reset(options={})
        with pytest.raises(BadInput, match=r"reset takes .* as options, got 'foo'"):
            env.reset(options={"foo": 1})


def test_what_is_returned_is_the_callers_own():
    env, envs = single(), batch()
    for each, wait in ((env, WAIT), (envs, [WAIT, WAIT])):
        obs, info = each.reset(seed=0)
        for _ in range(2):
            kept = each.action_masks().copy()
            for array in (info["action_mask"], each.action_masks(), *obs.values()):
                array[:] = 1
            assert np.array_equal(each.action_masks(), kept) and not kept.all()
            obs, *_, info = each.step(wait)
            assert np.array_equal(info["action_mask"], each.action_masks())


@pytest.mark.parametrize("dtype", [bool, np.int8])
def test_spaces_sample_with_the_mask(dtype):
    env, envs = single(), batch()
    mask, masks = env.action_masks().astype(dtype), envs.action_masks().astype(dtype)
    for _ in range(20):
        assert mask[env.action_space.sample(mask)]
        assert all(masks[np.arange(2), envs.action_space.sample(masks)])
    assert envs.action_space == gymnasium.vector.utils.batch_space(env.action_space, 2)


def test_a_copy_of_an_environment_plays_on_by_itself():
    env = single()
    other = copy.deepcopy(env)
    env.step(4)
    assert other.world.state.step[0] == 0
    assert np.array_equal(other.step(4)[0]["map"], env.world.observe()[0]["map"][0])


@pytest.mark.parametrize("values", [[True, 4], [4, np.True_], (False, 0)])
def test_truth_values_are_no_numbers_wherever_numbers_are_listed(values):
    world, envs = World(2, WorldParams(**SMALL)), batch()
    world.reset([1, 2])
    for call in (
        lambda: world.step(values),
        lambda: world.observe(which=values),
        lambda: world.reset([1, 2], which=values),
        lambda: world.reset(values),
        lambda: envs.step(values),
        lambda: envs.reset(seed=values),
        lambda: TerritoryEnv(map=[values * 16] * 32),
    ):
        with pytest.raises(BadInput):
            call()
    assert world.state.step.tolist() == [0, 0]


def test_tensors_are_actions_where_they_are_whole_numbers():
    env, envs = single(), batch()
    env.step(torch.tensor(80))
    envs.step(torch.tensor([80, 80]))
    for action in (torch.tensor(80.0), torch.tensor(True), torch.tensor([80])):
        with pytest.raises(BadInput, match="an action must be an integer"):
            env.step(action)


@pytest.mark.parametrize("mask", [np.ones(89, bool), np.full(90, 0.5), np.full(90, 2), "x", [1, "a"]], ids=kind)
def test_a_mask_that_is_none_is_refused_by_the_spaces(mask):
    for space, given in ((single().action_space, mask), (batch().action_space, [mask, mask])):
        with pytest.raises(BadInput, match="mask must be"):
            space.sample(given)


def test_before_the_first_game_masks_allow_nothing():
    assert not TerritoryVectorEnv(2, **SMALL).action_masks().any() and not TerritoryEnv(**SMALL).action_masks().any()
    assert TerritoryVectorEnv(2, **SMALL).action_masks().shape == (2, 90)


def test_a_saved_state_of_something_else_is_refused():
    mixed = TerritoryVectorEnv(2, opponents="2xbot+2xnation", height=32, width=32)
    mixed.reset(seed=0)
    for game in (batch(), World(2, WorldParams(**SMALL)), mixed):
        for state in (None, {}, {3: np.ones(2)}, {"seeds": 3}, [1], game.state_dict() | {"more": np.ones(2)}):
            with pytest.raises(BadInput, match="saved state of another"):
                game.load_state_dict(state)
        game.load_state_dict(game.state_dict()) if isinstance(game, TerritoryVectorEnv) else None
    for name in ("1.games", "0.episodes.lengths", "1.episodes.idle"):
        with pytest.raises(BadInput, match=f"{name} counts, and is negative"):
            mixed.load_state_dict(mixed.state_dict() | {name: np.array([-1])})


def test_agents_that_there_are_not_have_no_spaces():
    arena = TerritoryParallelEnv(2, height=32, width=32)
    for space in (arena.observation_space, arena.action_space):
        with pytest.raises(BadInput, match="agent must be one of player_1, player_2"):
            space("player_3")


def test_nothing_is_asked_of_a_game_before_it_begins():
    world, env = World(2, WorldParams(**SMALL)), TerritoryEnv(**SMALL)
    for call in (lambda: world.step([80, 80]), world.observe, world.land_share, env.replay):
        with pytest.raises(BadInput, match="no game has begun"):
            call()
    world.reset([7], which=[1])
    assert world.observe(which=[1])[1][1].any()
    with pytest.raises(BadInput, match="no game has begun"):
        world.observe(which=[0, 1])


def test_a_world_writes_only_where_there_is_room():
    world = World(2, WorldParams(**SMALL))
    world.reset([1, 2])
    obs, masks = World(1, WorldParams(**SMALL)).new_observation()
    fixed = world.new_observation()
    fixed[1].flags.writeable = False
    for out in ((obs, masks), 3, ({}, masks), (obs, None), fixed):
        with pytest.raises(BadInput, match="out must be"):
            world.observe(out=out)


def test_a_replay_is_made_of_what_a_game_is_made_of():
    params, orders = WorldParams(**SMALL), [80, 80]
    assert Replay(params, 1, orders, terrain=np.ones((32, 32))).terrain.dtype == np.uint8
    for call in (
        lambda: Replay(3, 1, orders),
        lambda: Replay(params, 1, None),
        lambda: Replay(params, 1, [True, 3]),
        lambda: Replay(params, 1, orders, kinds=3),
        lambda: Replay(params, 1, orders, terrain="x"),
        lambda: Replay(params, 1, orders, digest=3),
        lambda: record(lambda obs, mask: 1.5, params, 1),
        lambda: record(lambda obs, mask: None, params, 1),
        lambda: record(lambda obs, mask: 80, params, -1),
        lambda: record(lambda obs, mask: 80, 3, 1),
        lambda: Replay.of(batch().world, []),
    ):
        with pytest.raises(BadInput):
            call()


def test_a_world_refuses_games_and_players_that_there_are_not():
    world = World(2, WorldParams(**SMALL))
    world.reset([1, 2])
    for call in (
        lambda: world.has_won(4),
        lambda: world.has_won(True),
        lambda: world.rank(-1),
        lambda: world.land_share("x"),
        lambda: world.map_of("troops"),
        lambda: world.observe(player=4),
        lambda: world.observe(which=[2]),
        lambda: world.reset([1], which=[-1]),
        lambda: world.reset([-1, 0]),
        lambda: World(1, WorldParams(**SMALL), kinds=["human", "bot", 3]),
    ):
        with pytest.raises(BadInput):
            call()
