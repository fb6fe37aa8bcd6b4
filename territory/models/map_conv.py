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
from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_weight

from territory.models.one_pass import for_boards
from territory.world.compiled import entry

BOARDS = 16  # converted at a time: 5 MB of floats; the best of 8, 16, 32 and 64 on a cache of 32 MB
SIDE = 8  # tiles of the squares that are cut in one pass: eight bytes of a row are moved together

_intrinsic: Any = intrinsic  # Numba declares no types
_plain = False  # see `plain_convolutions`


@contextmanager
def plain_convolutions() -> Iterator[None]:
    """Inside, a `MapConv2d` is torch's own convolution, for tools that follow the map's cells from op to op."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


class MapConv2d(nn.Conv2d):
    """A map of bytes ``(B, C, H, W)``, divided by ``divisor``, through a convolution: ``(B, C_out, H', W')``.

    A map of floats is taken as it is, already divided: it gives the same and carries gradients back to its tiles. On
    a graphics card it is a `conv_of_blocks`; on other devices than a processor, and where torch compiles, exports or
    transforms, torch's own convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, padding: int, divisor: float):
        super().__init__(channels_in, channels_out, kernel, stride, padding)
        self.divisor = divisor

    def forward(self, maps: Tensor) -> Tensor:
        dtype, in_bytes = compute_type(self.weight), maps.dtype == torch.uint8
        given: Any = self.bias  # there is always one
        # Dividing the weights gives the same sums, and they are few.
        weight = self.weight / self.divisor if in_bytes and self.divisor != 1 else self.weight
        weight, bias = weight.to(dtype), given.to(dtype)
        if maps.device.type == "cuda" and not _plain and _in_blocks(maps, weight, self.stride, self.padding):
            return conv_of_blocks(maps, weight, bias, self.stride, self.padding)
        if _is_plain(maps):
            return conv2d(maps.to(dtype), weight, bias, self.stride, self.padding)
        if in_bytes:
            return _BytesConv.apply(maps, weight, bias, self.stride, self.padding)
        return conv2d(_floats(maps, dtype), weight, bias, self.stride, self.padding)


def _is_plain(maps: Tensor) -> bool:
    """Whether the convolution is torch's own: where no bytes lie in memory, or torch follows the operations."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    transformed = torch._C._functorch.peek_interpreter_stack() is not None  # pyright: ignore[reportAttributeAccessIssue]
    return _plain or traced or transformed or maps.device.type != "cpu" or type(maps) is not Tensor


def compute_type(weight: Tensor) -> torch.dtype:
    """What autocast asks for, or the weights' own type."""
    device = weight.device.type
    known = device != "meta"  # asking torch which devices it knows breaks the graph of a compiled network (torch 2.11)
    return torch.get_autocast_dtype(device) if known and torch.is_autocast_enabled(device) else weight.dtype


def conv_of_blocks(maps: Tensor, weight: Tensor, bias: Tensor, stride: tuple[int, ...], padding: Any) -> Tensor:
    """A convolution whose windows are made of whole blocks of stride x stride tiles, as one over blocks.

    The same sums. A tile has 5 channels; a card's matrix units want more, side by side, and torch takes longer to
    arrange a map for them than to multiply. A block has 5 for each of its tiles, and is made in one pass.
    """
    planes = pad(maps, 2 * tuple(padding))
    return conv2d(_blocks(planes, stride[0], weight.dtype), _blocks(weight, stride[0], weight.dtype), bias)


def _in_blocks(maps: Tensor, weight: Tensor, stride: tuple[int, ...], padding: Any) -> bool:
    sides = weight.shape[2], maps.shape[2] + 2 * padding[0], maps.shape[3] + 2 * padding[1]
    return not any(side % stride[0] for side in sides)


def _blocks(x: Tensor, side: int, dtype: torch.dtype) -> Tensor:
    """``(B, C, H, W)`` to ``(B, C * side * side, H / side, W / side)``, the channels of a block side by side."""
    cut = x.unflatten(3, (-1, side)).unflatten(2, (-1, side)).permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, s, s)
    return cut.to(dtype, memory_format=torch.contiguous_format).flatten(3).permute(0, 3, 1, 2)


