"""Where a network's parameters sit: by layer and by part."""

from dataclasses import dataclass

from torch import nn

from territory.models.guests import check_model, paths_of
from territory.profiling.inputs import Names


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
