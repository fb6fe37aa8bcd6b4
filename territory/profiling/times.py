"""How long a network takes, as a whole and by layer: warmed up, synchronised, on real runs.

Quote ratios, not milliseconds.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput, one_of, whole
from territory.guests.call import Call, Inputs, graph_of, name_of, roots_of
from territory.guests.contents import tensors_of
from territory.guests.modes import untouched
from territory.guests.owners import Owners
from territory.models.cross_attention import AttentionWeights
from territory.profiling.inputs import names_of, nothing_made, prepare
from territory.stats import take_turns

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
    return compare_latency({name_of(model): model}, inputs, mode, repeats, warmup, clock)[0]


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
    one_of("mode", mode, MODES)
    if not isinstance(models, Mapping):
        raise BadInput(f"expected models by name, as in {{'mine': model}}; got {type(models).__name__}.")
    if not models:
        raise BadInput("expected at least one model; got none.")
    with ExitStack() as stack:
        calls = {}
        for name, model in models.items():
            call = prepare(model, inputs)
            clock = waiting_clock(clock, call.device)
            stack.enter_context(untouched(call))
            calls[name] = make_call(call, mode)[0]
        stack.enter_context(torch.set_grad_enabled(mode == "train"))
        return compare_calls(calls, repeats, warmup, clock)


def compare_calls(
    calls: Mapping[str, Callable[[], object]], repeats: int = 30, warmup: int = 5, clock: Clock = time.perf_counter
) -> list[LatencyRecord]:
    """Times anything that can be called, taking turns; a call must not return before its work is done.

    Raises BadInput for fewer than 1 repeat or a negative warm-up.
    """
    repeats, warmup = whole("repeats", repeats, 1), whole("warmup", warmup, 0)
    times = take_turns(calls.values(), warmup + repeats, clock)[warmup:]
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75], axis=0)
    return [
        LatencyRecord(name, float(median[i]), float(low[i]), float(high[i]), repeats) for i, name in enumerate(calls)
    ]


def make_call(call: Call, mode: str) -> tuple[Callable[[], object], Callable[[], list[Tensor]]]:
    """One pass as a call, and what lists the optimiser's state; the model is put into the mode at once, not timed."""
    model = call.model
    call.training(mode == "train")
    if mode == "forward":
        return call, list
    optimisers = list(_optimisers(model, trained_parameters(model)))

    def train() -> None:
        for optimiser in optimisers:
            optimiser.zero_grad()
        call.go_back(trained_outputs(call, call()), "has no training step on inputs of shapes")
        with call.explained("has no training step on inputs of shapes"):
            for optimiser in optimisers:
                optimiser.step()

    return train, lambda: [*tensors_of([list(optimiser.state.values()) for optimiser in optimisers])]


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Those that ask for a gradient; BadInput where there are none."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        unseen = next(model.parameters(), None) is None
        cause = "Are its layers in a plain list, where torch sees none?" if unseen else "Is all of it frozen?"
        raise BadInput(f"{type(model).__name__} has no parameter to train. {cause}")
    return trained


def learns(call: Call) -> bool:
    """Whether there is a training step: a parameter asks for a gradient, and an output depends on it.

    In training mode or, as chance may leave out every branch with a weight there, in evaluation mode.
    """
    trained = any(parameter.requires_grad for parameter in call.model.parameters())
    with untouched(call), torch.enable_grad():
        for mode in (True, False) if trained else ():
            call.training(mode)
            if roots_of(call()):
                return True
    return False


def _optimisers(model: nn.Module, trained: list[nn.Parameter]) -> Iterator[torch.optim.Optimizer]:
    """Adam, and its sparse kind for lookups that ask for sparse gradients."""
    lookups = [m for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag) and m.sparse]
    sparse = {id(parameter) for lookup in lookups for parameter in lookup.parameters(recurse=False)}
    for optimiser, wanted in ((torch.optim.Adam, False), (torch.optim.SparseAdam, True)):
        chosen = [parameter for parameter in trained if (id(parameter) in sparse) is wanted]
        if chosen:
            yield optimiser(chosen, lr=1e-6)


