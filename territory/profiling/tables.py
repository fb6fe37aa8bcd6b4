"""Where a network's parameters sit; beside them each layer's MACs and time; and records as a table of plain text."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import nn

from territory.models.guests import Inputs, check_model, paths_of
from territory.profiling.inputs import Names
from territory.profiling.macs import macs_table
from territory.profiling.times import learns, time_table


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
    mode = "train" if learns(model, inputs) else "forward"
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
    names, seen, own = Names(model), set(), {}
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
