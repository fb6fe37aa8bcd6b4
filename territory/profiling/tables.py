"""Parameters, MACs and time of each layer side by side; and records as a table of plain text."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import nn

from territory.models.guests import Inputs
from territory.profiling.layer_times import time_table
from territory.profiling.macs import macs_table
from territory.profiling.parameters import parameter_table


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

    Of a network with nothing to train, the forward pass alone.
    """
    held = {(r.part, r.layer): r for r in parameter_table(model)}
    macs = {(r.part, r.layer): r.macs + r.backward_macs for r in macs_table(model, inputs)}
    mode = "train" if any(parameter.requires_grad for parameter in model.parameters()) else "forward"
    times = {(r.part, r.layer): r for r in time_table(model, inputs, mode, repeats)}
    total = sum(macs.values()) or 1

    def record(key: tuple[str, str]) -> LayerRecord:
        parameters, time, own = held.get(key), times.get(key), macs.get(key, 0)
        counted = (parameters.parameters, parameters.share) if parameters else (0, 0.0)
        timed = (time.forward + time.backward, time.share) if time else (0.0, 0.0)
        return LayerRecord(*key, *counted, own, own / total, *timed)

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
    rows = [names] + [[_text(name, value) for name, value in zip(names, row, strict=True)] for row in values]
    widths = [max(len(row[i]) for row in rows) for i in range(len(names))]
    numeric = [isinstance(value, int | float) for value in values[0]]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(_line(row, widths, numeric) for row in rows)


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


def _line(cells: list[str], widths: list[int], numeric: list[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return "  ".join(padded).rstrip()
