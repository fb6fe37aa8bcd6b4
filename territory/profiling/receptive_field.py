"""How much of the map one cell of a convolution can see: its receptive field, in closed form.

A cell of a grid depends on a window of tiles: from ``first`` to ``last``, seen from the tile ``step`` times its own
number. Convolution and pooling make windows grow (Araujo, Norris & Sim 2019), and what joins two grids has a window
that holds both. Windows are followed from operator to operator, through branches and shortcuts.
"""

import inspect
import math
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.guests.call import Inputs
from territory.guests.contents import tensors_of
from territory.guests.modes import slow_path, untouched
from territory.guests.owners import Operators, Owners
from territory.models.map_conv import plain_convolutions
from territory.profiling.inputs import names_of, prepare

aten = torch.ops.aten
Pair = tuple[int, int]


@dataclass(frozen=True)
class FieldRecord:
    """One convolution or pooling; every pair is rows, columns."""

    part: str
    layer: str
    kernel: Pair
    stride: Pair
    grid: Pair  # cells of its output
    step: Pair  # tiles from one of its cells to the next
    field: Pair  # tiles that one of its cells depends on, where no border cuts them off


@dataclass(frozen=True)
class _Window:
    """Along one axis: tiles from one cell to the next, and where a cell's window begins and ends."""

    step: int = 1
    first: int = 0
    last: int = 0

    def through(self, kernel: int, stride: int, padding: int, dilation: int) -> "_Window":
        """Behind one more window over this one's cells."""
        first = self.first - padding * self.step
        last = self.last + ((kernel - 1) * dilation - padding) * self.step
        return _Window(self.step * stride, first, last)

    def from_cell(self, start: int, stride: int = 1) -> "_Window":
        """That of every so many cells, beginning with one of them (before the first, where cells were added)."""
        return _Window(self.step * stride, self.first + start * self.step, self.last + start * self.step)

    def with_other(self, other: "_Window") -> "_Window":
        return _Window(self.step, min(self.first, other.first), max(self.last, other.last))


Windows = dict[int, _Window]  # of two axes, counted from the last (-1); rows first
WHOLE = {-2: _Window(), -1: _Window()}  # every tile its own cell


def field_table(model: nn.Module, inputs: Inputs = None) -> list[FieldRecord]:
    """One record per two-dimensional convolution or pooling with windows, in order of execution.

    What acts on all cells at once (a norm over the grid, attention, a mean, a linear layer) isn't looked at: behind it
    everything may depend on everything, and a convolution over the one cell that is left isn't listed. Raises BadInput
    for a window over a grid whose cells no longer lie in rows and columns of the map (reshaped, resized, reordered), or
    over two grids of different steps.
    """
    call = prepare(model, inputs)
    owners = Owners(model)
    watch = _Fields(owners, names_of(model), call.tensors)
    with (
        untouched(call),
        torch.enable_grad(),
        plain_convolutions(),
        slow_path(),
        owners.watching(call, back=False),
        watch,
        _Steps(watch.known),
    ):
        call.training(False)
        call()
    return watch.records


