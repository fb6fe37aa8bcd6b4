"""Group norm, ReLU and gate in one pass over the memory, forward and backward, while a network trains on a processor.

One by one each of them fetches and writes the features of a whole minibatch (34 MB for 256 boards of `attention`), and
torch's group norm is slow where the channels of a cell lie side by side. Here each board's are fetched once and worked
on while they lie in the cache. The answers are the same but for rounding, of which there is less: all sums are in
float32. A board's answer does not depend on the others, so that PPO's first ratio is 1.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import overload
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from territory.world.compiled import entry

_wanted = ContextVar("in one pass", default=False)


@contextmanager
def in_one_pass() -> Iterator[None]:
    """Inside, blocks that nobody watches are computed in one pass; elsewhere layer by layer."""
    before = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(before)


def wanted() -> bool:
    """Whether somebody is `in_one_pass`, and torch is not compiling a pass of its own."""
    return not torch.compiler.is_compiling() and _wanted.get()


def fits(x: Tensor, layers: list[nn.Module]) -> bool:
    """Whether ``layers``, a group norm first, can take ``x`` in one pass, and nobody would notice."""
    weight: Any = layers[0].weight
    known = x.dtype in (torch.float32, torch.bfloat16) and weight is not None and weight.dtype == torch.float32
    return known and x.device.type == "cpu" and not watched(layers)


def watched(modules: Iterable[nn.Module]) -> bool:
    """Whether somebody sees what these modules compute: by hooks, torch's profiler or one of its modes."""
    modes = torch._C._len_torch_dispatch_stack() + torch._C._len_torch_function_stack()
    return (
        bool(modes)
        or torch.autograd._profiler_enabled()  # pyright: ignore[reportPrivateImportUsage]
        or any(
            each._forward_hooks or each._forward_pre_hooks or each._backward_hooks or each._backward_pre_hooks
            for each in modules
        )
    )


