"""What is known of a tensor on its way to becoming attention, and what of the result of a function of it.

An exponential, its sum, weights, a layer's numbers: each is a `Tag`, which goes from function to function. Which axes
of weights are examples and heads is told by the product that made the scores, or by the layers that made queries and
keys. Nothing here watches anything: that is the part of `softmax`, beside it.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from territory.errors import lists
from territory.models.contents import tensors_of

SOFTMAXES = ("softmax", "softmin", "gumbel_softmax", "masked_softmax", "safe_softmax")
PRODUCTS = {
    *("matmul", "rmatmul", "bmm", "mm", "einsum", "baddbmm", "addbmm", "addmm"),
    *("tensordot", "vecdot", "multi_dot", "inner", "mv", "embedding_bag"),
}
ADDED = ("baddbmm", "addbmm", "addmm", "addcmul", "addcdiv")  # their first argument is added to what they make
LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
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
_RESHAPED = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze")
_LAID_ANEW = ("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "T", "mT", *_RESHAPED)
_DIM = {"gumbel_softmax": 4, "masked_softmax": 2}  # where the argument stands, if not second


class Tag(NamedTuple):
    """What is known of a tensor: weights; a logarithm of weights; an exponential, its sum, 1 over that; a logsumexp;
    the product of an exponential with values; scores laid in a way of their own."""

    kind: str
    dim: Any = None
    source: Any = None  # weak reference to what an exponential is of; or who was shown the weights
    weighted: bool = False  # weights that were multiplied with something: their sum is a weighted mean
    of: Any = None  # the exponential that was summed or multiplied
    again: Any = None  # the same product of other weights
    first: tuple[int, ...] = ()  # axes of scores that are examples and heads
    fold: int = 1  # heads that were folded into the examples, and come before them
    layer: int = 0  # 1: a layer made these numbers, `first` are examples and its features; 2: examples and heads
    raw: bool = False  # numbers made of a product of two computed matrices, in which no softmax was seen


UNKNOWN = Tag("")


def product_place(name: str, tag: Tag, other: Tag) -> int | None:
    """Which of two arguments is a product that this divides by the sum of the exponential in it; None: neither."""
    for place, product, total in ((0, tag, other), (1, other, tag)):
        wanted = {"mul": "share", "div": "" if place else "sum"}.get(name)
        if product.kind == "product" and total.kind == wanted and total.dim is not None and _same(total.of, product.of):
            return place
    return None


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether these are the same numbers, made twice or with an axis more."""
    return one is other or (
        one.numel() == other.numel() and not one.is_meta and torch.allclose(one.flatten(), other.flatten())
    )


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
    scores = Tag("", first=tag.first, fold=tag.fold, layer=tag.layer)
    if name == "exp" and tag.kind == "logarithm":
        return tag._replace(kind="weights")
    if name in ("exp", "exp2", "rpow"):
        return scores._replace(kind="exp", source=None if tag.kind == "logsumexp" else weakref.ref(args[0]))
    if name == "pow" and isinstance(args[1], Tensor):
        return other._replace(kind="exp", source=weakref.ref(args[1]))
    if name == "log_softmax":
        return scores._replace(kind="log", dim=-1 if dim is None else dim)
    if name == "logsumexp":
        return Tag("logsumexp", dim=dim, source=weakref.ref(args[0]))
    if name == "sub" and other.kind == "logsumexp" and tag.kind != "logsumexp":
        same = other.source is not None and other.source() is args[0]
        return scores._replace(kind="log", dim=other.dim if same else None)
    if name == "log" and tag.kind in ("sum", "weights"):
        return tag._replace(kind="logsumexp" if tag.kind == "sum" else "logarithm")
    if name == "sum" and tag.kind in ("exp", "weights") and isinstance(dim, int):
        return Tag("sum", dim=dim, source=tag.source, of=args[0])
    if name == "reciprocal" and tag.kind == "sum":
        return tag._replace(kind="share")
    if tag.kind in ("", "folded") and not other.kind:
        if name in LAYERS and (axis := result.ndim - (1 if name == "linear" else 1 + int(name[4]))) > 0:
            kept = [each for each in tag.first[1:] if each < axis] if tag.layer and name == "linear" else []
            return Tag("folded", first=(0, *kept, axis), fold=tag.fold, layer=1)
        if (fold := _fold(name, args, dim, result)) > 1:
            return Tag("folded", fold=fold)
        if tag.layer and name in SUMS and isinstance(dim, int):
            gone, shorter = dim % args[0].ndim, result.ndim < args[0].ndim
            first = tuple(axis - (axis > gone and shorter) for axis in tag.first if axis != gone)
            return tag._replace(first=first) if gone != tag.first[0] else None
        if tag.layer and (name in (*PARTS, *_LAID_ANEW) or _keeps(tag, name, args[0], result)):
            return _laid_anew(tag, name, args[0], result)
        same = isinstance(result, Tensor) and result.numel() == args[0].numel() if tag.kind else False
        return tag if same and result.shape[:1] == args[0].shape[:1] else None
    ranks = [(each.kind in ("sum", "logsumexp"), len(each.first), 0 in each.first) for each in (tag, other)]
    by_second = not tag.kind or (tag.kind in ("folded", "scores") and other.kind not in ("", "folded", "scores"))
    by_second |= name == "add" and ranks[1] > ranks[0]  # of positions' scores there are no examples
    held, value = (other, args[1]) if by_second else (tag, args[0])
    if tag.kind == other.kind == "weights" and tag.source is not other.source:
        held = held._replace(source=[*tag.source, *other.source])
    before, after = (sum(each.numel() for each in tensors_of(each)) for each in (value, result))
    if held.kind == "product" or (held.kind == "exp" and after < before and name not in PARTS):
        return Tag("sum") if after < before or held.kind == "product" else None
    if name in _BENDS and held.kind in ("sum", "share", "logsumexp"):
        return Tag(held.kind)
    held = _laid_anew(held, name, value, result)
    spread = name in _SPREADS and value.shape[-1:] == (1,) != result.shape[-1:]
    if held.kind == "weights" and ((name == "mul" and after > before) or spread):  # each weighs several numbers
        return held._replace(weighted=True)
    averaged = name == "mean" and held.kind == "weights"  # over heads
    kept = after == before or name in PARTS or averaged or _keeps(held, name, value, result)
    return held if kept else None