class _Fields(Operators):
    """The windows of every grid's cells, from the inputs on."""

    def __init__(self, owners: Owners, names: dict[str | None, tuple[str, str]], inputs: list[Tensor]):
        super().__init__()
        self.owners, self.names, self.records, self.whole = owners, names, [], _SIZES
        self.known = WeakIdKeyDictionary()  # tensor -> windows; None: its cells don't lie in rows and columns
        for tensor in inputs:
            self.known[tensor] = WHOLE if tensor.ndim > 2 else None

    def judge(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        packet, written = getattr(func, "_overloadpacket", None), list(tensors_of(out))
        if packet in _SIZES:
            windows = self._record(_SIZES[packet](*args, **kwargs), args[0], written[0])
        elif packet in _MOVED and self.known.get(args[0]) and not args[0].is_nested:
            windows = _MOVED[packet](self.known[args[0]], *args, **kwargs)
        elif packet in _REORDERED and any(
            axis % args[0].ndim - args[0].ndim in (self.known.get(args[0]) or ())
            for axis in _REORDERED[packet](*args, **kwargs)
        ):
            windows = None
        else:
            self._pass_on([tensor for tensor in tensors_of([args, kwargs]) if tensor in self.known], written)
            return
        for tensor in written:
            self.known[tensor] = windows

    def _record(self, sizes: tuple[Pair, Pair, Pair, Pair] | None, x: Tensor, out: Tensor) -> Windows | None:
        windows = self.known.get(x, WHOLE)  # a tensor that the network made itself
        one_cell = windows is None and x.shape[-2:].numel() == 1
        if sizes is None or one_cell:  # of another number of dimensions, or transposed
            return None
        if windows is None or list(windows) != [-2, -1]:
            raise BadInput(
                f"layer {self.owners.layer} reads a grid whose cells don't lie in rows "
                "and columns of the input: it was reshaped, resized, reordered, of complex numbers, or joined from "
                "grids of different steps."
            )
        rows, columns = (windows[axis].through(*(size[axis] for size in sizes)) for axis in windows)
        kernel, stride, _, _ = sizes
        field = (rows.last - rows.first + 1, columns.last - columns.first + 1)
        step, grid = (rows.step, columns.step), (out.shape[-2], out.shape[-1])
        self.records.append(FieldRecord(*self.names[self.owners.current()], kernel, stride, grid, step, field))
        return {-2: rows, -1: columns}

    def _pass_on(self, read: list[Tensor], written: list[Tensor]) -> None:
        if not read:
            return
        dense = [tensor for tensor in read if not tensor.is_nested and tensor.ndim > 2]
        grids = [tensor for tensor in dense if math.prod(self._cells(tensor)) > 1]
        windows = self.known[grids[0]] if grids else None
        for other in grids[1:]:
            windows = _joined(windows, self.known[other])
        for tensor in written:
            fits = windows and not tensor.is_nested and tensor.ndim > 2
            same = fits and [tensor.shape[axis] for axis in windows or ()] == self._cells(grids[0])
            self.known[tensor] = windows if same else None

    def _cells(self, grid: Tensor) -> list[int]:
        """How many rows and columns; of what is none, its last two axes. One number for all (expanded) is one cell."""
        strides = grid.stride() if grid.layout == torch.strided else [1] * grid.ndim
        return [grid.shape[axis] if strides[axis] else 1 for axis in self.known[grid] or WHOLE]


class _Steps(TorchFunctionMode):
    """What is one step although its operators take the grid apart: a linear layer over the channels of each cell,
    where they come last, and padding with what lies at the other border."""

    def __init__(self, known: MutableMapping[Tensor, Windows | None]):
        super().__init__()
        self.known = known

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        windows = self.known.get(args[0]) if func in (F.linear, F.pad) and args else None
        if windows and func is F.linear and -1 not in windows:
            self.known[out] = windows
        elif windows and func is F.pad:
            given = inspect.signature(F.pad).bind(*args, **(kwargs or {})).arguments
            if given.get("mode") == "circular":
                self.known[out] = _padded(windows, *args[:1], given["pad"])
        return out


def _joined(one: Windows | None, other: Windows | None) -> Windows | None:
    if one is None or other is None or list(one) != list(other):
        return None
    same = all(one[axis].step == other[axis].step for axis in one)
    return {axis: one[axis].with_other(other[axis]) for axis in one} if same else None


def _padded(windows: Windows, _x: Tensor, sizes: Sequence[int], *_: Any) -> Windows:
    """``sizes``: before and behind, last axis first."""
    before = {-1 - place: size for place, size in enumerate(sizes[::2])}
    return {axis: window.from_cell(-before.get(axis, 0)) for axis, window in windows.items()}


def _sliced(
    windows: Windows, x: Tensor, dim: int = 0, start: int | None = None, _end: int | None = None, step: int = 1
) -> Windows:
    axis = dim % x.ndim - x.ndim
    if axis not in windows:
        return windows
    first = slice(start, None).indices(x.shape[axis])[0]
    return {**windows, axis: windows[axis].from_cell(first, step)}


def _permuted(windows: Windows, x: Tensor, dims: Sequence[int]) -> Windows:
    places = [dim % x.ndim - x.ndim for dim in dims]
    return {places.index(axis) - x.ndim: window for axis, window in windows.items()}


def _transposed(windows: Windows, x: Tensor, one: int, other: int) -> Windows:
    dims = list(range(x.ndim))
    dims[one], dims[other] = dims[other], dims[one]
    return _permuted(windows, x, dims)


def _pair(size: Any) -> Pair:
    listed = [size] if isinstance(size, int) else list(size)
    return (listed[0], listed[-1])


def _convolved(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any) -> Any:
    if weight.ndim != 4 or rest[0]:
        return None
    return tuple(weight.shape[2:]), _pair(stride), _pair(padding), _pair(dilation)


def _convolved_packed(_x: Tensor, weight: Tensor, _bias: Any, padding: Any, stride: Any, dilation: Any, *_: Any) -> Any:
    return tuple(weight.shape[-2:]), _pair(stride), _pair(padding), _pair(dilation)


def _pooled(x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *_: Any, **__: Any) -> Any:
    return _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation)


_SIZES: dict[Any, Callable[..., tuple[Pair, Pair, Pair, Pair] | None]] = {
    **dict.fromkeys((aten.convolution, aten._convolution), _convolved),  # the latter is what a traced network calls
    aten.mkldnn_convolution: _convolved_packed,
    **dict.fromkeys((aten.max_pool2d_with_indices, aten.mkldnn_max_pool2d), _pooled),
    aten.avg_pool2d: lambda x, *sizes, **_: _pooled(x, *sizes[:3]),
}
_MOVED: dict[Any, Callable[..., Windows]] = {
    **dict.fromkeys((aten.constant_pad_nd, aten.reflection_pad2d, aten.replication_pad2d), _padded),
    aten.slice: _sliced,
    aten.permute: _permuted,
    aten.transpose: _transposed,
}
_REORDERED: dict[Any, Callable[..., Sequence[int]]] = {  # the axes along which cells change places
    aten.flip: lambda _, dims: dims,
    aten.roll: lambda x, _, dims=(): dims or range(x.ndim),
    aten.index: lambda _, indices: [axis for axis, each in enumerate(indices) if each is not None],
    **dict.fromkeys((aten.index_select, aten.gather), lambda _, dim, *__, **___: [dim]),
    aten.sort: lambda _, dim=-1, *__, **___: [dim],
    aten.grid_sampler_2d: lambda *_: [-2, -1],
}
