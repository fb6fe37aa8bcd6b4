"""Where a network's time goes: by layer, forward and backward, on a real run."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.cross_attention import AttentionWeights
from territory.models.modes import evaluation_mode
from territory.profiling.inputs import Inputs, device_of, loss_of, prepare, run, split_path, tensors_of
from territory.profiling.latency import MODES, Clock

# Whose time goes to the module around them: a Sequential does nothing itself, and hooked attention weights would make
# the network take another way than it does unwatched (see `CrossAttention`).
_TRANSPARENT = (nn.Sequential, nn.Identity, AttentionWeights)


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

    ``"forward"`` is in evaluation mode without gradients, ``"train"`` forward and backward on a copy; the optimiser's
    step is part of no layer (`compare_latency` has it). Going backward, a module's time runs from the moment the
    gradient of its output is there. An accelerator is waited for at every boundary, so the sum is more than
    `latency` says. Raises BadInput for another mode, fewer than 1 repeat or a negative warm-up.
    """
    if mode not in MODES or repeats < 1 or warmup < 0:
        expected = f"a mode out of {', '.join(MODES)}, repeats >= 1 and warmup >= 0"
        raise BadInput(f"expected {expected}; got {mode!r}, {repeats}, {warmup}.")
    tensors = prepare(model, inputs)
    watch = _Stopwatch(waiting_clock(clock, device_of(model)))
    once = _forward if mode == "forward" else _forward_and_backward
    model = model if mode == "forward" else copy.deepcopy(model).train()
    runs = [once(model, tensors, watch) for _ in range(warmup + repeats)][warmup:]
    return _records(runs)


def _forward(model: nn.Module, inputs: tuple[Any, ...], watch: _Stopwatch) -> tuple[dict, dict]:
    with evaluation_mode(model, gradients=False), _watched(model, watch):
        watch.take()
        run(model, inputs)
        return watch.take(), {}


def _forward_and_backward(model: nn.Module, inputs: tuple[Any, ...], watch: _Stopwatch) -> tuple[dict, dict]:
    model.zero_grad()
    with _watched(model, watch):
        watch.take()
        loss = loss_of(run(model, inputs))
        forward = watch.take()
        if not isinstance(loss, Tensor):
            raise BadInput(f"{type(model).__name__} has no parameter to train. Is all of it frozen?")
        loss.backward()
        return forward, watch.take()


@contextmanager
def _watched(model: nn.Module, watch: _Stopwatch) -> Iterator[None]:
    """Hooks that hand the stopwatch on: to a module when its forward begins, back when it ends, and by gradients."""
    inside = [""]  # paths of the modules whose forward is under way, innermost last
    marked: dict[tuple[int, int], Tensor] = {}

    def mark(value: object, owner: str) -> None:
        """When this gradient is there, ``owner`` has the next move; of two claims the first, made deeper inside."""
        for tensor in tensors_of(value):
            key = (id(tensor), tensor._version)  # a tensor changed in place is another one to autograd
            if tensor.requires_grad and key not in marked:
                marked[key] = tensor
                tensor.register_hook(lambda _gradient: watch.switch(owner))

    def enter(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple) -> None:
            mark(args, inside[-1])
            inside.append(path)
            watch.switch(path)

        return hook

    def leave(_module: nn.Module, _args: tuple, out: object) -> None:
        mark(out, inside.pop())
        watch.switch(inside[-1])

    with ExitStack() as stack:
        for path, module in model.named_modules():
            if path and not isinstance(module, _TRANSPARENT):
                stack.callback(module.register_forward_pre_hook(enter(path)).remove)
                stack.callback(module.register_forward_hook(leave).remove)
        yield


def _records(runs: list[tuple[dict[str, float], dict[str, float]]]) -> list[TimeRecord]:
    paths = list(dict.fromkeys(path for forward, backward in runs for path in (*forward, *backward)))
    medians = [[float(np.median([one[way].get(path, 0.0) for one in runs])) for way in (0, 1)] for path in paths]
    total = sum(map(sum, medians)) or 1.0
    return [
        TimeRecord(*split_path(path), forward, backward, (forward + backward) / total)
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
