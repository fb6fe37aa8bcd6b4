"""Where a network's time goes: by layer, forward and backward, on a real run."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from territory.errors import BadInput
from territory.models.cross_attention import AttentionWeights
from territory.models.guests import Call, Inputs, Owners, untouched
from territory.profiling.inputs import Names, prepare
from territory.profiling.latency import MODES, Clock, loss_of


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

    def switch(self, owner: str) -> None:
        """What has passed belongs to the owner so far; from now on to this one."""
        now = self.clock()
        self.times[self.owner] = self.times.get(self.owner, 0.0) + now - self.since
        self.owner, self.since = owner, now

    def take(self, last: str = "") -> dict[str, float]:
        """Seconds by module since the last take."""
        self.switch(last)
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
    if mode not in MODES or repeats < 1 or warmup < 0:
        expected = f"a mode out of {', '.join(MODES)}, repeats >= 1 and warmup >= 0"
        raise BadInput(f"expected {expected}; got {mode!r}, {repeats}, {warmup}.")
    call = prepare(model, inputs)
    if call.device.type == "meta":
        raise BadInput("the model is on meta, where nothing is computed: there is no time to measure.")
    watch = _Stopwatch(waiting_clock(clock, call.device))
    train = mode == "train"
    if train and not any(parameter.requires_grad for parameter in model.parameters()):
        raise BadInput(f"{type(model).__name__} has no parameter to train. Is all of it frozen?")
    with untouched(model), torch.set_grad_enabled(train):
        call.training(train)
        runs = [_run(call, watch, train) for _ in range(warmup + repeats)][warmup:]
    return _records(model, runs)


def _run(call: Call, watch: _Stopwatch, train: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds by path, forward and backward. Going back, a node of the graph is the module's that made it."""
    owners = Owners(call.model, _is_transparent, switched=lambda: watch.switch(owners.current() or ""))
    with owners.watching():
        watch.take()
        outputs = call()
        forward = watch.take()
        if not train:
            return forward, {}
        loss = loss_of(outputs)
        for node in _nodes(loss.grad_fn):
            if not hasattr(node, "variable"):  # accumulating a gradient is part of the step that made it
                node.register_prehook(partial(_hand_on, watch, owners.owner_of(node) or ""))
        watch.take()
        with call.explained("has no backward pass on inputs of shapes"):
            loss.backward()
        return forward, watch.take()


def _hand_on(watch: _Stopwatch, owner: str, _gradients: object) -> None:
    watch.switch(owner)


def _nodes(root: Any) -> Iterator[Any]:
    """Every node of a graph."""
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        fresh = {before for before, _ in node.next_functions if before is not None} - seen
        seen |= fresh
        waiting += fresh


def _is_transparent(module: nn.Module) -> bool:
    """Whose time goes to the module around it: a Sequential does nothing itself; attention weights are a step of it."""
    if isinstance(module, torch.jit.ScriptModule):
        return False
    return isinstance(module, nn.Identity | AttentionWeights) or type(module).forward is nn.Sequential.forward


def _records(model: nn.Module, runs: list[tuple[dict[str, float], dict[str, float]]]) -> list[TimeRecord]:
    names = Names(model)
    paths = list(dict.fromkeys(path for forward, backward in runs for path in (*forward, *backward)))
    medians = [[float(np.median([one[way].get(path, 0.0) for one in runs])) for way in (0, 1)] for path in paths]
    total = sum(map(sum, medians)) or 1.0
    return [
        TimeRecord(*names[path], forward, backward, (forward + backward) / total)
        for path, (forward, backward) in zip(paths, medians, strict=True)
    ]


def waiting_clock(clock: Clock, device: torch.device) -> Clock:
    """On an accelerator, a clock that lets it finish first."""
    if device.type == "cpu":
        return clock

    def wait_and_read() -> float:
        torch.accelerator.synchronize(device)
        return clock()

    return wait_and_read
