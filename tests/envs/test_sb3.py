"""The native batch under Stable-Baselines3."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from helpers.builders import WAIT
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecMonitor

from territory.envs import SB3VecEnv

SMALL = {"height": 32, "width": 32, "num_bots": 2}


def test_it_plays_what_their_own_batch_plays():
    ours = SB3VecEnv(3, **SMALL)
    theirs = make_vec_env("Territory-v0", n_envs=3, env_kwargs=SMALL)
    for each in (ours, theirs):
        each.seed(5)
    one, other = ours.reset(), theirs.reset()
    for _ in range(10):
        assert all(np.array_equal(one[name], other[name]) for name in one)
        assert np.array_equal(get_action_masks(ours), get_action_masks(theirs))
        actions = np.array([4, WAIT, 24])
        one, rewards, dones, _ = ours.step(actions)
        other, wanted, over, _ = theirs.step(actions)
        assert np.allclose(rewards, wanted) and np.array_equal(dones, over)


def test_the_end_of_a_game_is_told_as_theirs_is():
    envs = SB3VecEnv(2, max_steps=3, **SMALL)
    envs.reset()
    for _ in range(3):
        obs, _, dones, infos = envs.step(np.full(2, WAIT))
    assert dones.all() and obs["global"][0, 7] == 0
    assert infos[0]["terminal_observation"]["global"][7] == 1 and infos[0]["TimeLimit.truncated"]
    assert infos[0]["episode"]["l"] == 3 and {"win", "rank", "land_share"} < set(infos[0])


def test_masks_and_attributes_are_there_game_by_game():
    envs = SB3VecEnv(3, **SMALL)
    envs.reset()
    assert is_masking_supported(envs) and envs.env_method("action_masks", indices=[1])[0].shape == (90,)
    assert envs.get_attr("num_envs", indices=0) == [3] and envs.env_is_wrapped(VecMonitor) == [False] * 3
    assert SB3VecEnv(1, render_mode="rgb_array", **SMALL).get_images() is not None


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_both_of_their_ppos_learn_on_it(algorithm):
    envs = SB3VecEnv(2, max_steps=8, height=64, width=64)
    model = algorithm("MultiInputPolicy", envs, n_steps=8, batch_size=16, n_epochs=1, device="cpu")
    model.learn(32)
    assert model.num_timesteps == 32 and len(model.ep_info_buffer) == 4
