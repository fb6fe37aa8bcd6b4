"""The convolution that reads the map: from bytes to features without ever holding the whole map as floats.

The first layer's input is by far the largest tensor of a step: 256 boards are 21 MB of bytes and 84 MB of floats, which
a processor has to fetch from memory again and again, and an allocator from the system. Here a few boards at a time
become floats, are multiplied while they still lie in the processor's cache, and are forgotten. What the gradient of
the weights needs is made from the bytes once more. The sums are the same as those of ``nn.Conv2d``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d

BOARDS = 16  # converted at a time: 5 MB of floats; the best of 8, 16, 32 and 64 on a cache of 32 MB
WORD = 8  # bytes that are moved together where windows do not overlap

_plain = False  # see `plain_convolutions`


@contextmanager
def plain_convolutions() -> Iterator[None]:
    """Inside, a `MapConv2d` is a division and a convolution, for tools that follow the map's cells from op to op."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


class MapConv2d(nn.Conv2d):
    """A map of bytes ``(B, C, H, W)``, divided by ``divisor``, through a convolution: ``(B, C_out, H', W')``.

    A map of floats is taken as it is, already divided: it gives the same and carries gradients back to its tiles. On
    other devices than a processor, and where torch compiles or exports, it is a division and a convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, padding: int, divisor: int):
        super().__init__(channels_in, channels_out, kernel, stride, padding)
        self.divisor = divisor

    def forward(self, maps: Tensor) -> Tensor:
        dtype = compute_type(self.weight)
        given: Any = self.bias  # there is always one
        weight, bias, stride, padding = self.weight.to(dtype), given.to(dtype), self.stride, self.padding
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        plain = _plain or maps.device.type != "cpu" or traced
        if not plain and self._is_a_product(maps):
            maps = patches(maps, self.kernel_size[0])  # (B, C * 8 * 8, H / 8, W / 8)
            weight, stride, padding = weight.reshape(*weight.shape[:1], -1, 1, 1), (1, 1), (0, 0)
        if maps.dtype == torch.uint8 and not plain:
            return _BytesConv.apply(maps, weight, bias, stride, padding, self.divisor)
        return conv2d(floats(maps, dtype, self.divisor), weight, bias, stride, padding)

    def _is_a_product(self, maps: Tensor) -> bool:
        """Windows that touch and do not overlap: the convolution is one matrix product over patches."""
        fits = maps.shape[2] % WORD == 0 and maps.shape[3] % WORD == 0
        return fits and self.kernel_size == self.stride == (WORD, WORD) and self.padding == (0, 0)


def patches(maps: Tensor, side: int) -> Tensor:
    """The map cut into squares: ``(B, C, H, W)`` to ``(B, C * side * side, H / side, W / side)``, channels last.

    Rows of eight bytes are moved as one number of 64 bits, eight times as fast as one by one.
    """
    batch, channels, height, width = maps.shape
    as_words = maps.dtype == torch.uint8 and side == WORD
    if as_words:
        maps = maps.contiguous() if maps.storage_offset() % WORD == 0 else maps.clone()
        maps = maps.view(torch.int64)
    rows = maps.unflatten(3, (width // side, 1 if as_words else side)).unflatten(2, (height // side, side))
    cells = rows.permute(0, 2, 4, 1, 3, 5).contiguous()  # (B, H / side, W / side, C, side, side or 1 word)
    cells = cells.view(torch.uint8) if as_words else cells
    return cells.view(batch, height // side, width // side, channels * side * side).permute(0, 3, 1, 2)


def compute_type(weight: Tensor) -> torch.dtype:
    """What autocast asks for, or the weights' own type."""
    device = weight.device.type
    known = torch.amp.is_autocast_available(device)  # not to the meta device
    return torch.get_autocast_dtype(device) if known and torch.is_autocast_enabled(device) else weight.dtype


class _BytesConv(torch.autograd.Function):
    """A convolution of bytes, ``BOARDS`` at a time; the bytes are kept for the backward pass, not their floats.

    One whose windows are single cells, as patches are, is a matrix product, and quicker as such.
    """

    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        divisor: int,
    ) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding, ctx.divisor = stride, padding, divisor
        few = (floats(boards, weight.dtype, divisor) for boards in maps.split(BOARDS))
        if _is_product(weight):
            cells = weight.new_empty(len(maps), *maps.shape[2:], len(weight))
            for boards, out in zip(few, cells.split(BOARDS), strict=True):
                torch.addmm(bias, _rows(boards), weight.flatten(1).t(), out=out.flatten(0, 2))
            return cells.permute(0, 3, 1, 2)
        parts = [conv2d(boards, weight, bias, stride, padding) for boards in few]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        total = torch.zeros_like(weight, dtype=torch.float32)
        for boards, part in zip(maps.split(BOARDS), gradient.split(BOARDS), strict=True):
            few = floats(boards, weight.dtype, ctx.divisor)
            if _is_product(weight):
                total += (_rows(part).t() @ _rows(few)).view_as(total)
            else:
                total += _weight_gradient(part, few, weight, ctx.stride, ctx.padding)
        bias = gradient.sum((0, 2, 3), dtype=torch.float32)
        return None, total.to(weight.dtype), bias.to(weight.dtype), None, None, None


def _is_product(weight: Tensor) -> bool:
    return weight.shape[2:] == (1, 1)


def _rows(cells: Tensor) -> Tensor:
    """A row for each cell: ``(B, C, H, W)`` to ``(B * H * W, C)``, without a copy where channels are adjacent."""
    return cells.permute(0, 2, 3, 1).flatten(0, 2)


def floats(maps: Tensor, dtype: torch.dtype, divisor: int) -> Tensor:
    """A map as the convolution wants it: bytes become floats and are divided, floats are divided already.

    With the channels of a tile side by side on a processor, where that takes half as long (float32, 5 channels).
    """
    side_by_side = maps.device.type == "cpu" and not _plain
    layout = torch.channels_last if side_by_side else torch.preserve_format
    as_floats = maps.to(dtype, memory_format=layout)
    return as_floats if maps.dtype != torch.uint8 or divisor == 1 else as_floats.div_(divisor)


def _weight_gradient(
    gradient: Tensor, floats: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
) -> Tensor:
    """What `torch.nn.grad.conv2d_weight` gives, in one kernel."""
    wanted = [False, True, False]  # gradients of the input, of the weights, of the bias
    return torch.ops.aten.convolution_backward(
        gradient, floats, weight, None, stride, padding, (1, 1), False, (0, 0), 1, wanted
    )[1]
