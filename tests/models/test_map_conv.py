"""The convolution that reads bytes a few boards at a time: the sums of torch's own, forward and backward."""

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from territory import models
from territory.models.map_conv import BOARDS, SIDE, MapConv2d, conv_of_blocks, squares

KINDS = {  # kernel, stride, padding, divisor
    "overlapping windows": (8, 4, 2, 255),
    "one product over squares": (8, 8, 0, 1),
    "squares, divided": (8, 8, 0, 255),
    "other squares": (4, 4, 0, 1),
}
BATCHES = (1, BOARDS, 2 * BOARDS + 3)


def maps(batch: int = 3, height: int = 32, width: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (batch, 5, height, width), generator=_dice(), dtype=torch.uint8)


def _dice() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pair(kind: str) -> tuple[MapConv2d, nn.Conv2d, int]:
    """Ours and torch's with the same weights, and the divisor."""
    kernel, stride, padding, divisor = KINDS[kind]
    torch.manual_seed(1)
    ours, theirs = MapConv2d(5, 7, kernel, stride, padding, divisor), nn.Conv2d(5, 7, kernel, stride, padding)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs, divisor


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", KINDS)
def test_gives_the_answers_and_gradients_of_torchs_own(kind, batch):
    ours, theirs, divisor = pair(kind)
    planes = maps(batch)
    out, expected = ours(planes), theirs(planes / divisor)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    weights = torch.randn(expected.shape, generator=_dice())
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4 * other.grad.abs().max().item())


@pytest.mark.parametrize("kind", KINDS)
def test_a_convolution_of_blocks_gives_the_same_answers_and_gradients(kind):
    ours, _, divisor = pair(kind)
    planes, weight = maps(), ours.weight / divisor
    expected = ours(planes)
    out = conv_of_blocks(planes, weight, ours.bias, ours.stride, ours.padding)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    weights = torch.randn(expected.shape, generator=_dice())
    for one, other in zip(
        *(torch.autograd.grad((each * weights).sum(), list(ours.parameters())) for each in (out, expected)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * other.abs().max().item())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", models.names())
def test_a_compiled_network_is_one_graph(name, precision):
    network, pieces = models.build(name, seed=0), CompileCounter()
    compiled = torch.compile(network, backend=pieces, fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        compiled(maps(2, 128, 128), torch.rand(2, 16))
    assert pieces.frame_count == 1


@pytest.mark.parametrize("kind", KINDS)
def test_floats_that_are_divided_give_the_same_and_carry_gradients(kind):
    ours, _, divisor = pair(kind)
    planes = maps()
    pixels = (planes / divisor).requires_grad_()
    expected = ours(planes)
    torch.testing.assert_close(ours(pixels), expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item())
    ours(pixels).sum().backward()
    assert pixels.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_may_lie_in_memory_as_they_like(kind):
    ours, _, _ = pair(kind)
    planes = maps()
    shifted = torch.empty(planes.numel() + 3, dtype=torch.uint8)[3:].view(planes.shape).copy_(planes)
    for other in (planes.contiguous(memory_format=torch.channels_last), planes.flip(3).flip(3), shifted):
        torch.testing.assert_close(ours(other), ours(planes))
    assert ours(maps(4)[2:3]).shape == ours(planes[:1]).shape


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_computes_in_bfloat16_and_learns_in_float32(kind):
    ours, _, _ = pair(kind)
    exact = ours(maps())
    with torch.autocast("cpu", torch.bfloat16):
        rounded = ours(maps())
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.05, atol=0.02 * exact.abs().max().item())
    rounded.float().sum().backward()
    assert ours.weight.grad.dtype == torch.float32


def test_a_second_forward_pass_leaves_the_first_ones_gradients_right():
    ours, theirs, _ = pair("one product over squares")
    first, second = maps(20), maps(20).flip(2)
    together = ours(first).sum() + 2 * ours(second).sum()
    together.backward()
    (theirs(first.float()).sum() + 2 * theirs(second.float()).sum()).backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_squares_are_those_of_the_map_row_by_row(dtype):
    planes = maps()
    rows = squares(planes, dtype)
    assert rows.dtype == dtype and rows.shape == (3 * 4 * 8, 5 * SIDE * SIDE)
    square = planes[1, :, SIDE : 2 * SIDE, 3 * SIDE : 4 * SIDE]  # row 1, column 3
    assert torch.equal(rows[1 * 32 + 1 * 8 + 3], square.flatten().to(dtype))
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)  # each byte there is, exactly
    assert squares(every, dtype).flatten().sort().values.tolist() == list(range(256))


@pytest.mark.parametrize("kind", KINDS)
def test_other_precisions_are_torchs_own(kind):
    ours, _, divisor = pair(kind)
    exact = ours.double()(maps())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact, ours(maps().double() / divisor))


@pytest.mark.parametrize("kind", KINDS)
def test_torch_func_transforms_it(kind):
    ours, _, _ = pair(kind)
    planes = maps()

    def total(weight, board):
        return torch.func.functional_call(ours, {"weight": weight, "bias": ours.bias}, (board[None],)).sum()

    each = torch.func.vmap(torch.func.grad(total), (None, 0))(ours.weight.detach(), planes)  # a gradient per board
    ours(planes).sum().backward()
    torch.testing.assert_close(each.sum(0), ours.weight.grad, rtol=1e-4, atol=1e-2)


def test_no_gradient_is_kept_where_none_is_wanted():
    ours, _, _ = pair("overlapping windows")
    with torch.no_grad():
        assert not ours(maps()).requires_grad
    ours.requires_grad_(False)
    assert not ours(maps()).requires_grad


def test_it_stands_on_the_meta_device_too():
    ours, _, _ = pair("one product over squares")
    assert ours.to("meta")(maps().to("meta")).shape == (3, 7, 4, 8)
