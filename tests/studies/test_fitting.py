"""Gradient steps on samples that are kept."""

import torch
from torch import nn

from studies.fitting import MINIBATCH, fit, kl_divergence
from territory.models.policy import masked_log_softmax


def line(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(1, 1)


def test_every_sample_is_met_once_an_epoch_in_another_order_each_time():
    network, met = line(), [[]]

    def error(index, _):
        met[-1].append(index.tolist())
        return network(torch.ones(len(index), 1)).square().mean()

    for _ in fit(network, 2 * MINIBATCH + 1, error, epochs=2, learning_rate=0.1):
        met.append([])
    first, second, _ = ([number for batch in batches for number in batch] for batches in met)
    assert sorted(first) == sorted(second) == list(range(2 * MINIBATCH + 1)) and first != second
    assert len(met[0]) == 3 and max(map(len, met[0])) <= MINIBATCH


def test_a_line_is_learned_and_the_same_seed_learns_the_same():
    x = torch.linspace(-1, 1, 64)[:, None]

    def learned():
        network = line()
        for _ in fit(network, 64, lambda at, _: (network(x[at]) - 3 * x[at] - 1).square().mean(), 300, 0.05, seed=4):
            pass
        return network

    one, other = learned(), learned()
    torch.testing.assert_close(one.weight, torch.tensor([[3.0]]), atol=0.05, rtol=0)
    torch.testing.assert_close(one.bias, torch.tensor([1.0]), atol=0.05, rtol=0)
    assert torch.equal(one.weight, other.weight)


def test_the_divergence_agrees_with_torchs_own_and_is_zero_for_alike_policies_whatever_is_masked():
    mask = torch.rand(6, 90) < 0.5
    mask[:, 0] = True
    wanted, other = (masked_log_softmax(torch.randn(6, 90), mask) for _ in range(2))
    torch.testing.assert_close(kl_divergence(wanted, wanted), torch.zeros(6))
    for row in range(6):
        one, two = (torch.distributions.Categorical(logits=each[row, mask[row]]) for each in (wanted, other))
        torch.testing.assert_close(kl_divergence(wanted, other)[row], torch.distributions.kl_divergence(one, two))
