"""What follows the end of a game, in every mode; and gymnasium's wrappers around it."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as vector_wrappers
from helpers.builders import WAIT

from territory.envs import TerritoryEnv, TerritoryVectorEnv
from territory.errors import BadInput

SMALL = {"height": 32, "width": 32, "num_bots": 2}
MODES = list(AutoresetMode)


def make(mode=AutoresetMode.SAME_STEP, games=2, steps=3, **options):
    world = SMALL | {"max_steps": steps} | options
    if "+" in options.get("opponents", ""):
        del world["num_bots"]  # which a mixture says itself
    return gymnasium.make_vec("Territory-v0", num_envs=games, autoreset_mode=mode, **world)


@pytest.mark.parametrize("mode", MODES)
def test_metadata_and_attribute_say_the_mode(mode):
    for said in (mode, mode.value, mode.name):
        for envs in (make(said), make(said, opponents="2xbot+2xnation")):
            assert envs.autoreset_mode is envs.metadata["autoreset_mode"] is mode
    assert TerritoryVectorEnv(1).metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize("mode", ["same", None, 1, True, ["SAME_STEP"]])
def test_a_mode_that_there_is_not_is_refused(mode):
    with pytest.raises(BadInput, match="autoreset_mode must be one of NEXT_STEP, SAME_STEP, DISABLED"):
        make(mode)


@pytest.mark.parametrize("opponents", ["bot", "2xbot+2xnation"])
def test_the_next_step_begins_a_game_with_no_reward_whatever_its_action(opponents):
    now, later = make("SAME_STEP", opponents=opponents), make("NEXT_STEP", opponents=opponents)
    now.reset(seed=4)
    later.reset(seed=4)
    for _ in range(3):
        out, last = now.step([WAIT, 4]), later.step([WAIT, 4])
    assert last[3].all() and np.array_equal(last[0]["map"][1], out[4]["final_obs"][1]["map"])
    assert "final_obs" not in last[4] and last[4]["final_info"]["length"].tolist() == [3, 3]
    obs, rewards, terminated, truncated, info = later.step([4, WAIT])
    assert np.array_equal(obs["map"], out[0]["map"]) and np.array_equal(info["action_mask"], out[4]["action_mask"])
    assert not rewards.any() and not terminated.any() and not truncated.any() and "final_info" not in info
    one, other = now.step([4, 4]), later.step([4, 4])
    assert np.array_equal(one[0]["map"], other[0]["map"]) and np.array_equal(one[1], other[1])


def test_next_step_is_what_gymnasiums_own_batch_does():
    ours = make("NEXT_STEP", steps=2)
    theirs = SyncVectorEnv([lambda: TerritoryEnv(max_steps=2, **SMALL)] * 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    ours.reset(seed=1)
    theirs.reset(seed=1)
    for step in range(1, 5):
        one, other = ours.step([WAIT, 4]), theirs.step(np.array([WAIT, 4]))
        assert np.array_equal(one[2], other[2]) and np.array_equal(one[3], other[3]), step
        if step < 4:  # later maps are drawn in other ways
            assert np.array_equal(one[1], other[1])
        if step < 3:
            assert np.array_equal(one[0]["map"], other[0]["map"])


@pytest.mark.parametrize("opponents", ["bot", "2xbot+2xnation"])
def test_where_nothing_is_reset_by_itself_games_are_begun_by_a_mask(opponents):
    envs, same = make("DISABLED", opponents=opponents), make("SAME_STEP", opponents=opponents)
    envs.reset(seed=4)
    same.reset(seed=4)
    for _ in range(3):
        out, expected = envs.step([WAIT, 4]), same.step([WAIT, 4])
    ends = out[2] | out[3]
    assert ends.all()
    for _ in range(2):
        with pytest.raises(BadInput, match=r"is over: call reset\(options="):
            envs.step([WAIT, 4])
    obs, _ = envs.reset(options={"reset_mask": np.array([True, False])})
    assert np.array_equal(obs["map"][0], expected[0]["map"][0]) and np.array_equal(obs["map"][1], out[0]["map"][1])
    with pytest.raises(BadInput, match="is over"):
        envs.step([WAIT, 4])
    obs, info = envs.reset(options={"reset_mask": np.array([False, True])})
    assert np.array_equal(obs["map"], expected[0]["map"]) and np.array_equal(info["action_mask"], envs.action_masks())
    assert np.array_equal(envs.step([4, 4])[0]["map"], same.step([4, 4])[0]["map"])


@pytest.mark.parametrize("mode", MODES)
def test_a_reset_mask_begins_some_games_and_leaves_the_others(mode):
    envs = make(mode, games=3, steps=50)
    with pytest.raises(BadInput, match="no game has begun"):
        envs.reset(options={"reset_mask": np.array([True, False, False])})
    envs.reset(seed=0)
    before = envs.step([4, 4, 4])[0]["map"]
    after = envs.reset(seed=7, options={"reset_mask": np.array([False, True, False])})[0]["map"]
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert np.array_equal(after[1], TerritoryEnv(**SMALL).reset(seed=8)[0]["map"])
    assert envs.world.state.step.tolist() == [1, 0, 1]


@pytest.mark.parametrize("mode", MODES)
def test_a_saved_batch_goes_on_in_every_mode(mode):
    envs, other = make(mode), make(mode)
    envs.reset(seed=3)
    for _ in range(3):
        envs.step([WAIT, 4])
    other.load_state_dict(envs.state_dict())
    if mode is AutoresetMode.DISABLED:
        for each in (envs, other):
            each.reset(options={"reset_mask": np.ones(2, bool)})
    for _ in range(2):
        one, two = envs.step([4, WAIT]), other.step([4, WAIT])
        assert np.array_equal(one[0]["map"], two[0]["map"]) and np.array_equal(one[1], two[1])


WRAPPERS = {
    "FlattenObservation": vector_wrappers.FlattenObservation,
    "TransformObservation": lambda envs: vector_wrappers.TransformObservation(envs, lambda obs: obs),
    "DictInfoToList": vector_wrappers.DictInfoToList,
    "RecordEpisodeStatistics": vector_wrappers.RecordEpisodeStatistics,
    "NormalizeReward": vector_wrappers.NormalizeReward,
    "ClipReward": lambda envs: vector_wrappers.ClipReward(envs, -1, 1),
    "NumpyToTorch": lambda envs: vector_wrappers.NumpyToTorch(envs),
    "NormalizeObservation": lambda envs: vector_wrappers.NormalizeObservation(vector_wrappers.FlattenObservation(envs)),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_gymnasiums_wrappers_take_the_batch_across_ends_of_games(name):
    if name == "NumpyToTorch":
        pytest.importorskip("array_api_compat")  # gymnasium's own requirement for it
    envs = WRAPPERS[name](make("NEXT_STEP"))
    envs.reset(seed=0)
    actions = np.array([WAIT, 4])
    if name == "NumpyToTorch":
        actions = torch.as_tensor(actions)
    for _ in range(8):
        obs, rewards, *_ = envs.step(actions)
    assert len(rewards) == 2 and (isinstance(obs, dict) or len(obs) == 2)


TAKE_SAME_STEP = ["NumpyToTorch", "RecordEpisodeStatistics", "ClipReward", "NormalizeReward", "DictInfoToList"]


@pytest.mark.parametrize("name", TAKE_SAME_STEP)
def test_wrappers_that_take_same_step_take_ours(name):
    if name == "NumpyToTorch":
        pytest.importorskip("array_api_compat")  # gymnasium's own requirement for it
    envs = WRAPPERS[name](make("SAME_STEP"))
    envs.reset(seed=0)
    actions = np.array([WAIT, 4])
    if name == "NumpyToTorch":
        actions = torch.as_tensor(actions)
    seen = [envs.step(actions)[4] for _ in range(7)]
    infos = [info[1] for info in seen] if name == "DictInfoToList" else seen
    ends = [info for info in infos if "final_info" in info]
    assert len(ends) == 2
    last = ends[0]["final_obs"] if name == "DictInfoToList" else ends[0]["final_obs"][1]
    assert last["global"][7] == 1 and torch.is_tensor(last["map"]) == (name == "NumpyToTorch")


@pytest.mark.parametrize(
    "wrap",
    [
        wrappers.FlattenObservation,
        wrappers.RecordEpisodeStatistics,
        wrappers.NormalizeReward,
        wrappers.OrderEnforcing,
        wrappers.PassiveEnvChecker,
        wrappers.Autoreset,
        lambda env: wrappers.TimeLimit(env, 2),
        lambda env: wrappers.FilterObservation(env, ["global"]),
        lambda env: wrappers.TransformReward(env, lambda reward: 2 * reward),
        lambda env: wrappers.FrameStackObservation(env, 2),
    ],
)
def test_gymnasiums_wrappers_take_the_single_game(wrap):
    env = wrap(gymnasium.make("Territory-v0", max_steps=3, **SMALL))
    env.reset(seed=0)
    for _ in range(2):
        out = env.step(WAIT)
    assert len(out) == 5
