"""What is known of a tensor on its way to becoming attention, and what of the result of a function of it.

An exponential, its sum, weights: each is a `Tag`, which goes from function to function. Nothing here watches anything:
that is the part of `softmax`, beside it; and what axes are of is told in `axes`.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from territory.errors import lists
from territory.guests.contents import tensors_of

SOFTMAXES = ("softmax", "softmin", "gumbel_softmax", "masked_softmax", "safe_softmax")
PRODUCTS = {
    *("matmul", "rmatmul", "bmm", "mm", "einsum", "baddbmm", "addbmm", "addmm"),
    *("tensordot", "vecdot", "multi_dot", "inner", "mv", "embedding_bag"),
}
ADDED = ("baddbmm", "addbmm", "addmm", "addcmul", "addcdiv")  # their first argument is added to what they make
BEGINS = {*SOFTMAXES, *PRODUCTS, "exp", "exp2", "rpow", "pow", "log_softmax", "logsumexp", "linear"}
SUMS = ("sum", "nansum", "mean", "nanmean")
_ALIASES = {
    **dict.fromkeys(("truediv", "true_divide", "itruediv", "idiv", "divide"), "div"),
    **dict.fromkeys(("imul", "rmul", "multiply"), "mul"),
    **dict.fromkeys(("isub", "subtract"), "sub"),
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("rtruediv", "rdiv"), "reciprocal"),  # a number over a tensor
    "float_power": "pow",
}
_BENDS = ("pow", "sqrt", "rsqrt", "square", "mul", "div", "neg", "sub", "abs")  # what makes a sum something else
_SPREADS = ("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave")
PARTS = {  # and repetitions: of weights are weights
    *("chunk", "split", "unbind", "getitem", "select", "narrow", "index_select", "gather", "take_along_dim", "topk"),
    *("expand", "repeat", "repeat_interleave", "pad", "as_strided", "unfold", "diagonal"),
}
WRITES = ("scatter", "setitem", "where", "index_put", "index_copy", "masked_scatter", "scatter_add", "index_add")
SCATTERED = ("index_add", "scatter_add", "scatter_reduce", "index_reduce")  # sums of rows that are here and there
_DIM = {"gumbel_softmax": 4, "masked_softmax": 2}  # where the argument stands, if not second


class Tag(NamedTuple):
    """What is known of a tensor: weights; a logarithm of weights; an exponential, its sum, 1 over that; a logsumexp;
    the product of an exponential with values."""

    kind: str
    dim: Any = None
    source: Any = None  # weak reference to what an exponential is of; or who was shown the weights
    weighted: bool = False  # weights that were multiplied with something: their sum is a weighted mean
    of: Any = None  # the exponential that was summed or multiplied
    again: Any = None  # the same product of other weights
    raw: bool = False  # numbers made of a product of two computed matrices, in which no softmax was seen


UNKNOWN = Tag("")


def product_place(name: str, tag: Tag, other: Tag) -> tuple[int, int] | None:
    """Which of two arguments is a product that this divides by the sum of the exponential in it; and over which axis.

    The exponential may be laid otherwise in the product than where it was summed.
    """
    for place, product, total in ((0, tag, other), (1, other, tag)):
        wanted = {"mul": "share", "div": "" if place else "sum"}.get(name)
        if product.kind == "product" and total.kind == wanted and total.dim is not None:
            if product.of is total.of:
                return place, total.dim
            if same_numbers(product.of, total.of):
                sums, e = total.of.sum(total.dim), product.of
                axes = [axis for axis in reversed(range(e.ndim)) if same_numbers(e.sum(axis), sums)]
                return (place, axes[0]) if axes else None
    return None


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether these are the same, in whatever order."""
    if one is other or one.numel() != other.numel() or one.is_meta:
        return one is other
    first, second = (each.detach().flatten().sort()[0] for each in (one, other))
    return torch.allclose(first, second)


