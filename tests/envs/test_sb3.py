"""The native batch under Stable-Baselines3."""

import re

import gymnasium
import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

from helpers.builders import WAIT
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecMonitor

import territory
from territory.envs import SB3VecEnv
from territory.errors import BadInput

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


def test_games_are_named_by_their_numbers():
    envs = SB3VecEnv(3, **SMALL)
    envs.reset()
    for indices, games in (
        (None, 3),
        (0, 1),
        (np.int64(2), 1),
        ([0, 2], 2),
        ((1,), 1),
        (range(2), 2),
        (np.arange(3), 3),
    ):
        assert len(envs.env_method("action_masks", indices=indices)) == games
        assert len(envs.get_attr("num_envs", indices=indices)) == len(envs.env_is_wrapped(VecMonitor, indices)) == games
    with pytest.raises(BadInput, match="is set for all games at once"):
        envs.set_attr("render_mode", None, indices=[0])
    envs.set_attr("favourite", 3)
    assert envs.get_attr("favourite") == [3, 3, 3]


NO_GAMES = [3, -1, [0, 3], 1.5, "x", True, [True], [None], [[0]], np.array([0.5]), np.array(1), slice(0, 2)]


@pytest.mark.parametrize("indices", NO_GAMES, ids=str)
def test_games_that_there_are_not_are_refused(indices):
    envs = SB3VecEnv(3, **SMALL)
    for call in (
        lambda: envs.env_method("action_masks", indices=indices),
        lambda: envs.get_attr("num_envs", indices=indices),
        lambda: envs.set_attr("render_mode", None, indices=indices),
        lambda: envs.env_is_wrapped(VecMonitor, indices=indices),
    ):
        with pytest.raises(BadInput, match="an index of a game must be a whole number from 0 to 2"):
            call()


def test_what_the_batch_does_not_have_or_take_is_said():
    envs = SB3VecEnv(2, **SMALL)
    assert not envs.has_attr("nothing")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        envs.env_method("nothing")
    with pytest.raises(BadInput, match="seed must be"):
        envs.seed(2**64 - 1)
    for options in ({"map": 3}, [{"map": 3}, {}], 3, [3, 3]):
        with pytest.raises(BadInput, match=r"reset takes none|options must be"):
            envs.set_options(options)
    envs.set_options([{}, {}])
    envs.reset()
    for _ in range(2):
        with pytest.raises(BadInput, match="call step_async"):
            envs.step_wait()
        envs.step(np.full(2, WAIT))
    with pytest.raises(BadInput, match="takes no options, got num_bots"):
        SB3VecEnv(envs.envs, num_bots=3)
    envs.close()
    envs.close()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_the_recipes_for_their_models_run(algorithm, root, capsys):
    recipes = re.findall(r"```python\n(.*?)```", (root / "docs/clients.md").read_text("utf-8"), re.S)[:2]
    names = {
        "gymnasium": gymnasium,
        "territory": territory,
        "torch": torch,
        "network": territory.models.build("tokens"),
    }
    names["model"] = model = algorithm("MultiInputPolicy", SB3VecEnv(1), n_steps=8, batch_size=8, device="cpu")
    exec("\n".join(recipes).replace("opponents=theirs))", "opponents=theirs, games=1, max_steps=3))"), names)
    obs, _ = names["env"].reset(seed=0)
    names["env"].step(WAIT)
    assert "1 against 5 x function" in capsys.readouterr().out
    own, value = names["agent"].predict(obs)
    seen = model.policy.obs_to_tensor(obs)[0]
    theirs = model.policy.get_distribution(seen).distribution.probs[0]
    np.testing.assert_allclose(own, theirs.detach(), rtol=1e-4)
    np.testing.assert_allclose(value, model.policy.predict_values(seen)[0, 0].item(), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_both_of_their_ppos_learn_on_it(algorithm):
    envs = SB3VecEnv(2, max_steps=8, height=64, width=64)
    model = algorithm("MultiInputPolicy", envs, n_steps=8, batch_size=16, n_epochs=1, device="cpu")
    model.learn(32)
    assert model.num_timesteps == 32 and len(model.ep_info_buffer) == 4
