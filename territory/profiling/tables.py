"""Where a network's parameters sit; beside them each layer's MACs and time; records as a table of plain text.

And what bounds each layer: this machine's arithmetic, or its memory (Williams, Waterman & Patterson 2009).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from territory.errors import BadInput, shown, whole
from territory.guests.call import Inputs, check_model, device_of, paths_of
from territory.guests.contents import tensors_of
from territory.guests.modes import alone, slow_path, untouched
from territory.guests.owners import Owners
from territory.profiling.inputs import names_of, prepare
from territory.profiling.macs import macs_table
from territory.profiling.memory import bytes_of
from territory.profiling.times import Clock, learns, time_table, waiting_clock
from territory.stats import take_turns

GEMM = 1024  # rows and columns of the two matrices that are multiplied
COPY = 2**26  # bytes that are copied: more than the caches of most machines hold


@dataclass(frozen=True)
class LayerRecord:
    """One layer's parameters, MACs and time, forward and backward together; 0 where it has none of one of them."""

    part: str
    layer: str
    parameters: int
    parameter_share: float
    macs: int  # forward and backward
    macs_share: float
    seconds: float  # forward and backward
    time_share: float


def layer_table(model: nn.Module, inputs: Inputs = None, repeats: int = 10) -> list[LayerRecord]:
    """One record per layer with parameters, MACs or time, in order of execution; timed over ``repeats`` runs.

    Of a network with nothing to train, or whose outputs have no gradient, the forward pass alone.
    """
    held = {(r.part, r.layer): r for r in parameter_table(model)}
    macs = {(r.part, r.layer): r.macs + r.backward_macs for r in macs_table(model, inputs)}
    mode = "train" if learns(prepare(model, inputs)) else "forward"
    times = {(r.part, r.layer): r for r in time_table(model, inputs, mode, repeats)}
    total = sum(macs.values()) or 1

    def record(key: tuple[str, str]) -> LayerRecord:
        parameters, timed, own = held.get(key), times.get(key), macs.get(key, 0)
        counted = (parameters.parameters, parameters.share) if parameters else (0, 0.0)
        taken = (timed.forward + timed.backward, timed.share) if timed else (0.0, 0.0)
        return LayerRecord(*key, *counted, own, own / total, *taken)

    return [record(key) for key in dict.fromkeys([*times, *held, *macs])]


_TIMES = ("forward", "backward", "seconds")  # columns of floats that may be added


def format_table(records: Sequence[Any], total: bool = False) -> str:
    """Dataclass records of one kind as aligned columns under their field names.

    Shares become percent, shapes 3x4x5, whole numbers get thousands separators. ``total`` adds a line with the sums
    of all whole numbers, shares and times (``forward``, ``backward``, ``seconds``).
    """
    if not records:
        return "(no records)"
    names = [field.name for field in fields(records[0])]
    values = [[getattr(record, name) for name in names] for record in records]
    if total:
        values.append(_sums(names, values))
    rows = [[_text(name, value) for name, value in zip(names, row, strict=True)] for row in values]
    rule = ["-" * max(len(row[place]) for row in [names, *rows]) for place in range(len(names))]
    return aligned([names, rule, *rows], [isinstance(value, int | float) for value in values[0]])


def _sums(names: list[str], values: list[list[Any]]) -> list[Any]:
    summed = [
        sum(column) if isinstance(column[0], int) or _is_share(name) or name in _TIMES else ""
        for name, column in zip(names, zip(*values, strict=True), strict=True)
    ]
    return ["total", *summed[1:]]


def _is_share(name: str) -> bool:
    return name.split("_")[-1] == "share"


def _text(name: str, value: Any) -> str:
    if _is_share(name) and value != "":
        return f"{value:.1%}"
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def aligned(rows: Sequence[Sequence[str]], to_the_right: Sequence[bool]) -> str:
    """Cells of text in columns as wide as they need, each aligned to the left or ``to_the_right``."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    formats = [f"{{:{'>' if right else '<'}{width}}}" for width, right in zip(widths, to_the_right, strict=True)]
    return "\n".join("  ".join(formats).format(*row).rstrip() for row in rows)


@dataclass(frozen=True)
class ParameterRecord:
    """One layer: any module that holds parameters of its own."""

    part: str  # the model's attribute that it sits in
    layer: str  # its path inside the part
    shape: tuple[int, ...]  # of its largest parameter, as a rule the weight: (out, in, ...)
    parameters: int  # weight, bias and all else it holds itself
    share: float  # of the model's parameters, 0 to 1


@dataclass(frozen=True)
class PartRecord:
    """All layers of one part together."""

    part: str
    parameters: int
    share: float  # of the model's parameters, 0 to 1


def parameter_table(model: nn.Module) -> list[ParameterRecord]:
    """One record per layer, in the model's own order; a parameter that two layers share is counted at the first."""
    check_model(model)
    names, seen, own = names_of(model), set(), {}
    for module, path in paths_of(model).items():
        held = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(parameter) for parameter in held)
        if held:
            own[path] = (max(held, key=nn.Parameter.numel), sum(p.numel() for p in held))
    total = sum(count for _, count in own.values()) or 1
    return [
        ParameterRecord(*names[path], tuple(largest.shape), count, count / total)
        for path, (largest, count) in own.items()
    ]


