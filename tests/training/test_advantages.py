"""Advantages against a plain loop over one game at a time, and by hand where a game ends."""

import numpy as np
import pytest
import torch

from territory.training.losses import gae

GAMMA, LAMBDA = 0.9, 0.8


def plain(rewards, values, next_values, terminated, truncated) -> np.ndarray:
    """The definition: the sum of (gamma lambda)^k delta_(t+k) over the rest of the same game."""
    steps, games = rewards.shape
    advantages = np.zeros((steps, games))
    for game in range(games):
        for start in range(steps):
            weight = 1.0
            for t in range(start, steps):
                after = 0.0 if terminated[t, game] else next_values[t, game]
                delta = rewards[t, game] + GAMMA * after - values[t, game]
                advantages[start, game] += weight * delta
                weight *= GAMMA * LAMBDA
                if terminated[t, game] or truncated[t, game]:
                    break
    return advantages


@pytest.mark.parametrize("seed", range(20))
def test_gae_equals_the_plain_loop(seed):
    random = np.random.default_rng(seed)
    shape = (random.integers(1, 40), random.integers(1, 6))
    rewards, values, next_values = random.normal(size=(3, *shape))
    terminated, truncated = random.random((2, *shape)) < 0.15
    inputs = [torch.from_numpy(array) for array in (rewards, values, next_values, terminated, truncated)]
    ours = gae(*inputs, gamma=GAMMA, gae_lambda=LAMBDA)
    np.testing.assert_allclose(ours, plain(rewards, values, next_values, terminated, truncated), rtol=1e-12)


def one_step(terminated: bool, truncated: bool) -> float:
    def tensor(value):
        return torch.tensor([[value]])

    ends = (tensor(terminated), tensor(truncated))
    return gae(tensor(1.0), tensor(2.0), tensor(10.0), *ends, gamma=GAMMA, gae_lambda=LAMBDA).item()


def test_after_a_termination_nothing_comes():
    assert one_step(terminated=True, truncated=False) == pytest.approx(1 - 2)


def test_after_a_truncation_the_critic_says_what_would_have_come():
    assert one_step(terminated=False, truncated=True) == pytest.approx(1 + 0.9 * 10 - 2)


def test_a_game_that_ends_in_both_ways_at_once_is_over():
    assert one_step(terminated=True, truncated=True) == pytest.approx(1 - 2)


def test_the_next_game_does_not_flow_back_into_the_one_that_ended():
    rewards = torch.tensor([[0.0], [100.0]])
    zeros = torch.zeros(2, 1)
    ended, never = torch.tensor([[True], [False]]), torch.zeros(2, 1, dtype=torch.bool)
    for ends in ((ended, never), (never, ended)):
        assert gae(rewards, zeros, zeros, *ends, gamma=GAMMA, gae_lambda=LAMBDA)[0].item() == 0
