"""How much of the map one cell of a convolution can see: its receptive field, in closed form."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.modes import evaluation_mode
from territory.profiling.inputs import Inputs, prepare, run, split_path

_WINDOWS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
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


def grow(field: int, step: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Field and step behind one more window: it spans ``kernel`` cells, each ``step`` tiles from the next.

    ``field + (kernel - 1) * dilation * step`` and ``step * stride`` (Araujo, Norris & Sim 2019).
    """
    return field + (kernel - 1) * dilation * step, step * stride


def field_table(model: nn.Module, inputs: Inputs = None) -> list[FieldRecord]:
    """One record per two-dimensional convolution or pooling, in order of execution, for windows that form a chain.

    What acts on all cells at once (a norm over the grid, attention, a mean, a linear layer) isn't looked at: behind it
    everything may depend on everything. Raises BadInput where a window doesn't read what the one before it wrote, as in
    parallel branches.
    """
    records: list[FieldRecord] = []

    def hook(path: str) -> Callable[..., None]:
        def add(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            records.append(_record(path, module, tuple(args[0].shape[-2:]), tuple(out.shape[-2:]), records))

        return add

    tensors = prepare(model, inputs)
    with evaluation_mode(model, gradients=False), ExitStack() as stack:
        for path, module in model.named_modules():
            if isinstance(module, _WINDOWS):
                stack.callback(module.register_forward_hook(hook(path)).remove)
        run(model, tensors)
    return records


def _record(path: str, module: nn.Module, read: Pair, written: Pair, before: list[FieldRecord]) -> FieldRecord:
    if before and before[-1].grid != read:
        raise BadInput(
            f"expected windows in a chain; got {path}, which reads a grid of {read} behind one that wrote "
            f"{before[-1].grid}. Has the network parallel branches?"
        )
    kernel, stride, dilation = (_pair(each) for each in (module.kernel_size, module.stride, _dilation(module)))
    fields, steps = (before[-1].field, before[-1].step) if before else ((1, 1), (1, 1))
    grown = [grow(*sizes) for sizes in zip(fields, steps, kernel, stride, dilation, strict=True)]
    field, step = zip(*grown, strict=True)
    return FieldRecord(*split_path(path), kernel, stride, written, step, field)


def _dilation(module: nn.Module) -> int | Pair:
    return 1 if isinstance(module, nn.AvgPool2d) else module.dilation


def _pair(size: int | Pair) -> Pair:
    return size if isinstance(size, tuple) else (size, size)
