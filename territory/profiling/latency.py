"""How long a network takes: warmed up, synchronised, as median and spread. Quote ratios, not milliseconds."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.modes import evaluation_mode
from territory.profiling.inputs import Inputs, device_of, loss_of, prepare, run, tensors_of

MODES = ("forward", "train")
Clock = Callable[[], float]


@dataclass(frozen=True)
class LatencyRecord:
    """Wall-clock times of one call, in seconds, over ``repeats`` calls."""

    name: str
    median: float
    low: float  # first quartile
    high: float  # third quartile: half of all calls took between low and high
    repeats: int


def latency(
    model: nn.Module,
    inputs: Inputs = None,
    mode: str = "forward",
    repeats: int = 30,
    warmup: int = 5,
    clock: Clock = time.perf_counter,
) -> LatencyRecord:
    """Times one model; see :func:`compare_latency`, which is the better choice for two."""
    name = getattr(model, "name", type(model).__name__)
    return compare_latency({name: model}, inputs, mode, repeats, warmup, clock)[0]


def compare_latency(
    models: Mapping[str, nn.Module],
    inputs: Inputs = None,
    mode: str = "forward",
    repeats: int = 30,
    warmup: int = 5,
    clock: Clock = time.perf_counter,
) -> list[LatencyRecord]:
    """Times several models on the same inputs, taking turns, so that a busy moment of the machine hits them all.

    ``"forward"`` is one call in evaluation mode without gradients; ``"train"`` is forward, backward and an Adam step
    on a copy of the model. The first ``warmup`` rounds are not counted: they pay for caches and kernel choice.
    Raises BadInput for another mode, no models, fewer than 1 repeat or a negative warm-up.
    """
    if mode not in MODES:
        raise BadInput(f"expected a mode out of {', '.join(MODES)}; got {mode!r}.")
    if not models or repeats < 1 or warmup < 0:
        raise BadInput(
            f"expected at least one model, repeats >= 1 and warmup >= 0; got {len(models)}, {repeats}, {warmup}."
        )
    calls = {}
    for name, model in models.items():
        tensors = prepare(model, inputs)
        model = model if mode == "forward" else copy.deepcopy(model)
        calls[name] = _waiting(make_call(model, tensors, mode)[0], device_of(model))
    return compare_calls(calls, repeats, warmup, clock)


def compare_calls(
    calls: Mapping[str, Callable[[], object]], repeats: int = 30, warmup: int = 5, clock: Clock = time.perf_counter
) -> list[LatencyRecord]:
    """Times anything that can be called, taking turns; a call must not return before its work is done."""
    times = np.empty((warmup + repeats, len(calls)))
    for row in times:
        for column, call in enumerate(calls.values()):
            start = clock()
            call()
            row[column] = clock() - start
    low, median, high = np.quantile(times[warmup:], [0.25, 0.5, 0.75], axis=0)
    return [
        LatencyRecord(name, float(median[i]), float(low[i]), float(high[i]), repeats) for i, name in enumerate(calls)
    ]


def make_call(
    model: nn.Module, inputs: tuple[Any, ...], mode: str
) -> tuple[Callable[[], None], Callable[[], list[Tensor]]]:
    """One pass as a call, and what lists the optimiser's state; ``"train"`` changes the model's weights."""
    if mode == "forward":
        return lambda: _forward(model, inputs), list
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise BadInput(f"{type(model).__name__} has no parameter to train. Is all of it frozen?")
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)

    def call() -> None:
        optimiser.zero_grad()
        loss_of(run(model, inputs)).backward()
        optimiser.step()

    return call, lambda: [*tensors_of(list(optimiser.state.values()))]


def _forward(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    with evaluation_mode(model, gradients=False):
        run(model, inputs)


def _waiting(call: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """An accelerator works on after Python has moved on; its clock must wait for it, before and after."""
    if device.type == "cpu":
        return call
    torch.accelerator.synchronize(device)

    def call_and_wait() -> None:
        call()
        torch.accelerator.synchronize(device)

    return call_and_wait
