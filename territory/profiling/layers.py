"""Parameters, multiply-accumulates and time of each layer, side by side."""

from dataclasses import dataclass

from torch import nn

from territory.profiling.inputs import Inputs
from territory.profiling.layer_times import time_table
from territory.profiling.macs import macs_table
from territory.profiling.parameters import parameter_table


@dataclass(frozen=True)
class LayerRecord:
    """What one layer weighs, works and takes, forward and backward together; 0 where it has no part in one of them."""

    part: str
    layer: str
    parameters: int
    parameter_share: float
    macs: int  # forward and backward
    macs_share: float
    seconds: float  # forward and backward
    time_share: float


def layer_table(model: nn.Module, inputs: Inputs = None, repeats: int = 10) -> list[LayerRecord]:
    """One record per layer that weighs, works or takes time, in order of execution; timed over ``repeats`` runs."""
    weights = {(r.part, r.layer): r for r in parameter_table(model)}
    macs = {(r.part, r.layer): r.macs + r.backward_macs for r in macs_table(model, inputs)}
    times = {(r.part, r.layer): r for r in time_table(model, inputs, "train", repeats)}
    work = sum(macs.values()) or 1

    def record(key: tuple[str, str]) -> LayerRecord:
        weight, time, own = weights.get(key), times.get(key), macs.get(key, 0)
        weighed = (weight.parameters, weight.share) if weight else (0, 0.0)
        timed = (time.forward + time.backward, time.share) if time else (0.0, 0.0)
        return LayerRecord(*key, *weighed, own, own / work, *timed)

    return [record(key) for key in dict.fromkeys([*times, *weights, *macs])]
