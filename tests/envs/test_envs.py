"""`Territory-v0` as gymnasium and others see it."""

import pickle
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from helpers.builders import WAIT, random_actions, uniform

import territory
from territory.world.actions import Direction, encode
from territory.world.params import HELD_OUT_SEED

SMALL = {"height": 32, "width": 32, "num_bots": 2}


def test_gymnasiums_checker_is_content():
    check_env(gymnasium.make("Territory-v0", num_bots=5, render_mode="rgb_array").unwrapped)


def test_stable_baselines_checker_is_content():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gymnasium.make("Territory-v0", num_bots=5).unwrapped, warn=True)


def test_make_vec_gives_the_native_batch():
    envs = gymnasium.make_vec("Territory-v0", num_envs=12, num_bots=5)
    assert type(envs) is territory.envs.TerritoryVectorEnv
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    obs, info = envs.reset(seed=7)
    assert obs in envs.observation_space
    assert info["action_mask"].shape == (12, 90) and info["action_mask"].dtype == bool


def test_the_batch_plays_what_single_environments_play():
    envs = gymnasium.make_vec("Territory-v0", num_envs=3, **SMALL)
    singles = [gymnasium.make("Territory-v0", **SMALL) for _ in range(3)]
    obs, _ = envs.reset(seed=5)
    alone = [env.reset(seed=5 + i)[0] for i, env in enumerate(singles)]
    generator = np.random.default_rng(0)
    for _ in range(30):
        assert all(np.array_equal(obs[name][i], alone[i][name]) for i in range(3) for name in obs)
        actions = random_actions(envs.action_masks(), generator)
        obs, rewards, terminated, truncated, _ = envs.step(actions)
        if (terminated | truncated).any():
            break
        stepped = [env.step(actions[i]) for i, env in enumerate(singles)]
        alone = [each[0] for each in stepped]
        assert rewards.tolist() == [each[1] for each in stepped]


def test_same_step_autoreset_keeps_the_final_observation():
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, max_steps=3, **SMALL)
    single = gymnasium.make("Territory-v0", max_steps=3, **SMALL)
    envs.reset(seed=1)
    single.reset(seed=1)
    for _ in range(3):
        obs, _, terminated, truncated, info = envs.step(np.full(2, WAIT))
        last, _, _, was_truncated, last_info = single.step(WAIT)
    assert truncated.tolist() == [True, True] and not terminated.any() and was_truncated
    assert all(np.array_equal(info["final_obs"][0][name], last[name]) for name in last)
    assert obs["global"][0][7] == 0 and last["global"][7] == 1  # the clock: a new game, the end of the old one
    assert info["_final_obs"].tolist() == info["_final_info"].tolist() == [True, True]
    for name in ("win", "land_share", "rank", "return", "length", "idle_share"):
        assert info["final_info"][name][0] == last_info[name], name
    assert last_info["length"] == 3 and last_info["idle_share"] == 1


def test_an_episode_that_goes_on_has_no_final_anything():
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, **SMALL)
    envs.reset(seed=1)
    info = envs.step(np.full(2, WAIT))[4]
    assert set(info) == {"action_mask", "_action_mask"} and info["_action_mask"].all()


def test_winning_and_losing_terminate_and_time_truncates():
    owner_map = uniform(32)
    env = gymnasium.make("Territory-v0", map=owner_map, num_bots=1).unwrapped
    env.reset(seed=0)
    state = env.world.state
    state.tiles[0] = [0, 1024, 0]
    state.owner[state.terrain > 0] = 1
    state.alive[0, 2] = False
    _, reward, terminated, truncated, info = env.step(WAIT)
    assert terminated and not truncated and info["win"]
    assert reward == pytest.approx(10 * 0 + 5 + 5 * (1 - 1 / 500), abs=0.02)


def test_later_games_follow_from_the_seed_and_stay_off_held_out_maps():
    def seeds(seed):
        envs = gymnasium.make_vec("Territory-v0", num_envs=2, max_steps=1, **SMALL)
        envs.reset(seed=seed)
        seen = []
        for _ in range(20):
            envs.step(np.full(2, WAIT))
            seen += envs.world.state.seed.tolist()
        return seen

    first = seeds(1_000_000)
    assert first == seeds(1_000_000) != seeds(2)
    assert max(first) < HELD_OUT_SEED and len(set(first)) == 40


def test_saved_in_the_middle_and_restored_elsewhere():
    envs = gymnasium.make_vec("Territory-v0", num_envs=3, max_steps=25, **SMALL)
    other = gymnasium.make_vec("Territory-v0", num_envs=3, max_steps=25, **SMALL)
    envs.reset(seed=3)
    action = np.full(3, encode(Direction.E, 1))
    for _ in range(20):
        obs, *_ = envs.step(action)
    restored, info = other.load_state_dict(envs.state_dict())
    assert all(np.array_equal(obs[name], restored[name]) for name in obs)
    assert np.array_equal(info["action_mask"], envs.action_masks())
    for _ in range(20):
        ours, theirs = envs.step(action), other.step(action)
        assert all(np.array_equal(ours[0][name], theirs[0][name]) for name in obs)
        assert np.array_equal(ours[1], theirs[1])
        if "final_info" in ours[4]:
            assert ours[4]["final_info"]["return"].tolist() == theirs[4]["final_info"]["return"].tolist()


def test_rendering_shows_the_map():
    env = gymnasium.make("Territory-v0", render_mode="rgb_array", **SMALL)
    env.reset(seed=0)
    picture = env.render()
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"numbots": 5}, "unexpected keyword argument 'numbots'; there are render_mode, render_scale, map, height"),
        ({"opponents": "dragons"}, "opponents must be one of"),
        ({"render_mode": "hologram"}, "render_mode must be None or one of"),
        ({"map": np.zeros(5)}, "a map is an array"),
    ],
)
def test_a_wrong_argument_is_explained(arguments, said):
    with pytest.raises(territory.BadInput, match=said):
        territory.envs.TerritoryEnv(**arguments)


def test_stepping_before_a_reset_is_explained():
    with pytest.raises(territory.BadInput, match="call reset"):
        territory.envs.TerritoryEnv(**SMALL).step(WAIT)
    with pytest.raises(territory.BadInput, match="call reset"):
        territory.envs.TerritoryVectorEnv(2, **SMALL).step(np.zeros(2, int))


def sent(thing):
    """A copy as it comes out of shared memory: its arrays can't be written to."""
    buffers = []
    written = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(written, buffers=[buffer.raw().tobytes() for buffer in buffers])


@pytest.mark.parametrize("make", [gymnasium.make, partial(gymnasium.make_vec, num_envs=2)])
def test_a_game_that_was_sent_read_only_plays_on(make):
    env = make("Territory-v0", max_steps=4, map=uniform(32), num_bots=2)
    env.reset(seed=1)
    actions = np.full(env.action_space.shape, encode(Direction.E, 1))
    env.step(actions)
    copy = sent(env)
    for _ in range(3):
        one, other = env.step(actions), copy.step(actions)
        assert np.array_equal(one[0]["map"], other[0]["map"]) and np.array_equal(one[1], other[1])
    assert np.all(one[3]) and np.all(other[3])
    assert np.array_equal(env.reset()[0]["map"], copy.reset()[0]["map"])


def test_what_is_sent_of_a_game_is_the_game_and_not_the_room_to_play_in():
    few, many = (len(pickle.dumps(territory.envs.TerritoryEnv(num_bots=bots))) for bots in (1, 50))
    assert many < 1.5 * few < 1e6  # bytes
