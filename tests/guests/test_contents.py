"""Copies of whatever modules somebody's network is made of."""

import warnings

import pytest
import torch
from torch import nn

from territory.guests.contents import copy_of


class Keeping(nn.Module):
    """Keeps what it computed, to be looked at later; one weight is computed too."""

    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's older weight norm, which many networks still have
            self.layer = nn.utils.weight_norm(nn.Linear(3, 3))
        self.seen = []

    def forward(self, x):
        self.last = self.layer(x)
        self.seen.append({"last": self.last})
        return self.last


def test_a_network_that_keeps_what_it_computed_is_copied_without_the_graph():
    network, x = Keeping(), torch.randn(2, 3)
    out = network(x)
    copied = copy_of(network)
    assert torch.equal(copied.last, out) and copied.last.grad_fn is None
    assert copied.seen[0]["last"] is copied.last
    assert network.last is out and out.grad_fn is not None
    assert torch.equal(copied(x), out)
    assert not {id(p) for p in copied.parameters()} & {id(p) for p in network.parameters()}
    copied(x).sum().backward()
    assert all(p.grad is None for p in network.parameters())


def test_what_torch_cannot_copy_either_is_its_own_error():
    network = nn.Linear(2, 2)
    network.generator = (line for line in [1])
    with pytest.raises(TypeError, match="generator"):
        copy_of(network)
