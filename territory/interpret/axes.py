"""What the axes of a tensor are made of: every axis remembers.

An axis is a list of parts. Views cut them, join them and change their order; a layer makes one of features; a product
keeps what its two sides share and sums over one. So however weights were laid and folded, they can be taken apart: by
`roles`, beside it.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from territory.guests.contents import tensors_of

GIVEN, FEATURE, PARAMETER = "given", "feature", "parameter"
SHORTER = -1  # the part of an axis that is left of it
REPEATED = -2  # not of anything: what was there is there so many times
BESIDE = 2  # how a part is shared where features were summed: those of the input (rows, frames) are of tokens then
LOST, STACKED = -1, -3  # in place of the axis that a part is of: nobody knows; of several tensors, one beside the other
PRODUCTS = {  # as einsum has them
    "linear": "...d,jd->...j",
    "rmatmul": "...dj,...id->...ij",
    "cdist": "...id,...jd->...ij",
    **dict.fromkeys(("matmul", "bmm", "mm", "mv", "addmm", "baddbmm"), "...id,...dj->...ij"),
}
CONVOLUTIONS = {  # and their axis of features
    name: -1 - sides for sides in (1, 2, 3) for name in (f"conv{sides}d", f"conv_transpose{sides}d")
}
_CUTS = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as")
_COMPLEX = ("view_as_complex", "view_as_real")
_JOINS = ("cat", "concat", "concatenate")
_TURNS = {
    *("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims"),
    *("t", "T", "mT", "H", "mH", "adjoint", "stack"),
}
LAYS = {*_CUTS, *_TURNS} - {"stack"}  # the same numbers in other axes
_TELLING = [  # sizes by which an axis is known again, of no axes, one, ...: far apart, as parts may be cut off
    [min(10_000, int(2e16 ** (1 / count) / (count + 2))) * n + 41 + 2 * n * n for n in range(2, count + 2)]
    for count in range(9)
]
_WRITES = ("index_add", "index_copy", "index_put", "index_reduce", "masked_scatter", "scatter")  # into their first
_PLAIN = (int, bool, str, slice, type(None), type(...))  # arguments that hold no tensor
_REFUSALS = (RuntimeError, IndexError, ValueError, TypeError, AssertionError)  # of sizes that a function can't take


class Part(NamedTuple):
    """A part of an axis."""

    size: int
    kind: str  # GIVEN to the network; FEATURE; PARAMETER
    of: int  # which axis of the tensor that it was first seen in
    cut: tuple[int, ...] = ()  # which part of that
    shared: int = 0  # by both sides of a product: 1, or BESIDE

    @property
    def source(self) -> tuple[str, int, tuple[int, ...]]:
        """What it is of."""
        return self.kind, self.of, self.cut


Axes = tuple[tuple[Part, ...], ...]  # the parts of each axis of a tensor; none: it holds one number


def own_axes(shape: Sequence[int], kind: str = GIVEN, features: int | None = None) -> Axes:
    """Of a tensor of which nothing else is known: the last axis of tokens or vectors is of features."""
    features = len(shape) - 1 if features is None and len(shape) in (2, 3) else features
    kinds = [FEATURE if axis == features and kind == GIVEN else kind for axis in range(len(shape))]
    parts = [Part(size, each, axis) for axis, (size, each) in enumerate(zip(shape, kinds, strict=True))]
    return tuple(() if part.size == 1 else (part,) for part in parts)


def axes_of(
    name: str, call: tuple, values: Sequence[Tensor], known: Sequence[Axes], result: Tensor, weighs: bool
) -> Axes | None:
    """What the axes of a result are made of, by those of the values that a function was given; None: nobody knows.

    ``known``: the values' axes. ``weighs``: some of the values are weights of others.
    """
    unknown = name == "embedding" or name.startswith("new_")
    if not values or unknown or any(each.ndim >= len(_TELLING) for each in (*values, result)):
        return None
    value, own = (values[0], known[0]) if name.startswith(_WRITES) else _foremost(values, known)
    if name in CONVOLUTIONS:
        features = result.ndim + CONVOLUTIONS[name]
        made = own_axes(result.shape, features=features)
        had = zip(known[0] if values[0].ndim == result.ndim else made, made, strict=True)
        kept = [old if sizes_of([old]) == sizes_of([new]) else new for old, new in had]
        kept[features] = tuple(part._replace(of=result.ndim) for part in made[features])
        return tuple(map(_fresh, kept))
    if name == "einsum" or name in PRODUCTS or name == "tensordot":
        equation = call[1][0] if name == "einsum" else PRODUCTS.get(name) or _contraction(*call[1:])
        sides = slice(1, None) if name in ("addmm", "baddbmm") else slice(2)
        found = product_axes(equation, values[sides], known[sides], weighs)
    elif name == "stack":
        found = _stacked(call[1:], own, result)
    elif name in _JOINS or (result.shape == value.shape and name not in _TURNS):
        vague = len(known) > 1 and name not in _JOINS and any(map(is_vague, itertools.chain(*own)))
        found = (_beside([own, *known], result) if vague else None) or own
    elif name in _CUTS:
        found = _cut(own, result.shape)
    elif name == "as_strided":
        found = _strided(result, value, own)
    elif name in _COMPLEX:  # numbers of two, which have an axis of their own on one side
        found = own[:-1] if name == "view_as_complex" else (*own, ())
    else:
        found = None if name in _TURNS else _beside([own, *known], result)
        places = call[1][1] if name == "getitem" and isinstance(call[1][1], tuple) else ()
        rows = sum(isinstance(each, Tensor) for each in places) > 1
        found = found or _moved(call, value, own, rows)
    if found is None or len(found) != result.ndim:
        return None
    return tuple(found) if sizes_of(found) == result.shape else _of_sizes(result.shape, found, name, is_fixed(own))


def _of_sizes(shape: Sequence[int], found: Axes, name: str, fixed: bool) -> Axes:
    """Axes that have become shorter or longer by a function; ``fixed``: of what is the same for all that is given."""
    taken = {part.of for parts in found for part in parts if part.kind == GIVEN}
    is_whole = 0 not in taken and not any(part.kind == FEATURE and part.cut for part in itertools.chain(*found))
    fitted = []
    for axis, (parts, size) in enumerate(zip(found, shape, strict=True)):
        new = axis + len(found) if axis in taken or name in _JOINS else axis
        times = Part(size, GIVEN, new, (REPEATED,))
        if name in _JOINS:  # several weights are weights
            times = Part(size, PARAMETER if fixed else GIVEN, 0 if is_whole and not axis else new)
        more = name == "pad" or (name in _JOINS and parts and parts[0].kind == FEATURE)  # which repeats nothing
        if more and sizes_of([parts]) != (size,):
            parts = tuple(part._replace(cut=(*part.cut, SHORTER)) for part in parts)
        fitted.append(_fitted(parts, size, times, name == "repeat_interleave"))
    return tuple(fitted)


def _foremost(values: Sequence[Tensor], known: Sequence[Axes]) -> tuple[Tensor, Axes]:
    """The largest value that is not fixed, and its axes; of several one that is shared by a product, or clear."""
    if len(values) == 1:
        return values[0], known[0]
    both = [*zip(values, known, strict=True)]
    both = [each for each in both if not is_fixed(each[1])] or both
    most = max(each.numel() for each, _ in both)
    largest = [each for each in both if each[0].numel() == most]

    def tells_less(each: tuple[Tensor, Axes]) -> tuple[bool, bool]:
        parts = [*itertools.chain(*each[1])]
        return not any(part.shared for part in parts), any(map(is_vague, parts))

    return min(largest, key=tells_less)


def is_fixed(axes: Axes) -> bool:
    """Whether no axis is of anything that the network was given."""
    kinds = {part.kind for parts in axes for part in parts}
    return PARAMETER in kinds and GIVEN not in kinds


def is_vague(part: Part) -> bool:
    """Whether it is there several times, or nobody knows what it is of."""
    return REPEATED in part.cut or part.of == LOST


def _vagueness(parts: Sequence[Part]) -> tuple[bool, bool]:
    """Whether all parts are vague; and whether some are, and the others are of heads."""
    clear = [part for part in parts if not is_vague(part)]
    return not clear, len(clear) < len(parts) and {part.kind for part in clear} == {FEATURE}


def _strangeness(parts: Sequence[Part]) -> tuple[bool, bool, bool]:
    """As `_vagueness`, of numbers that a product may have made, such as scores, and others, such as a mask."""
    return not any(part.shared for part in parts), *_vagueness(parts)


def _clearest(one: tuple[Part, ...], other: tuple[Part, ...], tells_less: Callable[[list[Part]], Any]) -> Any:
    """What tells most of one axis that two tensors have, piece by piece as far as they were cut alike.

    Of pieces that tell as much the finer: the rest of what it was cut of is beside it.
    """

    def order(piece: list[Part]) -> Any:
        return tells_less(piece), -sum(len(part.cut) for part in piece if not is_vague(part))

    sides, found = ([*one], [*other]), []
    while all(sides):
        pieces = [[side.pop(0)] for side in sides]
        while len({*sizes_of(pieces)}) > 1:
            place = 0 if sizes_of(pieces)[0] < sizes_of(pieces)[1] else 1
            if not sides[place]:
                return one
            pieces[place].append(sides[place].pop(0))
        found += min(pieces, key=order)
    return tuple(found) if not any(sides) else one


def written_axes(room: Tensor, place: Any, value: Tensor, axes: Axes) -> Axes | None:
    """Of a tensor by what is written into a place of it; what it has besides is of heads, if the value has none."""
    view = room[place]
    if view.untyped_storage()._cdata != room.untyped_storage()._cdata:  # places here and there
        return None
    found: list[tuple[Part, ...]] = [()] * room.ndim
    where = _strided(view, room, [(axis,) for axis in range(room.ndim)])
    for axis, parts in zip(reversed(where), reversed(axes), strict=False):
        found[axis[0] if axis else 0] = parts if axis else found[0]
    kind = GIVEN if any(part.kind == FEATURE for parts in axes for part in parts) else FEATURE
    new = [Part(size, kind, axis + room.ndim) for axis, size in enumerate(room.shape)]
    return tuple(map(_fitted, found, room.shape, new, [False] * room.ndim))


def _strided(view: Tensor, base: Tensor, axes: Sequence[Any]) -> Any:
    """Each axis of a view goes along that of its base whose steps are as long, or the longest of those that are not."""
    steps = [(step, axis) for axis, step in enumerate(base.stride()) if base.shape[axis] > 1]
    below = [[axis for axis in steps if axis[0] <= step] for step in view.stride()]
    return tuple(axes[max(each)[1]] if each and size > 1 else () for each, size in zip(below, view.shape, strict=True))


def _fitted(parts: tuple[Part, ...], size: int, times: Part, behind: bool) -> tuple[Part, ...]:
    """The parts of an axis that may have become shorter, or longer: by more of another kind, or by repetitions."""
    (had,) = sizes_of([parts])
    if size in (had, 1):
        return parts if size == had else ()
    if not parts or (size > had > 0 == size % had and SHORTER not in parts[0].cut):
        times = times._replace(size=size // had)
        return (*parts, times) if behind else (times, *parts)
    return (parts[0]._replace(size=size, cut=(*parts[0].cut, SHORTER)),)


def sizes_of(axes: Iterable[Iterable[Part]]) -> tuple[int, ...]:
    return tuple([math.prod([part.size for part in parts]) for parts in axes])  # lists are quicker here


def _beside(sides: Sequence[Axes], result: Tensor) -> Axes | None:
    """Number by number: where one side has an axis of one number, another side's."""
    found: list[tuple[Part, ...]] = [()] * max(map(len, sides))
    for axes in sides:
        for axis, parts in enumerate(reversed(axes), 1):
            had = found[-axis]
            found[-axis] = had or parts if had == parts or not (had and parts) else _clearest(had, parts, _strangeness)
    return tuple(found) if sizes_of(found) == result.shape else None


