"""Claims that counting decides, and what of an old checkpoint fits into another network."""

from torch import nn

from territory.profiling import macs_table, parameter_table, part_table
from territory.verdict import rules
from territory.verdict.evidence import Evidence, Finding, claims_of

TARGET = 500_000  # parameters: "~500K as intended"
OLD_PARTS = {"map_branch": 6_503_072, "global_branch": 18_688, "fusion": 164_096, "actor": 44_506, "critic": 33_025}
NEW_PARTS = {"map_branch": 208_003, "global_branch": 18_688, "cross_attention": 82_432, "fusion": 131_328}
NEW_PARTS |= {"actor": 44_506, "critic": 33_025}
OLD_PERCENT = (96.0, 0.3, 2.4, 0.7, 0.5)
NEW_PERCENT = (40.0, 3.6, 16.0, 25.0, 8.6, 6.4)
claim, migration = claims_of("counts"), claims_of("migration")
OLD, NEW = "Parameters: 6,763,387 (13x over target)", "Parameters: 517,982 (~500K target)"  # sections


def total(model: nn.Module) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def part(model: nn.Module, name: str) -> int:
    """Parameters of one of its parts; 0 for a part it doesn't have."""
    return {record.part: record.parameters for record in part_table(model)}.get(name, 0)


def over(model: nn.Module) -> float:
    """Percent of the target by which a network has too many parameters."""
    return 100 * (total(model) / TARGET - 1)


def branch_fewer(evidence: Evidence) -> float:
    """How many times fewer parameters the new network has in its map branch."""
    return part(evidence.old, "map_branch") / part(evidence.new, "map_branch")


def _whole(measured: list[int], claimed: list[int]) -> Finding:
    numbers = {str(index): number for index, number in enumerate(measured)}
    return Finding(rules.counted(measured, claimed), ", ".join(f"{n:,}" for n in measured), numbers)


def _rounded(measured: float, claimed: float, figure: str = "{:.1f}x", note: str = "") -> Finding:
    return Finding(rules.printed([measured], [claimed], [0]), figure.format(measured), {"measured": measured}, note)


def _parts(model: nn.Module, claimed: dict[str, int]) -> Finding:
    return _whole([part(model, name) for name in claimed], list(claimed.values()))


def _percents(model: nn.Module, claimed: tuple[float, ...], digits: tuple[int, ...]) -> Finding:
    found = {record.part: record.share for record in part_table(model)}
    shares = [100 * share for share in found.values()]
    if len(shares) != len(claimed):
        return Finding("refuted", f"{len(shares)} parts", {"parts": len(shares)})
    figure = ", ".join(f"{share:.{d}f}" for share, d in zip(shares, digits, strict=True)) + " %"
    return Finding(rules.printed(shares, claimed, digits), figure, found)


def _grids(model: nn.Module, claimed: list[int]) -> Finding:
    shapes = [record.shape[1:] for record in macs_table(model) if record.layer.endswith("conv")]
    measured = [number for shape in shapes for number in shape]
    figure = ", ".join("x".join(map(str, shape)) for shape in shapes)
    verdict = rules.counted(measured, claimed) if len(measured) == len(claimed) else "refuted"
    return Finding(verdict, figure, {"cells": measured[-1] * measured[-2]})


claim("old-total", OLD, "the old network's parameters", "6,763,387")(lambda e: _whole([total(e.old)], [6_763_387]))
claim("new-total", NEW, "the new network's parameters", "517,982")(lambda e: _whole([total(e.new)], [517_982]))
claim("old-parts", OLD, "the old network part by part", "five counts")(lambda e: _parts(e.old, OLD_PARTS))
claim("new-parts", NEW, "the new network part by part", "six counts")(lambda e: _parts(e.new, NEW_PARTS))
claim("old-shares", OLD, "the shares of the old parts", "96, 0.3, 2.4, 0.7, 0.5 %")(
    lambda e: _percents(e.old, OLD_PERCENT, (0, 1, 1, 1, 1))
)
claim("new-shares", NEW, "the shares of the new parts", "40, 3.6, 16, 25, 8.6, 6.4 %")(
    lambda e: _percents(e.new, NEW_PERCENT, (0, 1, 0, 0, 1, 1))
)


@claim("one-layer-share", "Problem Found", "one linear layer holds nearly all of the old network", "96 %")
def one_layer_share(evidence: Evidence) -> Finding:
    share = 100 * max(record.share for record in parameter_table(evidence.old))
    branch = 100 * part(evidence.old, "map_branch") / total(evidence.old)
    return _rounded(share, 96, "{:.1f} %", f"the branch around the layer is {branch:.1f} %")


