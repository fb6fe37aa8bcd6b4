"""Evaluation mode for whatever modules somebody's network is made of, and each its own mode afterwards."""

import pytest
import torch
from torch import nn

from territory.guests.modes import evaluation_mode


def test_a_network_with_an_exported_part_is_evaluated_and_trains_on():
    exported = torch.export.export(nn.Linear(4, 4), (torch.ones(2, 4),)).module()
    network = nn.Sequential(nn.Dropout(), exported, nn.Dropout())
    given = torch.randn(2, 4)
    with evaluation_mode(network):
        assert not any(module.training for module in network.modules())
        assert torch.equal(network(given), exported(given))
    assert network[0].training and network[2].training
    with pytest.raises(NotImplementedError):  # as torch left it
        exported.train()


def test_a_network_with_an_eval_of_its_own_is_evaluated_by_it():
    class Folded(nn.Linear):
        def eval(self):
            self.folded = True
            return super().eval()

    network = Folded(2, 2)
    with evaluation_mode(network):
        assert network.folded
        assert not network.training
    assert network.training
