"""Where an agent attacks, apart from when."""

import copy

import numpy as np
import pytest
import torch

from studies.direction_policy import direction_kl, direction_log_probs, expected_advantage, sharpened, with_directions
from studies.distillation import distil, policies_and_values
from territory import models
from territory.agent import sample_states
from territory.envs.opponents import RandomPolicy
from territory.errors import BadInput
from territory.models.policy import masked_log_softmax


@pytest.fixture
def policy() -> torch.Tensor:
    """Log-probabilities of six states; in the first there is nobody to attack."""
    torch.manual_seed(0)
    mask = torch.rand(6, 90) < 0.4
    mask[1, 20:30] = False  # nobody lives there
    mask[:, 80], mask[0, :80] = True, False
    return masked_log_softmax(torch.randn(6, 90), mask)


def directions(log_probs: torch.Tensor) -> torch.Tensor:
    return log_probs[:, :80].exp().unflatten(1, (8, 10)).sum(2)


def test_a_more_decided_policy_attacks_as_often_and_orders_the_same_but_knows_its_way_better(policy):
    sharp = sharpened(policy, 3.0)
    before, after = directions(policy), directions(sharp)
    torch.testing.assert_close(sharp.exp().sum(1), torch.ones(6))
    torch.testing.assert_close(after.sum(1), before.sum(1))
    torch.testing.assert_close(sharp[:, 80:], policy[:, 80:])
    cubed = before[1:] ** 3
    torch.testing.assert_close(after[1:], cubed / cubed.sum(1, keepdim=True) * before[1:].sum(1, keepdim=True))
    within = [each[1:, :80].exp().unflatten(1, (8, 10)) / directions(each)[1:, :, None] for each in (policy, sharp)]
    torch.testing.assert_close(*within, equal_nan=True)  # 0 / 0 where a direction is closed
    assert torch.equal(sharp == -torch.inf, policy == -torch.inf)


def test_the_error_of_the_aim_does_not_ask_how_likely_an_attack_is(policy):
    rarely = policy.clone()
    rarely[:, :80] -= 5.0
    rarely = masked_log_softmax(rarely, policy > -torch.inf)
    torch.testing.assert_close(direction_kl(policy, rarely), torch.tensor(0.0), atol=1e-6, rtol=0)
    other = masked_log_softmax(torch.randn(6, 90), policy > -torch.inf)
    wanted, found = (torch.distributions.Categorical(probs=each[1:, :80].exp()) for each in (policy, other))
    by_torch = torch.distributions.kl_divergence(wanted, found).mean()
    torch.testing.assert_close(direction_kl(policy, other), by_torch, atol=1e-3, rtol=1e-3)


def test_with_nobody_to_attack_there_is_no_error_and_no_gradient_is_lost(policy):
    assert direction_kl(policy[:1], policy[:1]) == 0
    logits = torch.randn(6, 90, requires_grad=True)
    direction_kl(sharpened(policy, 20.0), masked_log_softmax(logits, policy > -torch.inf)).backward()
    assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0


def test_a_favourite_direction_is_unlearned_from_ones_own_eight_views():
    """A network that likes north-east on every board; what eight views say of it likes no direction more."""
    torch.manual_seed(0)
    network = models.build("tokens")
    with torch.no_grad():
        network.actor[-1].bias[10:20] += 2.0
    states = sample_states(RandomPolicy(), 256, every=2, height=64, width=64, num_bots=4, max_steps=40)
    student = copy.deepcopy(network)
    for _ in distil(student, network, states, epochs=30, views=8, sharpening=1.5):
        pass
    shares = [directions(policies_and_values(each, states)[0]).mean(0).numpy() for each in (network, student)]
    favourite = [share[1] / share.sum() for share in shares]
    assert favourite[0] > 0.3 and favourite[1] < 0.6 * favourite[0]
    assert np.isfinite(shares).all()


def test_a_power_below_one_is_refused():
    states = sample_states(RandomPolicy(), 64, height=64, width=64, num_bots=2, max_steps=20)
    with pytest.raises(BadInput, match="sharpening at least 1"):
        next(distil(models.build("tokens"), models.build("tokens"), states, epochs=1, sharpening=0.5))


def test_a_redirected_policy_has_the_aim_that_it_was_given_and_nothing_else_is_new(policy):
    torch.manual_seed(1)
    other = masked_log_softmax(torch.randn(6, 90), policy > -torch.inf)
    new = with_directions(policy, direction_log_probs(other))
    torch.testing.assert_close(direction_log_probs(new)[1:], direction_log_probs(other)[1:])
    torch.testing.assert_close(directions(new).sum(1), directions(policy).sum(1))
    torch.testing.assert_close(new[:, 80:], policy[:, 80:])
    assert torch.equal(new == -torch.inf, policy == -torch.inf)


def test_the_gain_of_an_aim_is_the_mean_of_what_its_directions_are_worth(policy):
    advantages = torch.randn(6, 8).masked_fill(directions(policy) == 0, 0.0)
    shares = directions(policy)[1:] / directions(policy)[1:].sum(1, keepdim=True)
    torch.testing.assert_close(expected_advantage(policy, advantages)[1:], (shares * advantages[1:]).sum(1))
    assert expected_advantage(policy, advantages)[0] == 0  # nobody to attack


def test_an_aim_with_closed_directions_has_a_gradient(policy):
    logits = torch.randn(6, 90, requires_grad=True)
    log_probs = masked_log_softmax(logits, policy > -torch.inf)
    (
        expected_advantage(log_probs, torch.randn(6, 8)).sum()
        + direction_kl(policy, with_directions(log_probs, direction_log_probs(policy)))
    ).backward()
    assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
    assert (directions(policy)[1:] == 0).any()  # some direction is closed