claim("one-layer-weights", "The Problem", "12,544 x 512 weights in that layer", "6,422,528")(
    lambda e: _whole([max(parameter.numel() for parameter in e.old.parameters())], [6_422_528])
)
claim("old-grids", "Architecture (old)", "what the old convolutions give", "32x32x32, 64x16x16, 64x14x14")(
    lambda e: _grids(e.old, [32, 32, 32, 64, 16, 16, 64, 14, 14])
)
claim("new-grids", "Architecture (new)", "what the new convolutions give", "32x32x32, 64x8x8, 128x4x4")(
    lambda e: _grids(e.new, [32, 32, 32, 64, 8, 8, 128, 4, 4])
)
claim("old-over", "Summary", "how far the old network is over its target of 500,000", "1350 % over")(
    lambda e: _rounded(over(e.old), 1350, "{:.0f} % over", f"it is {over(e.old) + 100:.0f} % of the target")
)
claim("old-times", "Problem Found", "the old network against its target", "13x over")(
    lambda e: _rounded(
        total(e.old) / TARGET, 13, "{:.1f}x the target", f"{over(e.old) / 100:.1f} times the target too many"
    )
)
claim("new-over", "Summary", "how far the new network is over its target", "3 % over")(
    lambda e: _rounded(over(e.new), 3, "{:.1f} % over")
)
claim("fewer", "Recommendation", "how many times fewer parameters in all", "13x")(
    lambda e: _rounded(total(e.old) / total(e.new), 13)
)
claim("cnn-fewer", "Efficient CNN (13x parameter reduction)", "how many times smaller the efficient CNN is", "13x")(
    lambda e: _rounded(branch_fewer(e), 13, note="13x is the whole network; the table below that heading has 31x")
)
claim("branch-fewer", "CNN Architecture", "how many times fewer in the map branch", "31x")(
    lambda e: _rounded(branch_fewer(e), 31)
)


@claim("pooled-linear", "Efficient CNN (13x parameter reduction)", "the layer from 128 to 256 features", "32K")
def pooled_linear(evidence: Evidence) -> Finding:
    count = sum(r.parameters for r in parameter_table(evidence.new) if r.layer.startswith("to_features"))
    return _rounded(count / 1000, 32, f"{count:,}")


@claim("gate-cost", "Spatial Attention", "what each gate costs", "about 200")
def gate_cost(evidence: Evidence) -> Finding:
    gates = [record.parameters for record in parameter_table(evidence.new) if record.layer.endswith("attention.score")]
    if not gates:
        return Finding("refuted", "no gates", {"gates": 0})
    verdict = rules.printed(gates, [200] * len(gates), [-2] * len(gates))
    return Finding(verdict, ", ".join(map(str, gates)), {"all": sum(gates)}, f"{sum(gates)} for all together")


claim("cross-cost", "Cross-Attention Fusion", "what the cross-attention costs", "82,432")(
    lambda e: _whole([part(e.new, "cross_attention")], [82_432])
)


@claim("fusion-cost", "Fusion Architecture", "old fusion, new fusion with cross-attention", "164,096 and 213,760")
def fusion_cost(evidence: Evidence) -> Finding:
    new = part(evidence.new, "fusion") + part(evidence.new, "cross_attention")
    return _whole([part(evidence.old, "fusion"), new], [164_096, 213_760])


@claim("slip", "Memory Usage", "8 ms to 6 ms, in the document's own arithmetic", "25 % faster")
def slip(evidence: Evidence) -> Finding:
    less = 100 * (1 - 6 / 8)
    note = f"it is {less:.0f} % less time; the tables of FPS have it right"
    return _rounded(100 * (8 / 6 - 1), 25, "{:.0f} % faster", note)


@claim("spread", "Computational Efficiency", "the new parameters are spread over the components")
def spread(evidence: Evidence) -> Finding:
    shares = {name: max(r.share for r in part_table(model)) for name, model in evidence.networks.items()}
    verdict = rules.holds([shares["new"] < 0.5 < shares["old"]])
    return Finding(verdict, f"largest part {shares['new']:.0%}, was {shares['old']:.0%}", shares)


def _carried(old: nn.Module, new: nn.Module) -> list[tuple[int, bool]]:
    """Parameters of each tensor of the new network, and whether the old one has it by the same name and shape."""
    shapes = {name: weight.shape for name, weight in old.named_parameters()}
    return [(weight.numel(), shapes.get(name) == weight.shape) for name, weight in new.named_parameters()]


@migration("load", "Option 1: Train with New Architecture (Recommended)", "old checkpoints can't be loaded", "nothing")
def load(evidence: Evidence) -> Finding:
    """Refuted if all loads, off if part of it does, confirmed if no tensor has its name and shape in both."""
    records = _carried(evidence.old, evidence.new)
    carried, all_ = sum(count for count, fits in records if fits), sum(count for count, _ in records)
    tensors = sum(fits for _, fits in records)
    verdict = "confirmed" if carried == 0 else "refuted" if carried == all_ else "off"
    figure = f"{tensors} of {len(records)} tensors, {carried:,} of {all_:,} parameters"
    note = "same name and same shape; python -m studies.distillation carries them and teaches the rest"
    return Finding(verdict, figure, {"tensors": tensors, "parameters": carried, "share": carried / all_}, note)


@migration(
    "continue", "Option 2: Continue with Old Architecture", "an old checkpoint loads into the old network", "all of it"
)
def go_on(evidence: Evidence) -> Finding:
    fits = [fits for _, fits in _carried(evidence.old, evidence.old)]
    figure = f"{sum(fits)} of {len(fits)} tensors"
    return Finding("exact" if all(fits) else "refuted", figure, {"tensors": len(fits)})


@migration("idle", "Recommendation", "the old checkpoints weren't learning: their agents were idle")
def idle(evidence: Evidence) -> Finding:
    return Finding("not testable here", "none came with the document", {}, "there are no old checkpoints to watch")
