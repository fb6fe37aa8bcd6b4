"""Where a network's parameters sit: by layer and by part."""

from dataclasses import dataclass

from torch import nn
from torch.nn.parameter import UninitializedParameter

from territory.errors import BadInput
from territory.profiling.inputs import check_model, split_path


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
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        raise BadInput(f"{type(model).__name__} has lazy layers without a size yet: call it once on its inputs before.")
    total = sum(parameter.numel() for parameter in model.parameters()) or 1
    records, seen = [], set()
    for path, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(parameter) for parameter in own)
        if own:
            count = sum(parameter.numel() for parameter in own)
            largest = max(own, key=lambda parameter: parameter.numel())
            records.append(ParameterRecord(*split_path(path), tuple(largest.shape), count, count / total))
    return records


def part_table(model: nn.Module) -> list[PartRecord]:
    """One record per part, in the model's own order."""
    counts: dict[str, int] = {}
    for record in parameter_table(model):
        counts[record.part] = counts.get(record.part, 0) + record.parameters
    total = sum(counts.values())
    return [PartRecord(part, count, count / total) for part, count in counts.items()]
