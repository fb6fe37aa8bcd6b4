"""Multiply-accumulates of one operator of torch, from its arguments: every matrix product, convolution and attention.

Not counted, as is the custom: elementwise work and its sums, norms, pooling, lookups, sorting, Fourier transforms and
factorisations. A product of complex numbers counts once; a sparse matrix counts by its entries.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
Formula = Callable[..., int]


def entries(matrix: Tensor) -> int:
    """How many numbers a matrix really holds."""
    if matrix.layout == torch.strided or matrix.is_mkldnn:
        return matrix.numel()
    return matrix._nnz() if matrix.layout == torch.sparse_coo else matrix.values().numel()


def _product(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """(..., m, k) times (..., k, n), or a vector in place of either."""
    if b.layout != torch.strided:
        return a.shape[0] * entries(b)
    return entries(a) * (b.shape[-1] if b.ndim > 1 else 1)


def _product_added(_c: Tensor, a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    return _product(a, b)


def _packed(a: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    """A linear layer whose weight is packed or grouped: each output sums over the last axis of the input."""
    return out.numel() * a.shape[-1]


def _convolution(x: Tensor, weight: Tensor, *rest: Any, out: Tensor, **__: Any) -> int:
    """Each output number sums over one window; of a transposed one each input number is spread over one."""
    transposed = rest[4] if len(rest) > 4 and isinstance(rest[4], bool) else False
    return (x if transposed else out).numel() * math.prod(weight.shape[1:])


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *rest: Any, out: Any, **__: Any) -> int:
    """The forward pass's price for each gradient wanted: of the input, of the weight."""
    transposed, wanted = rest[4], rest[7]
    return (x if transposed else gradient).numel() * math.prod(weight.shape[1:]) * sum(map(bool, wanted[:2]))


def _convolution_in_time(x: Tensor, weight: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    return out.numel() * math.prod(weight.shape[:2])


def _trilinear(a: Tensor, b: Tensor, c: Tensor, *expand: Sequence[int], **__: Any) -> int:
    """One for each combination of all axes; ``expand`` says which axes a factor lacks (`F.bilinear`)."""
    axes = len(expand[0]) + a.ndim
    sizes = [1] * axes
    for factor, missing in zip((a, b, c), expand, strict=False):
        shape = iter(factor.shape)
        for axis in range(axes):
            sizes[axis] = sizes[axis] if axis in missing else max(sizes[axis], next(shape))
    return math.prod(sizes)


def _attention(q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> int:
    """Scores and the weighted sum of values: (..., Tq, width), (..., Tk, width), (..., Tk, width of values)."""
    return math.prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1])


def _attention_backward(_gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> int:
    """The scores once more, and two products for each of the forward pass's two."""
    return 2 * _attention(q, k, v) + math.prod(q.shape[:-1]) * k.shape[-2] * q.shape[-1]


def _recurrent(x: Tensor, w_input: Tensor, w_state: Tensor, *_: Any, **__: Any) -> int:
    return math.prod(x.shape[:2]) * (w_input.numel() + w_state.numel())


def _recurrent_backward(x: Tensor, w_input: Tensor, w_state: Tensor, *_: Any, **__: Any) -> int:
    return 2 * _recurrent(x, w_input, w_state)


FORMULAS: dict[Any, Formula] = {
    **dict.fromkeys((aten.mm, aten.bmm, aten.mv, aten._int_mm, aten._scaled_mm, aten._sparse_mm), _product),
    **dict.fromkeys((aten.addmm, aten.baddbmm, aten.addbmm, aten.addmv, aten._addmm_activation), _product_added),
    **dict.fromkeys((aten._sparse_addmm, aten.sparse_sampled_addmm), _product_added),
    **dict.fromkeys((aten._weight_int8pack_mm, aten._weight_int4pack_mm, aten._grouped_mm), _packed),
    **dict.fromkeys((aten.dot, aten.vdot), lambda a, b: a.numel()),
    aten.addr: lambda c, a, b, **_: a.numel() * b.numel(),
    **dict.fromkeys((aten.convolution, aten._convolution, aten.convolution_overrideable), _convolution),
    aten._slow_conv2d_forward: _convolution,
    aten.convolution_backward: _convolution_backward,
    aten.conv_tbc: _convolution_in_time,
    aten.conv_tbc_backward: lambda gradient, x, weight, *_, **__: 2 * gradient.numel() * math.prod(weight.shape[:2]),
    aten._trilinear: _trilinear,
    aten.mkldnn_rnn_layer: _recurrent,
    aten.mkldnn_rnn_layer_backward: _recurrent_backward,
}
_FUSED = (
    "flash_attention",
    "flash_attention_for_cpu",
    "efficient_attention",
    "cudnn_attention",
    "fused_attention_overrideable",
)
for _name in _FUSED:
    FORMULAS[getattr(aten, f"_scaled_dot_product_{_name}")] = _attention
    FORMULAS[getattr(aten, f"_scaled_dot_product_{_name}_backward")] = _attention_backward

_WITH_OUTPUT = {_packed, _convolution, _convolution_backward, _convolution_in_time}
UNKNOWN = {  # fused kernels whose products can't be told from their arguments; all are switched off while we count
    aten._cudnn_rnn,
    aten.miopen_rnn,
    aten._native_multi_head_attention,
    aten._transformer_encoder_layer_fwd,
    aten._flash_attention_forward,
    aten._efficient_attention_forward,
}


def macs_of(func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> int:
    """Multiply-accumulates of one call; 0 for an operator that multiplies no matrices.

    Raises LookupError for one of which that can't be said: of another library, or fused beyond knowing.
    """
    packet = getattr(func, "_overloadpacket", None)
    if packet in FORMULAS:
        formula = FORMULAS[packet]
        if formula in _WITH_OUTPUT:
            kwargs = {**kwargs, "out": out}
        return formula(*args, **kwargs)
    if packet is None or packet in UNKNOWN or func.namespace not in ("aten", "prim", "prims", "profiler", "c10d"):
        raise LookupError(f"it calls the operator {func}, of which nobody knows how many products it makes")
    return 0
