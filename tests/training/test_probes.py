"""PPO on games whose values are known exactly: each probe can fail for one reason only."""

import numpy as np
import pytest
import torch
from helpers import probes

from territory.training import PPO, TrainConfig

GAMMA = 0.5


def train(envs, updates: int = 60, **changes) -> PPO:
    torch.manual_seed(0)
    settings = {
        "num_envs": envs.num_envs,
        "num_steps": 8,
        "minibatch_size": 64,
        "update_epochs": 4,
        "learning_rate": 0.01,
        "gamma": GAMMA,
        "device": "cpu",
        "total_timesteps": updates * 8 * envs.num_envs,
    }
    ppo = PPO(TrainConfig(**settings | changes), envs=envs, model=probes.TinyModel())
    for _ in ppo.updates():
        pass
    return ppo


def look(ppo: PPO, sign: float, step: float = 0.0) -> tuple[torch.Tensor, float]:
    """Probabilities and value where the observation shows this sign and step."""
    stats = torch.zeros(1, probes.STATS)
    stats[0, 0], stats[0, 1] = sign, step
    with torch.no_grad():
        logits, value = ppo.model.eval()(torch.zeros(1, 5, probes.SIDE, probes.SIDE, dtype=torch.uint8), stats)
    return logits[0, :2].softmax(0), value.item()


def test_a_constant_reward_of_one_is_worth_one():
    assert look(train(probes.ConstantReward()), 1)[1] == pytest.approx(1, abs=0.05)


def test_a_reward_that_is_shown_is_read_from_the_observation():
    ppo = train(probes.SignReward())
    assert look(ppo, 1)[1] == pytest.approx(1, abs=0.1)
    assert look(ppo, -1)[1] == pytest.approx(-1, abs=0.1)


def test_a_reward_one_step_away_is_worth_gamma():
    ppo = train(probes.Delayed(), updates=100)
    for sign in (-1, 1):
        assert look(ppo, sign, step=0)[1] == pytest.approx(GAMMA, abs=0.1)
        assert look(ppo, sign, step=1)[1] == pytest.approx(1, abs=0.1)


def test_a_game_cut_off_is_worth_as_much_as_one_that_goes_on():
    # 1 + 0.5 + 0.25 + ... = 2; were the cut-off taken for an end, the last step would be worth 1
    ppo = train(probes.CutOff())
    assert look(ppo, 1)[1] == pytest.approx(1 / (1 - GAMMA), abs=0.1)


def test_the_action_that_pays_is_learned():
    ppo = train(probes.ActionReward())
    assert look(ppo, 1)[0][1] > 0.95
    assert ppo.last.win_rate > 0.9
    assert ppo.last.mean_length == 1


def test_the_action_that_suits_the_observation_is_learned():
    ppo = train(probes.Matching(), updates=100)
    assert look(ppo, 1)[0][1] > 0.95
    assert look(ppo, -1)[0][0] > 0.95


def test_a_masked_action_is_never_played():
    envs = probes.ActionReward()
    train(envs, updates=20)
    assert set(np.concatenate(envs.actions_seen)) <= {0, 1}
