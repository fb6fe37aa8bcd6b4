"""What the explorer asks networks: what they compute in states, ablated or not, and what their decision rests on."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory import interpret
from territory.agent import Agent
from territory.errors import BadInput, one_of
from territory.interpret import ReplayRecord, capture_frames
from territory.interpret.capture import Chosen
from territory.world.replay import Frame

TOGETHER = 64  # states that an agent with several views is asked about at once

# What a decision rests on, asked of the network itself: name -> how to read it.
RELEVANCE = {
    "occlusion": "What the preferred action's log-probability loses when a cell alone is made unclaimed.",
    "integrated gradients": "Each cell's share of what this map and an unclaimed one differ in (the path's gradient).",
    "grad-cam": "Where the last convolution speaks for the preferred action.",
    "own land": "Where your own land lies. It looks at no network at all: what does not beat it says nothing.",
}
_METHODS: dict[str, Callable[[nn.Module, Sequence[Frame]], np.ndarray]] = {
    "occlusion": interpret.occlusion,
    "integrated gradients": interpret.integrated_gradients,
    "grad-cam": interpret.grad_cam,
    "own land": lambda _model, frames: interpret.to_cells(interpret.REGIONS["own land"](frames), frames),
}


def changes_of(ablation: Mapping[str, str], attention: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What the browser chose, as changes for `interpret.intervene`; ``attention``: what was captured, by layer.

    In ``ablation`` "name" means a whole layer, "name 2" its third head; the values are "uniform" and "zero".
    """
    changes: dict[str, list[Callable]] = {}
    for target, how in ablation.items():
        name, head = (target, None) if target in attention else target.rpartition(" ")[::2]
        if name not in attention or how not in ("uniform", "zero"):
            raise BadInput(f"expected uniform or zero for a layer ({', '.join(attention)}), got {how!r} for {target!r}")
        if head is not None:
            change = (interpret.uniform_head if how == "uniform" else interpret.zero_head)(int(head))
        elif how == "zero":
            change = torch.zeros_like
        else:
            change = interpret.cell_mean if attention[name].ndim == 3 else interpret.uniform
        changes.setdefault(name, []).append(change)
    return {name: partial(reduce, _changed, each) for name, each in changes.items()}


def _changed(weights: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    return change(weights)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """One state is so little work that threads would wait for each other longer: the browser wants the cores too.

    This thread has its own number; those that begin take the last that was set, by any, which is put back at once.
    """
    before = torch.get_num_threads()
    others = threading.Thread(target=torch.set_num_threads, args=(before,))
    try:
        torch.set_num_threads(1)
        others.start()
        others.join()
        yield
    finally:
        torch.set_num_threads(before)


def look(
    agent: Any,
    frames: Sequence[Frame],
    changes: Mapping[str, Any] | None = None,
    attention: Chosen = None,
    no_cells: Collection[str] | ReplayRecord = (),
) -> ReplayRecord:
    """What an agent computes on some frames: attention of the board as it lies, policy and value as it decodes them."""
    model = getattr(agent, "model", agent)
    threads = on_one_thread() if len(frames) == 1 else nullcontext()
    with threads, interpret.intervene(model, changes, attention) if changes else nullcontext():
        record = capture_frames(model, frames, attention, no_cells)
        if getattr(getattr(agent, "decoding", agent), "views", 1) != 1:
            parts = [_predict(agent, frames[start : start + TOGETHER]) for start in range(0, len(frames), TOGETHER)]
            probabilities, values = (np.concatenate(each) for each in zip(*parts, strict=True))
            record = replace(record, probabilities=probabilities, values=values)
    parts = {"policy": record.probabilities, "value": record.values, **record.attention}
    broken = [name for name, numbers in parts.items() if not np.isfinite(numbers).all()]
    if broken:
        raise BadInput(
            f"expected numbers from the network; its {', '.join(broken)} came out as NaN or infinity. "
            "Did its training diverge, or do its weights hold NaN?"
        )
    return record


def _predict(agent: Agent, frames: Sequence[Frame]) -> tuple[np.ndarray, np.ndarray]:
    obs = {name: np.stack([frame.obs[name] for frame in frames]) for name in ("map", "global")}
    return agent.predict(obs, np.stack([frame.mask for frame in frames]))


def relevance_map(model: nn.Module, method: str, frame: Frame) -> np.ndarray:
    """One of `RELEVANCE` for one state, float64 (h, w)."""
    return _METHODS[one_of("method", method, RELEVANCE)](model, (frame,))[0]