class _BytesConv(torch.autograd.Function):
    """A convolution of bytes, ``BOARDS`` at a time; the bytes are kept for the backward pass, not their floats.

    One whose windows touch and do not overlap is a matrix product of `squares`, and quicker as such.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = stride, padding
        few = maps.split(BOARDS)
        if _is_product(maps, weight, stride, padding):
            cells = weight.new_empty(len(maps), maps.shape[2] // SIDE, maps.shape[3] // SIDE, len(weight))
            for boards, out in zip(few, cells.split(BOARDS), strict=True):
                torch.addmm(bias, squares(boards, weight.dtype), weight.flatten(1).t(), out=out.flatten(0, 2))
            return cells.permute(0, 3, 1, 2)
        parts = [conv2d(_floats(boards, weight.dtype), weight, bias, stride, padding) for boards in few]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        total = torch.zeros_like(weight, dtype=torch.float32)
        is_product = _is_product(maps, weight, ctx.stride, ctx.padding)
        for boards, part in zip(maps.split(BOARDS), gradient.split(BOARDS), strict=True):
            if is_product:
                cells = part.permute(0, 2, 3, 1).flatten(0, 2)  # no copy where a cell's channels lie side by side
                total += (cells.t() @ squares(boards, weight.dtype)).view_as(total)
            else:
                few = _floats(boards, weight.dtype)
                total += conv2d_weight(few, weight.shape, part, ctx.stride, ctx.padding)
        bias = gradient.sum((0, 2, 3), dtype=torch.float32)
        return None, total.to(weight.dtype), bias.to(weight.dtype), None, None


def _is_product(maps: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> bool:
    """Windows of 8 x 8 that touch and do not overlap: each number of the map is used once."""
    fits = maps.shape[2] % SIDE == 0 and maps.shape[3] % SIDE == 0 and weight.dtype in (torch.float32, torch.bfloat16)
    return fits and tuple(weight.shape[2:]) == stride == (SIDE, SIDE) and padding == (0, 0)


def squares(maps: Tensor, dtype: torch.dtype) -> Tensor:
    """The map's squares of 8 x 8 tiles, a row each: bytes ``(B, C, H, W)`` to floats ``(B * H/8 * W/8, C * 64)``.

    For sides that are multiples of 8. The map is cut and made floats of in one pass, by a kernel of our own.
    """
    batch, channels, height, width = maps.shape
    rows = torch.empty(batch * (height // SIDE) * (width // SIDE), channels * SIDE * SIDE, dtype=dtype)
    for_boards(_cut, maps.contiguous(), rows)
    return rows


def _floats(maps: Tensor, dtype: torch.dtype) -> Tensor:
    """With the channels of a tile side by side, where a convolution takes half as long (float32, 5 channels)."""
    return maps.to(dtype, memory_format=torch.channels_last)


# --- the kernel of `squares` -----------------------------------------------------------------------------------------


@_intrinsic
def _widen(_typing, source, at, target, to, ahead):
    """Eight bytes that lie side by side become eight floats, or the upper halves of such: a bfloat16 holds any byte.

    What lies ``ahead`` of them is asked for, so that it has come from memory when it is its turn.
    """

    def code(context, builder, signature, arguments):
        bytes_, numbers = (make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 2))
        start, end = builder.gep(bytes_, [arguments[1]]), builder.gep(numbers, [arguments[3]])
        few = builder.load(builder.bitcast(start, _vector(8).as_pointer()))
        few.align = 1
        few = builder.uitofp(few, ir.VectorType(ir.FloatType(), SIDE))
        if signature.args[2].dtype == types.int16:
            halves = builder.lshr(builder.bitcast(few, _vector(32)), ir.Constant(_vector(32), [16] * SIDE))
            few = builder.trunc(halves, _vector(16))
        builder.store(few, builder.bitcast(end, few.type.as_pointer())).align = 1
        number = ir.IntType(32)
        prefetch = ir.FunctionType(ir.VoidType(), [start.type, number, number, number])
        asked = get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0i8")
        builder.call(asked, [builder.gep(start, [arguments[4]]), number(0), number(3), number(1)])  # read, keep, data
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64, types.int64), code


def _vector(bits: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(bits), SIDE)


@entry
def _cut(b, _thread, maps, rows):
    _, planes, height, width = maps.shape
    start = to = b * planes * height * width
    for top in range(0, height, SIDE):
        for left in range(0, width, SIDE):
            for plane in range(planes):
                for row in range(top, top + SIDE):
                    _widen(maps, start + (plane * height + row) * width + left, rows, to, SIDE * width)
                    to += SIDE