def _keeps(tag: Tag, name: str, value: Any, result: Any) -> bool:
    """Whether a layer's numbers meet others along more axes, and have their own where they were."""
    if tag.layer != 1 or name not in ("add", "sub", "mul") or not isinstance(result, Tensor):
        return False
    return result.ndim == value.ndim and all(result.shape[axis] == value.shape[axis] for axis in tag.first)


def _laid_anew(tag: Tag, name: str, value: Any, result: Any) -> Tag:
    """With the axes of examples and heads where they are now: they are told by how many numbers lie between two."""
    laid = next(tensors_of(result), None)
    if not tag.first or laid is None or not (name in _LAID_ANEW or laid.ndim != value.ndim):
        return tag
    if not all(
        isinstance(each, Tensor) and each.layout == torch.strided and not each.is_nested for each in (laid, value)
    ):
        return UNKNOWN
    reshaped = name in _RESHAPED
    had, now = ([*zip(each.shape, _steps(each, reshaped), strict=True)] for each in (value, laid))
    first = [now.index(had[tag.first[0]])] if had[tag.first[0]] in now else []
    for number, least in (had[axis] for axis in tag.first[1:] if first):  # a layer's features may have been parted
        most = number * least
        parts = [place for place, (size, step) in enumerate(now) if size > 1 and least <= step < size * step <= most]
        alone = (reshaped and laid.ndim > value.ndim) or (number == 1 and name != "squeeze")  # one head
        if alone and len(parts) < 2 and (1, most) in now:
            parts = [*{now.index((1, most)), *parts}]
        first += sorted(parts, key=lambda place: -now[place][1])
    if tag.kind == "scores" and (not first or len(first) < len(tag.first) or laid.ndim > value.ndim > 0 not in first):
        return UNKNOWN
    return tag._replace(first=tuple(dict.fromkeys(first)), layer=tag.layer if len(first) > 1 else 0)


