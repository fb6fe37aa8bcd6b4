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


def test_a_wider_stride_saves_work_and_a_flatten_after_it_parameters():
    assert NetworkDesign(strides=(8, 2, 1)).cells == 6  # 128 -> 16 -> 8 -> 6
    parameters, macs = cost(strides=(8, 2, 1))
    assert cost()[0] - parameters == (14 * 14 - 6 * 6) * 64 * 512
    assert macs < cost()[1] / 2


def test_a_larger_kernel_costs_its_window_everywhere():
    extra = 5 * 32 * (16 * 16 - 8 * 8)  # conv 1's weights
    design = NetworkDesign(kernels=(16, 4, 3))
    assert design.convolutions[0] == {"kernel": 16, "stride": 4, "padding": 6} and design.cells == 14
    parameters, macs = cost(kernels=(16, 4, 3))
    assert parameters - cost()[0] == extra
    assert macs - cost()[1] == 32 * 32 * extra


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling_leaves_conv_1_its_work_and_shrinks_what_follows(pooling):
    assert NetworkDesign(pooling=pooling).cells == 6  # 128 -> 32, pooled to 16 -> 8 -> 6
    parameters, macs = cost(pooling=pooling)
    assert parameters == cost(strides=(8, 2, 1))[0]  # the same grids as with a stride of 8 ...
    assert macs - cost(strides=(8, 2, 1))[1] == (32 * 32 - 16 * 16) * 32 * (5 * 8 * 8)  # ... after all the work


def test_pooling_takes_the_largest_of_four_or_their_mean():
    torch.manual_seed(0)
    most, mean = (DesignedNetwork(NetworkDesign(pooling=pooling)).map_branch.pool for pooling in ("max", "average"))
    grid = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert most(grid).item() == 6 and mean(grid).item() == 3


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"reading": "max"}, "one of flatten, mean; got 'max'"),
        ({"pooling": "median"}, "one of none, max, average; got 'median'"),
        ({"channels": (0, 64, 64)}, "at least 1"),
        ({"kernels": (16, 4, 3), "strides": (16, 4, 1)}, "conv 3 has a window of 3x3 cells, but finds a smaller grid"),
        ({"strides": (16, 2, 1)}, "conv 1 steps 16 cells with a kernel of 8"),
        ({"features": 0}, "at least 1"),
        ({"features": True}, "features must be a whole number of at least 1, got True"),
        ({"strides": (4, 2.5, 1)}, "each of strides must be a whole number of at least 1, got 2.5"),
        ({"kernels": (8, 4)}, r"kernels of three convolutions; got \(8, 4\)"),
    ],
)
def test_an_impossible_design_is_refused(sizes, message):
    with pytest.raises(BadInput, match=message):
        NetworkDesign(**sizes)
