"""The rival answers, against networks whose decision is known and against sums done by hand."""

import numpy as np
import pytest
import torch
from helpers.known_networks import OneCell, everywhere, frames
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.interpret import (
    grad_cam,
    integrated_gradients,
    occlusion,
    policy_on,
    relevance_maps,
    to_cells,
    unclaimed,
    without,
)
from territory.models.blocks import ConvBlock
from territory.world.layout import Plane

FRAMES = frames()[4:7]


@pytest.fixture(scope="module", params=["attention", "tokens"])
def model(request):
    torch.manual_seed(0)
    built = models.build(request.param, norm="group")
    nn.init.normal_(built.actor[-1].weight)  # a policy that is not nearly uniform
    return built


@pytest.fixture(scope="module")
def board():
    return [everywhere(frame) for frame in FRAMES]


@pytest.mark.parametrize("method", [occlusion, integrated_gradients])
def test_the_only_cell_that_matters_is_the_only_one_named(method, board):
    found = method(OneCell(), board)
    assert found.shape == (3, 4, 4)
    assert (found[:, 1, 2] > 0).all()
    found[:, 1, 2] = 0
    assert np.abs(found).max() < 1e-6


def _log_probability(model, planes):
    policy = policy_on(model, FRAMES, planes)
    preferred = policy_on(model, FRAMES).argmax(axis=1)
    return np.log(policy[np.arange(len(FRAMES)), preferred])


def test_occlusion_is_what_one_removed_cell_costs(model):
    planes, cell = np.stack([frame.obs["map"] for frame in FRAMES]), np.zeros((3, 4, 4), bool)
    cell[:, 2, 1] = True
    gone = _log_probability(model, without(planes, unclaimed(FRAMES), cell))
    expected = _log_probability(model, planes) - gone
    np.testing.assert_allclose(occlusion(model, FRAMES)[:, 2, 1], expected, rtol=1e-3, atol=1e-5)


def test_a_network_that_never_looks_at_the_map_owes_it_nothing():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.actor = nn.Linear(16, 90)

        def forward(self, _planes, stats):
            return self.actor(stats), stats[:, 0]

    for method in (occlusion, integrated_gradients):
        assert np.abs(method(Blind(), FRAMES)).max() < 1e-5  # in batches of other sizes a product is rounded otherwise


def test_integrated_gradients_add_up_to_the_whole_way(model):
    """Completeness (Sundararajan et al. 2017, proposition 1), up to the 24 points of the sum."""
    whole = _log_probability(model, None) - _log_probability(model, unclaimed(FRAMES))
    np.testing.assert_allclose(integrated_gradients(model, FRAMES).sum(axis=(1, 2)), whole, rtol=0.1, atol=0.02)


class Convolved(nn.Module):
    """One convolution stage and a linear layer: Grad-CAM can be written down."""

    def __init__(self):
        super().__init__()
        self.block, self.linear = ConvBlock(5, 3, kernel=16, stride=16), nn.Linear(48, 90)

    def forward(self, maps, stats):
        return self.linear(self.block(maps / 255).flatten(1)), stats[:, 0]


def test_grad_cam_by_hand():
    """relu(sum over channels of mean gradient x activation) of log p: gradients by hand from softmax and weights."""
    torch.manual_seed(0)
    model = Convolved()
    maps, masks = (torch.from_numpy(np.stack(a)) for a in zip(*((f.obs["map"], f.mask) for f in FRAMES), strict=True))
    with torch.no_grad():
        activation = model.block(maps / 255)  # (3, 3, 4, 4)
        policy = model.linear(activation.flatten(1)).masked_fill(~masks, -torch.inf).softmax(1)
        weights = model.linear.weight
        gradient = weights[policy.argmax(1)] - policy @ weights  # d log p_a = w_a - sum of p w
        channels = gradient.view(3, 3, 16).mean(2)
        expected = (channels[:, :, None, None] * activation).sum(1).relu()
    np.testing.assert_allclose(grad_cam(model, FRAMES), expected, rtol=1e-4, atol=1e-6)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.linear = nn.Conv2d(5, 3, 16, 16), nn.Linear(48, 90)

    def forward(self, maps, stats):
        return self.linear(self.conv(maps / 255).relu().flatten(1)), stats[:, 0]