def dim_of_weights(
    name: str, args: Sequence[Any], kwargs: dict[str, Any], result: Tensor, tag: Tag, other: Tag
) -> int | None:
    """The axis over which a result sums to 1, if it is known to; with what is known of its first two arguments."""
    if not args:
        return None
    if name in SOFTMAXES:
        place = _DIM.get(name, 1)
        dim = kwargs.get("dim", args[place] if len(args) > place else None)
        if dim is None and name in ("softmax", "softmin"):  # as torch takes it then, and warns
            return 0 if args[0].ndim in (0, 1, 3) else 1
        return -1 if dim is None else dim
    if name == "exp" and tag.kind == "log":
        return _axis_of_ones(result) if tag.dim is None else tag.dim
    if name in ("div", "mul") and tag.kind in ("exp", "weights"):  # weights: masked, they no longer sum to 1
        wanted = "share" if name == "mul" else "sum"
        if other.kind == wanted and other.source is tag.source and other.dim is not None:
            return other.dim
    made = {tag.kind, other.kind}
    if name in ("div", "mul", "addcdiv", "addcmul") and "exp" in made and made <= {"exp", "sum", "share", "product"}:
        return _axis_of_ones(result)
    if name == "normalize" and tag.kind in ("exp", "weights") and kwargs.get("p", args[1] if len(args) > 1 else 2) == 1:
        return kwargs.get("dim", args[2] if len(args) > 2 else 1)
    return None


def _axis_of_ones(weights: Tensor) -> int | None:
    """The last axis over which they sum to 1, or to 0 where all is masked, if there is one."""
    if weights.is_meta or not weights.is_floating_point() or not weights.numel():
        return None
    near = 4 * max(torch.finfo(weights.dtype).eps, 1e-4)
    for axis in reversed(range(weights.ndim)):
        sums = weights.detach().sum(axis)
        if bool((((sums - 1).abs() < near) | (sums == 0)).all()) and bool(sums.any()):
            return axis
    return None


def known_of(name: str, args: Sequence[Any], kwargs: dict[str, Any], result: Any, tag: Tag, other: Tag) -> Tag | None:
    """What is known of a result, if anything, by what is known of the first two arguments."""
    dim: Any = kwargs.get("dim", args[1] if len(args) > 1 else None)
    dim = dim[0] if lists(dim, 1) else dim
    if name == "exp" and tag.kind == "logarithm":
        return tag._replace(kind="weights")
    if name in ("exp", "exp2", "rpow"):
        return Tag(kind="exp", source=None if tag.kind == "logsumexp" else weakref.ref(args[0]))
    if name == "pow" and isinstance(args[1], Tensor):
        return other._replace(kind="exp", source=weakref.ref(args[1]))
    if name == "log_softmax":
        return Tag(kind="log", dim=-1 if dim is None else dim)
    if name == "logsumexp":
        return Tag("logsumexp", dim=dim, source=weakref.ref(args[0]))
    if name == "sub" and other.kind == "logsumexp" and tag.kind != "logsumexp":
        same = other.source is not None and other.source() is args[0]
        return Tag(kind="log", dim=other.dim if same else None)
    if name == "log" and tag.kind in ("sum", "weights"):
        return tag._replace(kind="logsumexp" if tag.kind == "sum" else "logarithm")
    if name == "sum" and tag.kind in ("exp", "weights") and isinstance(dim, int):
        return Tag("sum", dim=dim, source=tag.source, of=args[0])
    if name == "reciprocal" and tag.kind == "sum":
        return tag._replace(kind="share")
    if not tag.kind and not other.kind:
        return None
    by_second = not tag.kind or (name == "add" and other.kind in ("sum", "logsumexp"))
    held, value = (other, args[1]) if by_second else (tag, args[0])
    if tag.kind == other.kind == "weights" and tag.source is not other.source:
        held = held._replace(source=[*tag.source, *other.source])
    before, after = (sum(each.numel() for each in tensors_of(each)) for each in (value, result))
    if held.kind == "product" or (held.kind == "exp" and after < before and name not in PARTS):
        return Tag("sum")
    if name in _BENDS and held.kind in ("sum", "share", "logsumexp"):
        return Tag(held.kind)
    spread = name in _SPREADS and value.shape[-1:] == (1,) != result.shape[-1:]
    if held.kind == "weights" and ((name == "mul" and after > before) or spread):  # each weighs several numbers
        return held._replace(weighted=True)
    averaged = name == "mean" and held.kind == "weights"  # over heads
    return held if after == before or name in PARTS or averaged else None


@lru_cache(1024)
def name_of_function(func: Callable) -> str:
    """``torch.Tensor.__matmul__`` and ``aten::matmul`` as "matmul"; a property by its own name."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        name = getattr(func.__self__, "__name__", "")
    name = name.split(".")[0].removeprefix("special_").removeprefix("linalg_").strip("_")
    return _ALIASES.get(name, name)
