"""How much of the map one cell of a convolution can see: its receptive field, in closed form.

A cell of a grid depends on a window of tiles: from ``first`` to ``last``, seen from the tile ``step`` times its own
number. Convolution and pooling make windows grow (Araujo, Norris & Sim 2019), and what joins two grids has a window
that holds both. Windows are followed from operator to operator, through branches and shortcuts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.models.guests import Inputs, Owners, tensors_of, untouched
from territory.models.map_conv import plain_convolutions
from territory.profiling.inputs import Names, prepare

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

    def with_other(self, other: "_Window") -> "_Window":
        return _Window(self.step, min(self.first, other.first), max(self.last, other.last))


Windows = tuple[_Window, _Window]  # of rows, of columns


def field_table(model: nn.Module, inputs: Inputs = None) -> list[FieldRecord]:
    """One record per two-dimensional convolution or pooling with windows, in order of execution.

    What acts on all cells at once (a norm over the grid, attention, a mean, a linear layer) isn't looked at: behind it
    everything may depend on everything. Raises BadInput for a window over a grid whose cells no longer lie in rows and
    columns of the map (reshaped, resized), or over two grids of different steps.
    """
    call = prepare(model, inputs)
    owners = Owners(model)
    watch = _Fields(owners, Names(model), call.tensors)
    with untouched(model), torch.no_grad(), plain_convolutions(), owners.watching(), watch:
        model.eval()
        call()
    return watch.records


class _Fields(TorchDispatchMode):
    """The windows of every grid's cells, from the inputs on."""

    supports_higher_order_operators = True

    def __init__(self, owners: Owners, names: Names, inputs: list[Tensor]):
        super().__init__()
        self.owners, self.names, self.records = owners, names, []
        self.known = WeakIdKeyDictionary()  # tensor -> windows; None: its cells don't lie in rows and columns
        for tensor in inputs:
            self.known[tensor] = (_Window(), _Window()) if tensor.ndim > 2 else None

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if any(kind is not Tensor for kind in types):
            return NotImplemented
        sizes = _SIZES.get(func._overloadpacket) if hasattr(func, "_overloadpacket") else None
        if sizes is None and hasattr(func, "decompose"):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        written = list(tensors_of(out))
        if sizes is not None and args[0].ndim >= 3:
            self._record(sizes(*args, **kwargs), args[0], written)
        else:
            self._pass_on([tensor for tensor in tensors_of([args, kwargs]) if tensor in self.known], written)
        return out

    def _record(self, sizes: tuple[Pair, Pair, Pair, Pair] | None, x: Tensor, written: list[Tensor]) -> None:
        if sizes is None:  # of another number of dimensions, or transposed
            self._forget(written)
            return
        windows = self.known.get(x, (_Window(), _Window()))  # a tensor that the network made itself
        if windows is None:
            raise BadInput(
                f"layer {self.owners.current() or '(the network itself)'} reads a grid whose cells don't lie in rows "
                "and columns of the input: it was reshaped, resized, or joined from grids of different steps."
            )
        behind = tuple(window.through(*each) for window, each in zip(windows, zip(*sizes, strict=True), strict=True))
        for tensor in written:
            self.known[tensor] = behind
        kernel, stride, _, _ = sizes
        field = tuple(window.last - window.first + 1 for window in behind)
        step, grid = tuple(window.step for window in behind), (written[0].shape[-2], written[0].shape[-1])
        self.records.append(FieldRecord(*self.names[self.owners.current()], kernel, stride, grid, step, field))

    def _pass_on(self, read: list[Tensor], written: list[Tensor]) -> None:
        if not read:
            return
        grids = [tensor for tensor in read if tensor.ndim > 2 and tensor.shape[-1] * tensor.shape[-2] > 1]
        found = [self.known[tensor] for tensor in grids or read]
        windows = found[0]
        for other in found[1:]:
            windows = _joined(windows, other)
        for tensor in written:
            same = bool(grids) and tensor.ndim > 2 and tensor.shape[-2:] == grids[0].shape[-2:]
            self.known[tensor] = windows if same else None

    def _forget(self, written: list[Tensor]) -> None:
        for tensor in written:
            self.known[tensor] = None


def _joined(one: Windows | None, other: Windows | None) -> Windows | None:
    if one is None or other is None or any(a.step != b.step for a, b in zip(one, other, strict=True)):
        return None
    rows, columns = (a.with_other(b) for a, b in zip(one, other, strict=True))
    return rows, columns


def _pair(size: Any) -> Pair:
    listed = [size] if isinstance(size, int) else list(size)
    return (listed[0], listed[-1])


def _convolved(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any) -> Any:
    if weight.ndim != 4 or rest[0]:
        return None
    return tuple(weight.shape[2:]), _pair(stride), _pair(padding), _pair(dilation)


def _pooled(x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *_: Any, **__: Any) -> Any:
    return _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation)


def _averaged(x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, *_: Any, **__: Any) -> Any:
    return _pooled(x, kernel, stride, padding)


_SIZES: dict[Any, Callable[..., tuple[Pair, Pair, Pair, Pair] | None]] = {
    aten.convolution: _convolved,
    aten.max_pool2d_with_indices: _pooled,
    aten.max_pool2d: _pooled,
    aten.avg_pool2d: _averaged,
}