class NormReluGate(torch.autograd.Function):
    """``(B, C, H, W)`` through a group norm's weight and bias, ReLU, and a gate's score ``(C,)`` and bias ``(1,)``.

    Without a gate both are empty.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, offset: Tensor, score: Tensor, bias: Tensor, groups: int, eps: float
    ) -> Tensor:
        rows = _rows(x)
        y = torch.empty_like(rows)
        mean, rate = scale.new_empty(2, len(x), groups)
        gates = scale.new_empty(len(x), rows.shape[1] if len(score) else 0)
        for_boards(_forward, rows, scale, offset, score, bias, eps, y, mean, rate, gates)
        ctx.save_for_backward(x, scale, offset, score, mean, rate, gates)
        return _maps(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, offset, score, mean, rate, gates = ctx.saved_tensors
        rows = _rows(x)
        dx = torch.empty_like(rows)
        normed = scale.new_empty(rows.shape[1:])
        of_weights = [scale.new_zeros(len(x), len(weight)) for weight in (scale, offset, score, score[:1])]
        for_boards(_backward, _rows(gradient), rows, scale, offset, score, mean, rate, gates, normed, dx, *of_weights)
        return _maps(dx, x), *(each.sum(0) for each in of_weights), None, None


def _rows(x: Tensor) -> Tensor:
    """``(B, C, H, W)`` as ``(B, H * W, C)``, without a copy where the channels of a cell are adjacent."""
    return x.flatten(2).transpose(1, 2).contiguous()


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    return rows.transpose(1, 2).unflatten(2, like.shape[2:])


def for_boards(function: Any, rows: Tensor, *arguments: Any) -> None:
    """Call a kernel for all boards, in this thread: who shares a minibatch among threads shares whole networks."""
    given = [_array(each) if isinstance(each, Tensor) else each for each in (rows, *arguments)]
    function(np.zeros((2, 1), np.int64), np.zeros(1, np.int64), len(rows), 0, *given)


def _array(tensor: Tensor) -> np.ndarray:
    """The same memory; NumPy has no bfloat16, so its bits."""
    bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    return bits.detach().numpy()


# --- kernels, for board ``b``: (B, cells, channels) of float32 or bits of bfloat16 ------------------------------------


def _number(stored) -> Any: ...
def _stored(number, kind) -> Any: ...


@overload(_number, inline="always")
def _read(stored):
    if stored == types.int16:  # a bfloat16 is the upper half of a float32
        return lambda stored: np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)
    return lambda stored: stored


@overload(_stored, inline="always")
def _write(number, kind):
    if kind == types.int16:

        def rounded(number, kind):
            bits = np.float32(number).view(np.uint32)
            odd = np.uint32(bits >> np.uint32(16)) & np.uint32(1)  # halves go to the even neighbour
            kept = np.int16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))
            return kept if number == number else np.int16(0x7FC0)  # NaN stays NaN

        return rounded
    return lambda number, kind: number


@entry(reorder=True)
def _forward(b, _thread, x, scale, offset, score, bias, eps, y, mean, rate, gates):
    _, cells, channels = x.shape
    groups = mean.shape[1]
    gated, size = len(score) > 0, channels // groups
    row = np.empty(channels, np.float32)
    factor, shift = np.empty((2, channels), np.float32)
    sums, squares = np.zeros((2, channels), np.float32)
    for cell in range(cells):
        for c in range(channels):
            value = _number(x[b, cell, c])
            sums[c] += value
            squares[c] += value * value
    for g in range(groups):
        own = slice(g * size, (g + 1) * size)
        middle = sums[own].sum() / (cells * size)
        mean[b, g] = middle
        rate[b, g] = 1 / math.sqrt(max(squares[own].sum() / (cells * size) - middle * middle, 0.0) + eps)
    for c in range(channels):
        factor[c] = rate[b, c // size] * scale[c]
        shift[c] = offset[c] - mean[b, c // size] * factor[c]
    for cell in range(cells):
        gate = np.float32(1)
        for c in range(channels):
            value = _number(x[b, cell, c]) * factor[c] + shift[c]
            row[c] = np.float32(0) if value <= 0 else value  # NaN stays NaN
        if gated:
            logit = bias[0]
            for c in range(channels):
                logit += row[c] * score[c]
            gate = np.float32(1) / (np.float32(1) + np.exp(-logit))
            gates[b, cell] = gate
        for c in range(channels):
            y[b, cell, c] = _stored(row[c] * gate, y[b, cell, c])


@entry(reorder=True)
def _backward(b, _thread, dy, x, scale, offset, score, mean, rate, gates, normed, dx, dscale, doffset, dscore, dbias):
    _, cells, channels = x.shape
    groups = mean.shape[1]
    gated, size = len(score) > 0, channels // groups
    row = np.empty(channels, np.float32)
    factor, shift, slope, level = np.empty((4, channels), np.float32)
    for c in range(channels):
        factor[c] = rate[b, c // size] * scale[c]
        shift[c] = offset[c] - mean[b, c // size] * factor[c]
    sums, products = np.zeros((2, channels), np.float32)  # over the cells, of the gradient and of it times x
    for cell in range(cells):
        gate, logit = np.float32(1), np.float32(0)
        for c in range(channels):
            value = _number(x[b, cell, c]) * factor[c] + shift[c]
            row[c] = np.float32(0) if value <= 0 else value
        if gated:
            gate = gates[b, cell]
            for c in range(channels):
                logit += row[c] * _number(dy[b, cell, c])
            logit *= gate * (1 - gate)
            dbias[b, 0] += logit
            for c in range(channels):
                dscore[b, c] += logit * row[c]
        for c in range(channels):
            steep = _number(dy[b, cell, c]) * gate + (logit * score[c] if gated else np.float32(0))
            steep = np.float32(0) if row[c] <= 0 else steep
            normed[cell, c] = steep
            sums[c] += steep
            products[c] += steep * _number(x[b, cell, c])
    for g in range(groups):
        own = slice(g * size, (g + 1) * size)
        middle, inverse = mean[b, g], rate[b, g]
        total, along = (sums[own] * scale[own]).sum(), (products[own] * scale[own]).sum()
        doffset[b, own] = sums[own]
        dscale[b, own] = (products[own] - sums[own] * middle) * inverse
        slope[own] = (total * middle - along) * inverse**3 / (cells * size)
        level[own] = -slope[own] * middle - total * inverse / (cells * size)
    for cell in range(cells):
        for c in range(channels):
            value = normed[cell, c] * factor[c] + _number(x[b, cell, c]) * slope[c] + level[c]
            dx[b, cell, c] = _stored(value, dx[b, cell, c])
