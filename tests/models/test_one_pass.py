"""Layers in one pass, and touching windows: answers and gradients of the layers, and whoever watches is heeded."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from territory.models.blocks import ConvBlock, make_norm
from territory.models.one_pass import NormReluGate, in_one_pass, wanted

GATED = pytest.mark.parametrize("gated", [True, False], ids=["with a gate", "without"])


def block(gated: bool) -> ConvBlock:
    """A block whose norm does something."""
    torch.manual_seed(0)
    made = ConvBlock(6, 32, 3, 1, 1, norm=make_norm("group", 32), gated=gated)
    for weight in (made.norm.weight, made.norm.bias):
        nn.init.normal_(weight)
    return made


def run(block: ConvBlock, precision: torch.dtype = torch.float32, one_pass: bool = False) -> list[torch.Tensor]:
    """What comes out of a block for some boards, and all its gradients."""
    dice = torch.Generator().manual_seed(1)
    x = torch.randn(5, 6, 8, 16, generator=dice, requires_grad=True)
    block.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        if one_pass:
            with in_one_pass():
                y = block(x)
            assert type(y.grad_fn).__name__ == NormReluGate.__name__ + "Backward"
        else:
            y = block(x)
    y.backward(torch.randn(y.shape, generator=dice).to(y.dtype))
    return [y.detach(), x.grad, *(weight.grad for weight in block.parameters())]


def errors(found: list[torch.Tensor], right: list[torch.Tensor]) -> torch.Tensor:
    """The largest error of each, as a share of the largest number."""
    return torch.stack([(a.float() - b).abs().max() / b.abs().max() for a, b in zip(found, right, strict=True)])


@GATED
def test_gives_the_answers_and_gradients_of_the_layers(gated):
    assert errors(run(block(gated), one_pass=True), run(block(gated))).max() < 2e-6


@GATED
def test_in_bfloat16_it_errs_no_more_than_the_layers_do(gated):
    right = run(block(gated))
    ours = errors(run(block(gated), torch.bfloat16, one_pass=True), right)
    theirs = errors(run(block(gated), torch.bfloat16), right)
    assert (ours < 1.5 * theirs).all()


@pytest.mark.parametrize("height, by_windows", [(8, True), (10, False)], ids=["whole windows", "a rest is left out"])
@pytest.mark.parametrize("side", [4, 3], ids=["touching", "three by three"])
def test_windows_that_touch_have_the_gradients_of_torchs_convolution(side, height, by_windows):
    torch.manual_seed(0)
    made = ConvBlock(6, 16, side, 4)
    x = torch.randn(5, 6, height, 16).to(memory_format=torch.channels_last).requires_grad_()

    def gradients() -> list[torch.Tensor]:
        y = made(x)
        names = {type(node).__name__ for node, _ in y.grad_fn.next_functions}
        assert ("ConvolutionBackward0" not in names) == (wanted() and by_windows and side == 4)
        return [y, *torch.autograd.grad(y.square().sum(), [x, *made.parameters()])]

    right = gradients()
    with in_one_pass():
        assert errors(gradients(), right).max() < 2e-6
        made.conv.register_forward_hook(lambda conv, given, out: heard.append(out))
        heard = []
        by_windows = False  # somebody watches
        gradients()
    assert len(heard) == 1


def test_a_board_gives_the_same_bits_whatever_comes_with_it():
    made, boards = block(True), torch.randn(40, 6, 8, 16)
    with in_one_pass(), torch.inference_mode():
        features = made.conv(boards)
        made.conv = nn.Identity()
        assert torch.equal(made(features)[7:8], made(features[7:8]))


def test_nan_stays_nan():
    made = block(True)
    with in_one_pass(), torch.inference_mode():
        assert made(torch.full((1, 6, 8, 8), torch.nan)).isnan().all()
        with torch.autocast("cpu", torch.bfloat16):
            assert made(torch.full((1, 6, 8, 8), torch.nan)).isnan().all()


@pytest.mark.parametrize("part", ["norm", "relu", "attention", "attention.gate", "attention.score"])
def test_a_layer_that_somebody_watches_is_called(part):
    made, seen = block(True), []
    made.get_submodule(part).register_forward_hook(lambda *given: seen.append(part))
    with in_one_pass():
        made(torch.randn(2, 6, 8, 8))
    assert seen == [part]


@pytest.mark.parametrize(
    "mode",
    [FlopCounterMode(display=False), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])],
    ids=["mode", "profiler"],
)
def test_a_tool_of_torch_s_sees_the_layers(mode):
    made = block(True)
    with in_one_pass(), mode:
        assert type(made(torch.randn(2, 6, 8, 8)).grad_fn).__name__ == "MulBackward0"


def test_a_layer_of_another_kind_is_called():
    made, x = block(True), torch.randn(2, 6, 8, 8)
    made.attention.gate = nn.Tanh()
    with in_one_pass():
        assert made(x).min() < 0


def test_batch_norm_and_double_precision_go_layer_by_layer():
    for made in (ConvBlock(6, 32, 3, 1, norm=make_norm("batch", 32)), block(True).double()):
        x = torch.randn(2, 6, 8, 8, dtype=made.conv.weight.dtype)
        with in_one_pass():
            assert torch.equal(made(x), made.attention(made.relu(made.norm(made.conv(x)))))