def _steps(tensor: Tensor, by_place: bool) -> tuple[int, ...]:
    """How many numbers lie from one entry of each axis to the next: in memory, or in the order of the axes."""
    if not by_place:
        return tensor.stride()
    return tuple(math.prod(tensor.shape[axis + 1 :]) for axis in range(tensor.ndim))


def leading_axes(axes: int, tag: Tag, other: Tag) -> Tag:
    """Of a product of queries with keys, whose axes before the last two are examples and heads, and perhaps windows:
    then layers say which are heads."""
    before, fold = tuple(range(axes - 2)), max(tag.fold, other.fold)
    known = next((each.first for each in (tag, other) if each.layer and each.first[0] == 0), ())
    told = tuple(axis for axis in before if axis in known)
    return Tag("scores", first=told if len(told) > 1 else before, fold=fold, layer=2 * (len(told) > 1))


def _fold(name: str, args: Sequence[Any], dim: Any, result: Any) -> int:
    """How many heads this folds into the examples, before them; 1: none."""
    if not isinstance(result, Tensor) or result.ndim < 3 or result.is_nested or result.layout != torch.strided:
        return 1
    if name in ("cat", "concat", "concatenate"):
        parts = list(tensors_of(args[0] if args else ()))
        return len(parts) if not dim and len({each.shape for each in parts}) == 1 else 1
    value: Any = args[0] if args else None
    if name not in ("reshape", "flatten") or not isinstance(value, Tensor) or value.ndim != result.ndim + 1:
        return 1
    merged = value.shape[0] * value.shape[1] == len(result) and value.shape[2:] == result.shape[1:]
    return len(value) if merged and value.stride(1) > value.stride(0) > 0 and value.shape[1] > 1 else 1


def unfolded(weights: Tensor, fold: int) -> Tensor:
    """Rows with heads before examples, examples first; and back, where ``fold`` is the number of these."""
    return weights.unflatten(0, (fold, -1)).transpose(0, 1).flatten(0, 1) if fold > 1 else weights


def axes_of_einsum(equation: str, axes: int, tags: Sequence[Tag]) -> Tag:
    """Where examples and heads are, in an `einsum` of queries with keys, "bihd,bjhd->bijh": what all three have, or
    what layers gave as features and the output has."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    queries, _, keys = inputs.partition(",")
    before = axes - len(output.removeprefix("..."))  # that three dots stand for
    layered = [
        (each, tag.first) for each, tag in zip((queries, keys), tags, strict=False) if tag.layer and "." not in each
    ]
    queries, keys, output = (each.removeprefix("...") for each in (queries, keys, output))
    made = Tag("scores", fold=max([tag.fold for tag in tags], default=1))
    if not (queries + keys + output).isalpha():
        return made
    told = {each[axis] for each, first in layered for axis in first}
    if layered and layered[0][0][layered[0][1][0]] in output[:1] and 1 < len(told & {*output}) < len(output) - 1:
        return made._replace(first=tuple(place for place, label in enumerate(output) if label in told), layer=2)
    shared = [label for label in queries if label in keys and label in output]
    examples = max(queries, keys, key=len)[0]
    if len(queries) != len(keys) and examples in output and examples not in shared:  # of one side: keys are positions,
        shared = [examples, *shared] if examples in keys else []  # or queries are learned
    return made._replace(first=(*range(before), *(before + output.index(label) for label in shared)))


def name_of_function(func: Callable) -> str:
    """``torch.Tensor.__matmul__`` and ``aten::matmul`` as "matmul"; a property by its own name."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        name = getattr(func.__self__, "__name__", "")
    name = name.split(".")[0].removeprefix("special_").removeprefix("linalg_").strip("_")
    return _ALIASES.get(name, name)
