"""Claims about old checkpoints, and what of one fits into another network."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from territory.verdict.evidence import Evidence
from territory.verdict.ledger import Finding, claims_of

claim = claims_of("migration")


@dataclass(frozen=True)
class Carried:
    """One tensor of the new network, and whether the old one's was put in its place."""

    tensor: str
    shape: tuple[int, ...]
    parameters: int
    carried: int  # the same number, or 0
    old_shape: tuple[int, ...]  # () where the old network has none of that name


def carry_over(old: nn.Module, new: nn.Module) -> list[Carried]:
    """Copy every parameter and running average that shares name and shape; one record for each tensor of ``new``."""
    source, target = old.state_dict(), new.state_dict()
    records = []
    with torch.no_grad():
        for name, tensor in target.items():
            before = source.get(name)
            fits = before is not None and before.shape == tensor.shape
            if fits:
                tensor.copy_(before)
            shape = () if before is None else tuple(before.shape)
            records.append(Carried(name, tuple(tensor.shape), tensor.numel(), tensor.numel() * fits, shape))
    parameters = dict(new.named_parameters())
    return [record for record in records if record.tensor in parameters]


@claim("load", "Option 1: Train with New Architecture (Recommended)", "old checkpoints can't be loaded", "nothing")
def load(evidence: Evidence) -> Finding:
    """Refuted if all loads, off if part of it does, confirmed if no tensor has its name and shape in both."""
    records = carry_over(evidence.old, copy.deepcopy(evidence.new))
    carried, all_ = sum(record.carried for record in records), sum(record.parameters for record in records)
    tensors = sum(record.carried > 0 for record in records)
    verdict = "confirmed" if carried == 0 else "refuted" if carried == all_ else "off"
    figure = f"{tensors} of {len(records)} tensors, {carried:,} of {all_:,} parameters"
    note = "same name and same shape; python -m studies.distillation carries them and teaches the rest"
    return Finding(verdict, figure, {"tensors": tensors, "parameters": carried, "share": carried / all_}, note)


@claim(
    "continue", "Option 2: Continue with Old Architecture", "an old checkpoint loads into the old network", "all of it"
)
def go_on(evidence: Evidence) -> Finding:
    records = carry_over(evidence.old, copy.deepcopy(evidence.old))
    loads = all(record.carried == record.parameters for record in records)
    figure = f"{sum(record.carried > 0 for record in records)} of {len(records)} tensors"
    return Finding("exact" if loads else "refuted", figure, {"tensors": len(records)})


@claim("idle", "Recommendation", "the old checkpoints weren't learning: their agents were idle")
def idle(evidence: Evidence) -> Finding:
    return Finding("not testable here", "none came with the document", {}, "there are no old checkpoints to watch")
