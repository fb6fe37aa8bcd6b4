"""How long a network takes: warmed up, synchronised, as median and spread. Quote ratios, not milliseconds."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.guests import Call, Inputs, dense, tensors_of, untouched
from territory.profiling.inputs import prepare

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

    ``"forward"`` is one call in evaluation mode without gradients; ``"train"`` is forward, backward and an Adam step,
    which is taken back afterwards. The first ``warmup`` rounds are not counted: they pay for caches and kernel choice.
    Raises BadInput for another mode, no models, fewer than 1 repeat or a negative warm-up.
    """
    if mode not in MODES:
        raise BadInput(f"expected a mode out of {', '.join(MODES)}; got {mode!r}.")
    if not models or repeats < 1 or warmup < 0:
        raise BadInput(
            f"expected at least one model, repeats >= 1 and warmup >= 0; got {len(models)}, {repeats}, {warmup}."
        )
    with ExitStack() as stack:
        calls = {}
        for name, model in models.items():
            call = prepare(model, inputs)
            stack.enter_context(untouched(model))
            calls[name] = _waiting(make_call(call, mode)[0], call.device)
        stack.enter_context(torch.set_grad_enabled(mode == "train"))
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


def make_call(call: Call, mode: str) -> tuple[Callable[[], object], Callable[[], list[Tensor]]]:
    """One pass as a call, and what lists the optimiser's state; the model is put into the mode at once, not timed."""
    model = call.model
    call.training(mode == "train")
    if mode == "forward":
        return call, list
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise BadInput(f"{type(model).__name__} has no parameter to train. Is all of it frozen?")
    optimisers = list(_optimisers(model, trained))

    def train() -> None:
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss = loss_of(call())
        with call.explained("has no training step on inputs of shapes"):
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()

    return train, lambda: [*tensors_of([list(optimiser.state.values()) for optimiser in optimisers])]


def _optimisers(model: nn.Module, trained: list[nn.Parameter]) -> Iterator[torch.optim.Optimizer]:
    """Adam, and its sparse kind for lookups that ask for sparse gradients."""
    lookups = [m for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag) and m.sparse]
    sparse = {id(parameter) for lookup in lookups for parameter in lookup.parameters(recurse=False)}
    for optimiser, wanted in ((torch.optim.Adam, False), (torch.optim.SparseAdam, True)):
        chosen = [parameter for parameter in trained if (id(parameter) in sparse) is wanted]
        if chosen:
            yield optimiser(chosen, lr=1e-6)


def loss_of(outputs: Any) -> Tensor:
    """The sum of all outputs that have a gradient: the work of a backward pass doesn't depend on the loss's value."""
    parts = [dense(tensor) for tensor in tensors_of(outputs) if tensor.requires_grad]
    if not parts:
        raise BadInput("no output of the network depends on a parameter that is trained. Is its forward under no_grad?")
    reals = (torch.view_as_real(part) if part.is_complex() else part for part in parts)
    return cast(Tensor, sum(part.sum() for part in reals))


def _waiting(call: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """An accelerator works on after Python has moved on; its clock must wait for it, before and after."""
    if device.type == "meta":
        raise BadInput("the model is on meta, where nothing is computed: there is no time to measure.")
    if device.type == "cpu":
        return call
    torch.accelerator.synchronize(device)

    def call_and_wait() -> None:
        call()
        torch.accelerator.synchronize(device)

    return call_and_wait