class WithUnused(Plain):
    def __init__(self):
        super().__init__()
        self.unused = nn.Conv2d(3, 3, 1)


class WithCriticOfItsOwn(Plain):
    def __init__(self):
        super().__init__()
        self.judge = nn.Conv2d(5, 1, 16, 16)

    def forward(self, maps, stats):
        return super().forward(maps, stats)[0], self.judge(maps / 255).mean((1, 2, 3))


class WithFirstDefinedLast(Plain):
    def __init__(self):
        super().__init__()
        self.colours = nn.Conv2d(5, 5, 1, bias=False)
        self.colours.weight.data = torch.eye(5)[:, :, None, None]

    def forward(self, maps, stats):
        return super().forward(self.colours(maps.float()), stats)


class WithoutGradientInFront(Plain):
    def __init__(self):
        super().__init__()
        self.frozen = nn.Conv2d(5, 1, 16, 16)

    def forward(self, maps, stats):
        logits, value = super().forward(maps, stats)
        with torch.no_grad():
            nothing = 0 * self.frozen(maps / 255).mean()
        return logits + nothing, value


class Frozen(Plain):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


@pytest.mark.parametrize("kind", [WithUnused, WithCriticOfItsOwn, WithFirstDefinedLast, WithoutGradientInFront, Frozen])
def test_grad_cam_looks_at_the_convolution_that_runs_last_before_the_policy(kind):
    torch.manual_seed(0)
    plain, other = Plain(), kind()
    other.load_state_dict(plain.state_dict(), strict=False)
    np.testing.assert_allclose(grad_cam(other, FRAMES), grad_cam(plain, FRAMES), atol=1e-6)
    assert grad_cam(plain, FRAMES).max() > 0


def test_grad_cam_needs_a_convolution_to_look_at():
    with pytest.raises(BadInput, match="the network has none"):
        grad_cam(OneCell(), FRAMES)
    assert list(relevance_maps(OneCell(), FRAMES)) == ["occlusion", "integrated gradients", "own land", "random"]


def test_all_answers_have_one_grid_and_the_network_is_as_it_was(model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    maps = relevance_maps(model, FRAMES)
    assert {"occlusion", "integrated gradients", "grad-cam", "own land", "random"} < set(maps)
    assert all(each.shape == (3, 4, 4) and each.dtype == np.float64 for each in maps.values())
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())


def test_attention_comes_first_and_coarser_or_finer_grids_are_brought_to_cells():
    maps = relevance_maps(models.build("attention", norm="group"), FRAMES)
    assert list(maps)[:3] == ["spatial.1", "spatial.2", "spatial.3"]
    coarse, fine = np.arange(4.0).reshape(1, 2, 2), np.zeros((1, 16, 16))
    fine[0, :4, 4:8] = 8
    assert to_cells(coarse, FRAMES)[0].tolist() == coarse[0].repeat(2, 0).repeat(2, 1).tolist()
    assert to_cells(fine, FRAMES)[0, 0].tolist() == [0, 8, 0, 0]


def test_own_land_is_the_share_of_a_cell_that_is_owned():
    own = relevance_maps(models.build("tokens"), FRAMES)["own land"]
    expected = FRAMES[0].obs["map"][Plane.OWN].reshape(4, 16, 4, 16).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(own[0], expected)


@pytest.mark.parametrize("method", [occlusion, integrated_gradients, grad_cam])
def test_many_frames_get_what_each_alone_gets(method, monkeypatch):
    """They go through the network a few at a time, which must not show."""
    torch.manual_seed(0)
    model = Convolved()
    whole = method(model, FRAMES)
    monkeypatch.setattr("territory.interpret.relevance.TOGETHER", 2)
    np.testing.assert_allclose(method(model, FRAMES), whole, rtol=1e-4, atol=1e-6)