def _cut(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """The same numbers in the same order, in other axes."""
    waiting, found = [part for parts in axes for part in parts], []
    for size in shape if all(shape) else ():
        parts, left = [], size
        while left > 1 and waiting:
            part = waiting.pop(0)
            if left % part.size:
                if part.size % left:  # rows that are longer or shorter than they were, one below the other
                    return axes if sizes_of(axes)[:-2] == tuple(shape[:-2]) and len(axes) == len(shape) else None
                if part.kind == PARAMETER and part in axes[-1]:
                    part = part._replace(kind=FEATURE)
                waiting.insert(0, part._replace(size=part.size // left, cut=(*part.cut, 1)))
                part = part._replace(size=left, cut=(*part.cut, 0))
            parts.append(part)
            left //= part.size
        found.append(tuple(parts))
    return tuple(found)


def _stacked(call: tuple, axes: Axes, result: Tensor) -> Axes:
    """One axis more: of what was taken apart before, if what was given first is no longer there."""
    args, kwargs = call
    place = kwargs.get("dim", args[1] if len(args) > 1 else 0) % result.ndim
    given = {part.of for parts in axes for part in parts if part.kind == GIVEN}
    kinds = {part.kind for parts in axes for part in parts}
    layers = FEATURE in kinds and (PARAMETER in kinds or (0 in given and len(given) > 1))
    kind = FEATURE if layers else PARAMETER if kinds == {PARAMETER} else GIVEN  # some numbers each of the same tokens
    new = Part(result.shape[place], kind, STACKED if 0 in given or () in axes or kind == FEATURE else 0)
    return (*axes[:place], (new,) if new.size > 1 else (), *axes[place:])


def _moved(call: tuple, value: Tensor, axes: Axes, rows: bool) -> Axes:
    """By a function that turns, takes away or shortens axes: it is asked what it does to sizes that tell.

    ``rows``: they are taken from several axes at once, so that nobody knows what theirs is of.
    """
    asked = torch.empty(_TELLING[value.ndim], device="meta")
    func, args, kwargs = call
    if args and args[0] is value and not kwargs and all(type(each) in _PLAIN for each in args[1:]):
        args = asked, *args[1:]
    else:
        args, kwargs = tree_map(lambda each: asked if each is value else each, (args, kwargs))
    try:
        told = next(tensors_of(func(*args, **kwargs)), asked).shape
    except _REFUSALS:  # the axes stay where they were
        return axes
    known = dict(zip(asked.shape, axes, strict=True))
    changed, found = [parts for size, parts in known.items() if size not in told], []
    for size in told:  # of two axes that were made of one, both are of it
        made = (Part(size, GIVEN, LOST),) if rows else changed.pop(0) if len(changed) > 1 else (changed or [()])[0]
        found.append(known.get(size) or made)
    return tuple(found)


def product_axes(equation: Any, sides: Sequence[Tensor], axes: Sequence[Axes], weighs: bool = False) -> Axes | None:
    """Of a product of two tensors, or of sums of one, as `einsum` has it.

    One that weighs sums over tokens, of which no heads are cut.
    """
    if not isinstance(equation, str) or not equation.count(",") + 1 == len(sides) <= 2 or "->" not in equation:
        return None
    labels, out = _written_out(equation, sides)
    known = [dict(zip(each, side, strict=False)) for each, side in zip(labels, axes, strict=True)]
    summed = [part for side in known for label, parts in side.items() if label not in out for part in parts]
    sums, summed = bool(summed), [part for part in summed if part.kind != PARAMETER]
    numbers = {(part.kind, part.of) for part in summed}
    cut = set() if weighs else numbers
    shared = {bool(part.shared) for part in summed}
    both = BESIDE if FEATURE in {part.kind for part in summed} else 1
    made = _made(known, out)
    layer = len(known) > 1 and any({part.kind for part in itertools.chain(*side)} == {PARAMETER} for side in axes)

    def tells_less(parts: Sequence[Part]) -> tuple[Any, ...]:
        """Than the other side, which may be of heads where this one is of their repetitions."""
        kinds = {(part.kind, part.of) for part in parts}
        return PARAMETER in {kind for kind, _ in kinds}, not kinds <= cut, _vagueness(parts)

    found = []
    for label in out:
        parts, *other = [side[label] for side in known if side.get(label)] or [()]
        if other:  # heads are of the numbers that are summed
            parts = _clearest(parts, other[0], tells_less)
            heads = [FEATURE if (part.kind, part.of) in cut else part.kind for part in parts]
            parts = tuple(part._replace(shared=both, kind=kind) for part, kind in zip(parts, heads, strict=True))
        elif parts and parts[0].kind == PARAMETER:
            matrix = sides[0 if known[0].get(label) else 1].ndim == 2
            if label == out[-1] and matrix and (label in made or equation in PRODUCTS.values()):  # a layer
                kind = GIVEN if len(numbers) > 1 and len(out) == 2 else FEATURE  # of no token, if it reads them all
                parts = (Part(sizes_of([parts])[0], kind, len(out)),)
            elif label in made and ((len(made) > 1 and sums) or len(shared) > 1):  # cuts them at once, or joins heads
                parts = (Part(parts[0].size, FEATURE, len(out), (made.index(label),)),)
            elif shared == {True}:  # other heads, mixed of those that were
                parts = (summed[0]._replace(size=parts[0].size),)
        elif layer and shared != {True}:
            parts = _fresh(parts)
        found.append(parts)
    return tuple(found)


def _fresh(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Of what a layer makes of tokens nobody has made a product yet."""
    return tuple([part._replace(shared=False) for part in parts])


def _made(known: Sequence[dict[str, tuple[Part, ...]]], out: str) -> list[str]:
    """The labels of what a layer makes: which only its weights have."""
    layers = [side for side in known if {part.kind for parts in side.values() for part in parts} == {PARAMETER}]
    if not layers or len(known) == 1:
        return []
    other = known[1 if layers[-1] is known[0] else 0]
    has = {label for label, parts in layers[-1].items() if parts or label not in other}
    return [label for label in out if label in has and not other.get(label)]


def _contraction(args: tuple, kwargs: dict[str, Any]) -> str | None:
    """`tensordot` as an equation."""
    a, b, dims = (*args, kwargs.get("dims", 2))[:3]
    if isinstance(dims, int):
        dims = [*range(a.ndim - dims, a.ndim)], [*range(dims)]
    if not all(isinstance(each, int) for side in dims for each in side):
        return None
    left, right = [*"abcdefgh"[: a.ndim]], [*"ijklmnop"[: b.ndim]]
    for one, other in zip(*dims, strict=True):
        right[other] = left[one]
    out = [each for each in (*left, *right) if (*left, *right).count(each) == 1]
    return f"{''.join(left)},{''.join(right)}->{''.join(out)}"


def _written_out(equation: str, sides: Sequence[Tensor]) -> tuple[list[str], str]:
    """The labels of each side's axes, and of the result's: what three dots stand for has capital letters."""
    inputs, out = equation.replace(" ", "").replace("...", "*").split("->")
    labels = inputs.split(",")
    if equation in PRODUCTS.values():  # a vector has one axis
        labels = [each if side.ndim > 1 else "d" for each, side in zip(labels, sides, strict=True)]
    dots = ["ABCDEFGH"[8 - side.ndim + len(each.strip("*")) :] for each, side in zip(labels, sides, strict=True)]
    labels = [each.replace("*", more) for each, more in zip(labels, dots, strict=True)]
    out = out.replace("*", max(dots, key=len))
    return labels, "".join(each for each in out if each in "".join(labels))