def trained_outputs(call: Call, outputs: Any) -> list[Tensor]:
    """Those that have a gradient, none where chance left out all that learns; BadInput where nothing ever does."""
    roots = roots_of(outputs)
    if not roots and not learns(call):
        raise BadInput("no output of the network depends on a parameter that is trained. Is its forward under no_grad?")
    return roots


def waiting_clock(clock: Clock, device: torch.device) -> Clock:
    """On an accelerator, which works on after Python has moved on, a clock that lets it finish first."""
    if device.type == "meta":
        raise BadInput("the model is on meta, where nothing is computed: there is no time to measure.")
    if device.type == "cpu":
        return clock

    def wait_and_read() -> float:
        torch.accelerator.synchronize(device)
        return clock()

    return wait_and_read


@dataclass(frozen=True)
class TimeRecord:
    """One module's own time per call, in seconds, without the modules inside it; medians."""

    part: str
    layer: str
    forward: float
    backward: float  # 0 when only the forward pass was timed
    share: float  # of the model's time, forward and backward together, 0 to 1


class _Stopwatch:
    """One clock for all modules: at any moment the time goes to one of them."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.times: dict[str, float] = {}
        self.owner, self.since = "", clock()

    def switch(self, owner: str, _gradients: object = None) -> None:
        """What has passed belongs to the owner so far; from now on to this one. Can be a hook of autograd's."""
        now = self.clock()
        self.times[self.owner] = self.times.get(self.owner, 0.0) + now - self.since
        self.owner, self.since = owner, now

    def take(self) -> dict[str, float]:
        """Seconds by module since the last take."""
        self.switch("")
        taken, self.times = self.times, {}
        return taken


def time_table(
    model: nn.Module,
    inputs: Inputs = None,
    mode: str = "forward",
    repeats: int = 10,
    warmup: int = 3,
    clock: Clock = time.perf_counter,
) -> list[TimeRecord]:
    """One record per module that ran, in order of execution; ``model`` is what the network does between its modules.

    ``"forward"`` is in evaluation mode without gradients, ``"train"`` forward and backward; the optimiser's step
    is part of no layer (`compare_latency` has it). Going backward, a module has the time of the steps that its
    forward pass made necessary. An accelerator is waited for at every boundary, so the sum is more than
    `latency` says. Raises BadInput for another mode, fewer than 1 repeat or a negative warm-up.
    """
    train = one_of("mode", mode, MODES) == "train"
    repeats, warmup = whole("repeats", repeats, 1), whole("warmup", warmup, 0)
    call = prepare(model, inputs)
    watch = _Stopwatch(waiting_clock(clock, call.device))
    if train:
        trained_parameters(model)
    with untouched(call), nothing_made(model), torch.set_grad_enabled(train):
        call.training(train)
        runs = [_run(call, watch, train) for _ in range(warmup + repeats)][warmup:]
    names, medians = names_of(model), {}
    for path in dict.fromkeys(path for run in runs for way in run for path in way):
        medians[path] = [float(np.median([way.get(path, 0.0) for way in ways])) for ways in zip(*runs, strict=True)]
    total = sum(map(sum, medians.values())) or 1.0
    return [
        TimeRecord(*names[path], forward, backward, (forward + backward) / total)
        for path, (forward, backward) in medians.items()
    ]


def _run(call: Call, watch: _Stopwatch, train: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds by path, forward and backward. Going back, a node of the graph is the module's that made it."""
    owners = Owners(call.model, _is_transparent, switched=lambda: watch.switch(owners.current() or ""))
    with owners.watching():
        watch.take()
        outputs = call()
        forward = watch.take()
        roots = trained_outputs(call, outputs) if train else []
        if not roots:
            return forward, {}
        for node in graph_of(roots):
            if not hasattr(node, "variable"):  # accumulating a gradient is part of the step that made it
                node.register_prehook(partial(watch.switch, owners.owner_of(node) or ""))
        watch.take()
        call.go_back(roots, "has no backward pass on inputs of shapes")
        return forward, watch.take()


def _is_transparent(module: nn.Module) -> bool:
    """Whose time goes to the module around it: a Sequential does nothing itself; attention weights are a step of it."""
    forward = getattr(type(module), "forward", None)  # TorchScript's class has none
    return isinstance(module, nn.Identity | AttentionWeights) or forward is nn.Sequential.forward
