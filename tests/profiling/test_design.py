"""Drafts: as they stand they are the old network, and changed sizes cost what the formula says."""

import pytest
import torch

from territory import models, profiling
from territory.errors import BadInput
from territory.profiling import NetworkDesign
from territory.profiling.design import DesignedNetwork


def cost(**sizes):
    network, inputs = profiling.draft(NetworkDesign(**sizes))
    parameters = sum(r.parameters for r in profiling.parameter_table(network))
    return parameters, sum(r.macs for r in profiling.macs_table(network, inputs))


def test_the_first_draft_is_the_baseline_row_by_row():
    network, inputs = profiling.draft(NetworkDesign())
    baseline = models.build("baseline")
    assert profiling.parameter_table(network) == profiling.parameter_table(baseline)
    assert profiling.macs_table(network, inputs) == profiling.macs_table(baseline)


def test_with_the_baselines_weights_it_is_the_baseline():
    torch.manual_seed(0)
    baseline, network = models.build("baseline"), DesignedNetwork(NetworkDesign())
    network.load_state_dict(baseline.state_dict())
    planes, stats = torch.randint(0, 256, (2, 5, 128, 128), dtype=torch.uint8), torch.randn(2, 16)
    for ours, theirs in zip(network(planes, stats), baseline(planes, stats), strict=True):
        assert torch.equal(ours, theirs)


def test_a_mean_instead_of_the_flatten_by_formula():
    flatten, mean = cost(), cost(reading="mean")
    assert flatten[0] - mean[0] == (12_544 - 64) * 512
    assert flatten[1] - mean[1] == (12_544 - 64) * 512


def test_a_wider_stride_saves_work_and_no_convolution_parameters_beyond_the_kernel():
    design = NetworkDesign(strides=(8, 2, 1))
    assert design.cells == 6  # 128 -> 16 -> 8 -> 6
    parameters, macs = cost(strides=(8, 2, 1), reading="mean")
    assert parameters == cost(reading="mean")[0] + 5 * 32 * (16 * 16 - 8 * 8)
    assert macs < cost(reading="mean")[1]


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"reading": "max"}, "out of flatten, mean; came 'max'"),
        ({"channels": (0, 64, 64)}, "at least 1"),
        ({"strides": (16, 4, 1)}, r"strides \(16, 4, 1\) leave it a smaller grid"),
        ({"features": 0}, "at least 1"),
    ],
)
def test_an_impossible_design_is_refused(sizes, message):
    with pytest.raises(BadInput, match=message):
        NetworkDesign(**sizes)
