"""What bounds each layer: this machine's arithmetic, or its memory (Williams, Waterman & Patterson 2009)."""

import math
import time
from dataclasses import dataclass

import torch
from torch import nn

from territory.errors import BadInput, whole
from territory.models.guests import Inputs, Owners, device_of, tensors_of
from territory.models.modes import slow_path, untouched
from territory.profiling.inputs import Names, prepare
from territory.profiling.macs import macs_table
from territory.profiling.memory import bytes_of
from territory.profiling.times import Clock, time_table, waiting_clock
from territory.stats import take_turns

GEMM = 1024  # rows and columns of the two matrices that are multiplied
COPY = 2**26  # bytes that are copied: more than the caches of most machines hold


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
    quickest = []
    for call in (lambda: torch.mm(a, b, out=product), lambda: target.copy_(source)):
        call()  # warms up
        quickest.append(take_turns([call], repeats, ticks).min().item())
    return Machine(2 * GEMM**3 / quickest[0], 2 * COPY / quickest[1])


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
    flops = {(r.part, r.layer): r.flops for r in macs_table(model, inputs)}
    machine = machine or measure_machine(device_of(model))
    with slow_path():
        times = {(r.part, r.layer): r.forward for r in time_table(model, inputs, "forward", repeats, clock=clock)}
        moved = _bytes_by_layer(model, inputs)
    records = []
    for key, count in flops.items():
        if count and not (key in times and moved.get(key)):
            raise BadInput(
                f"{' '.join(key)} multiplies in one pass and not in the next: does the network keep a result?"
            )
        if count:
            seconds, size = times[key], moved[key]
            achieved = count / seconds if seconds else math.inf
            records.append(
                RooflineRecord(*key, count, size, count / size, seconds, achieved, machine.roof(count / size))
            )
    return records


def _bytes_by_layer(model: nn.Module, inputs: Inputs) -> dict[tuple[str, str], int]:
    """What each module reads and writes at least; its parameters are those it holds itself."""
    moved: dict[tuple[str, str], int] = {}
    names = Names(model)

    def add(path: str, module: nn.Module, args: tuple, kwargs: dict, out: object) -> None:
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        tensors = [*tensors_of([args, kwargs]), *own, *tensors_of(out)]
        moved[names[path]] = moved.get(names[path], 0) + sum(map(bytes_of, tensors))

    call = prepare(model, inputs)
    with untouched(model), torch.enable_grad(), Owners(model, left=add).watching():
        call.training(False)
        call()
    return moved
