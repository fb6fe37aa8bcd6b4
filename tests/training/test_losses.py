"""Each term of the loss, with the sum beside the assert, and masks that must hold exactly."""

import math

import pytest
import torch

from territory.models.policy import log_prob_of, masked_log_softmax
from territory.training import losses

MASK = torch.tensor([[True, True, False], [True, False, False]])


def test_masked_actions_have_probability_exactly_zero_and_the_rest_sums_to_one():
    log_probs = masked_log_softmax(torch.tensor([[0.0, 0.0, 50.0], [1.0, 2.0, 3.0]]), MASK)
    probabilities = log_probs.exp()
    assert torch.equal(probabilities[~MASK], torch.zeros(3))
    assert torch.equal(probabilities, torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))


def test_masked_actions_never_enter_the_entropy():
    entropy = losses.entropy(masked_log_softmax(torch.tensor([[0.0, 0.0, 50.0], [1.0, 2.0, 3.0]]), MASK))
    assert entropy[0].item() == pytest.approx(math.log(2))  # two equal choices
    assert entropy[1].item() == 0  # no choice at all


def test_masked_logits_get_no_gradient_and_the_others_a_finite_one():
    logits = torch.randn(2, 3, requires_grad=True)
    log_probs = masked_log_softmax(logits, MASK)
    (losses.entropy(log_probs).sum() + log_prob_of(log_probs, torch.tensor([1, 0])).sum()).backward()
    assert torch.equal(logits.grad[~MASK], torch.zeros(3))
    assert logits.grad.isfinite().all()
    assert (logits.grad[0, :2] != 0).all()


def test_entropy_agrees_with_torchs_own_where_nothing_is_masked():
    logits = torch.randn(5, 90)
    ours = losses.entropy(masked_log_softmax(logits, torch.ones(5, 90, dtype=torch.bool)))
    torch.testing.assert_close(ours, torch.distributions.Categorical(logits=logits).entropy())


def test_the_clipped_surrogate_by_hand():
    ratio, advantages = torch.tensor([1.5, 1.5, 0.5, 0.5]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    # gains are clipped at 1.2, losses are not: min(1.5, 1.2), min(-1.5, -1.2), min(0.5, 0.8), min(-0.5, -0.8)
    expected = -(1.2 - 1.5 + 0.5 - 0.8) / 4
    assert losses.policy_loss(ratio, advantages, 0.2).item() == pytest.approx(expected)


def test_beyond_the_clip_a_gain_has_no_gradient():
    ratio = torch.tensor([1.5, 1.1], requires_grad=True)
    losses.policy_loss(ratio, torch.ones(2), 0.2).backward()
    assert ratio.grad.tolist() == pytest.approx([0, -0.5])


def test_the_value_loss_is_half_the_mean_square():
    assert losses.value_loss(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 5.0])).item() == (1 + 9) / 2 / 2


def test_approximate_kl_is_zero_for_the_same_policy_and_close_to_the_true_one_nearby():
    assert losses.approx_kl(torch.zeros(4)).item() == 0
    old = torch.randn(90).log_softmax(0)
    new = (old + 0.05 * torch.randn(90)).log_softmax(0)
    actions = torch.multinomial(old.exp(), 200_000, replacement=True)
    true = (old.exp() * (old - new)).sum().item()
    assert losses.approx_kl((new - old)[actions]).item() == pytest.approx(true, rel=0.05)


def test_clip_fraction_counts_both_sides():
    assert losses.clip_fraction(torch.tensor([0.7, 0.9, 1.0, 1.3]), 0.2).item() == 0.5


def test_explained_variance_of_a_perfect_a_useless_and_an_undefined_critic():
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert losses.explained_variance(returns, returns).item() == 1
    assert losses.explained_variance(torch.full((3,), 2.0), returns).item() == 0
    assert losses.explained_variance(returns, torch.ones(3)).isnan()


def test_normalized_advantages_have_mean_zero_and_deviation_one():
    scaled = losses.normalized(*[torch.tensor([1.0, 2.0, 3.0, 6.0])] * 2)
    assert scaled.mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled.std(correction=0).item() == pytest.approx(1)


def test_equal_advantages_normalise_to_zero_not_to_nan():
    assert losses.normalized(*[torch.full((4,), 3.0)] * 2).tolist() == [0, 0, 0, 0]