def part_table(model: nn.Module) -> list[PartRecord]:
    """One record per part, in the model's own order."""
    counts: dict[str, int] = {}
    for record in parameter_table(model):
        counts[record.part] = counts.get(record.part, 0) + record.parameters
    total = sum(counts.values()) or 1
    return [PartRecord(part, count, count / total) for part, count in counts.items()]


@dataclass(frozen=True)
class Machine:
    """What a machine was measured to reach in float32."""

    flops: float  # per second, in one large matrix product
    bandwidth: float  # bytes per second, read and written together, in one large copy

    def roof(self, intensity: float) -> float:
        """FLOP/s that a layer of this intensity (FLOPs per byte) can reach at most."""
        return min(self.flops, intensity * self.bandwidth)


@dataclass(frozen=True)
class RooflineRecord:
    """One layer's forward pass against the machine's roof."""

    part: str
    layer: str
    flops: int
    bytes: int  # its inputs, parameters and output, each once
    intensity: float  # flops / bytes
    seconds: float
    achieved: float  # flops / seconds
    roof: float  # what `Machine.roof` allows at this intensity; a layer whose data lie in a cache can be above it


def measure_machine(device: str | torch.device = "cpu", repeats: int = 7, clock: Clock = time.perf_counter) -> Machine:
    """The best of ``repeats`` large float32 matrix products and copies, with torch's present number of threads."""
    repeats = whole("repeats", repeats, 1)
    device = torch.device(device)
    a, b, product = (torch.ones(GEMM, GEMM, device=device) for _ in range(3))
    source, target = (torch.ones(COPY // 4, device=device) for _ in range(2))
    ticks = waiting_clock(clock, device)

    def quickest(call: Callable[[], object]) -> float:
        call()  # warms up
        return take_turns([call], repeats, ticks).min().item()

    flops = 2 * GEMM**3 / quickest(lambda: torch.mm(a, b, out=product))
    return Machine(flops, 2 * COPY / quickest(lambda: target.copy_(source)))


def roofline(
    model: nn.Module,
    inputs: Inputs = None,
    machine: Machine | None = None,
    repeats: int = 20,
    clock: Clock = time.perf_counter,
) -> list[RooflineRecord]:
    """One record per layer that multiplies, in order of execution; without a machine, this one is measured first.

    Layers without multiply-accumulates (norms, activations) have no intensity to speak of and are left out. torch's own
    transformer layers run in steps, not in their one fused kernel.
    """
    if not isinstance(machine, Machine | None):
        raise BadInput(f"machine: expected what measure_machine gives; got {shown(machine)}.")
    flops = {(r.part, r.layer): r.flops for r in macs_table(model, inputs) if r.flops}
    machine = machine or measure_machine(device_of(model))
    with alone, slow_path():
        times = {(r.part, r.layer): r.forward for r in time_table(model, inputs, "forward", repeats, clock=clock)}
        moved = _bytes_by_layer(model, inputs)
    records = []
    for key, count in flops.items():
        seconds, size = times.get(key), moved.get(key)
        if seconds is None or not size:
            raise BadInput(
                f"{' '.join(key)} multiplies in one pass and not in the next, or outside any module's forward: does "
                "the network keep a result, or define __call__ itself?"
            )
        achieved, roof = count / seconds if seconds else math.inf, machine.roof(count / size)
        records.append(RooflineRecord(*key, count, size, count / size, seconds, achieved, roof))
    return records


def _bytes_by_layer(model: nn.Module, inputs: Inputs) -> dict[tuple[str, str], int]:
    """What each module reads and writes at least; its parameters are those it holds itself."""
    moved: dict[tuple[str, str], int] = {}
    names = names_of(model)

    def add(path: str, module: nn.Module, args: tuple, kwargs: dict, out: object) -> None:
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        read, written = (
            {id(tensor): tensor for tensor in each} for each in ([*tensors_of([args, kwargs]), *own], tensors_of(out))
        )
        moved[names[path]] = moved.get(names[path], 0) + sum(map(bytes_of, (*read.values(), *written.values())))

    call = prepare(model, inputs)
    with untouched(call), torch.enable_grad(), Owners(model, left=add).watching():
        call.training(False)
        call()
    return moved
