"""Claims that counting decides."""

from torch import nn

from territory.profiling import macs_table, parameter_table, part_table
from territory.verdict import rules
from territory.verdict.evidence import Evidence
from territory.verdict.ledger import Finding, claims_of

TARGET = 500_000  # parameters: "~500K as intended"
OLD_PARTS = {"map_branch": 6_503_072, "global_branch": 18_688, "fusion": 164_096, "actor": 44_506, "critic": 33_025}
NEW_PARTS = {"map_branch": 208_003, "global_branch": 18_688, "cross_attention": 82_432, "fusion": 131_328}
NEW_PARTS |= {"actor": 44_506, "critic": 33_025}
OLD_PERCENT = (96.0, 0.3, 2.4, 0.7, 0.5)
NEW_PERCENT = (40.0, 3.6, 16.0, 25.0, 8.6, 6.4)
claim = claims_of("counts")


def total(model: nn.Module) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def part(model: nn.Module, name: str) -> int:
    """Parameters of one of its parts; 0 for a part it doesn't have."""
    return {record.part: record.parameters for record in part_table(model)}.get(name, 0)


def layer(model: nn.Module, path: str) -> int:
    """Parameters of all layers whose path within their part begins so."""
    return sum(record.parameters for record in parameter_table(model) if record.layer.startswith(path))


def _whole(measured: list[int], claimed: list[int], note: str = "") -> Finding:
    numbers = {str(index): number for index, number in enumerate(measured)}
    return Finding(rules.counted(measured, claimed), ", ".join(f"{n:,}" for n in measured), numbers, note)


def _rounded(measured: float, claimed: float, digits: int, figure: str, note: str = "") -> Finding:
    return Finding(rules.printed([measured], [claimed], [digits]), figure, {"measured": measured}, note)


def _parts(model: nn.Module, claimed: dict[str, int]) -> Finding:
    return _whole([part(model, name) for name in claimed], list(claimed.values()))


def _percents(model: nn.Module, claimed: tuple[float, ...], digits: tuple[int, ...]) -> Finding:
    shares = [100 * record.share for record in part_table(model)]
    if len(shares) != len(claimed):
        return Finding("refuted", f"{len(shares)} parts", {"parts": len(shares)})
    figure = ", ".join(f"{share:.{d}f}" for share, d in zip(shares, digits, strict=True)) + " %"
    numbers = {record.part: record.share for record in part_table(model)}
    return Finding(rules.printed(shares, claimed, digits), figure, numbers)


def _grids(model: nn.Module, claimed: list[int]) -> Finding:
    shapes = [record.shape[1:] for record in macs_table(model) if record.layer.endswith("conv")]
    measured = [number for shape in shapes for number in shape]
    figure = ", ".join("x".join(map(str, shape)) for shape in shapes)
    verdict = rules.counted(measured, claimed) if len(measured) == len(claimed) else "refuted"
    return Finding(verdict, figure, {"cells": measured[-1] * measured[-2]})


@claim("old-total", "Parameters: 6,763,387 (13x over target)", "the old network's parameters", "6,763,387")
def old_total(evidence: Evidence) -> Finding:
    return _whole([total(evidence.old)], [6_763_387])


@claim("new-total", "Parameters: 517,982 (~500K target)", "the new network's parameters", "517,982")
def new_total(evidence: Evidence) -> Finding:
    return _whole([total(evidence.new)], [517_982])


@claim("old-parts", "Parameters: 6,763,387 (13x over target)", "the old network part by part", "five counts")
def old_parts(evidence: Evidence) -> Finding:
    return _parts(evidence.old, OLD_PARTS)


@claim("new-parts", "Parameters: 517,982 (~500K target)", "the new network part by part", "six counts")
def new_parts(evidence: Evidence) -> Finding:
    return _parts(evidence.new, NEW_PARTS)


@claim(
    "old-shares", "Parameters: 6,763,387 (13x over target)", "the shares of the old parts", "96, 0.3, 2.4, 0.7, 0.5 %"
)
def old_shares(evidence: Evidence) -> Finding:
    return _percents(evidence.old, OLD_PERCENT, (0, 1, 1, 1, 1))


@claim("new-shares", "Parameters: 517,982 (~500K target)", "the shares of the new parts", "40, 3.6, 16, 25, 8.6, 6.4 %")
def new_shares(evidence: Evidence) -> Finding:
    return _percents(evidence.new, NEW_PERCENT, (0, 1, 0, 0, 1, 1))


@claim("one-layer-share", "Problem Found", "one linear layer holds nearly all of the old network", "96 %")
def one_layer_share(evidence: Evidence) -> Finding:
    share = 100 * max(record.share for record in parameter_table(evidence.old))
    branch = 100 * part(evidence.old, "map_branch") / total(evidence.old)
    return _rounded(share, 96, 0, f"{share:.1f} %", f"the branch around the layer is {branch:.1f} %")


@claim("one-layer-weights", "The Problem", "12,544 x 512 weights in that layer", "6,422,528")
def one_layer_weights(evidence: Evidence) -> Finding:
    return _whole([max(parameter.numel() for parameter in evidence.old.parameters())], [6_422_528])


@claim("old-grids", "Architecture (old)", "what the old convolutions give", "32x32x32, 64x16x16, 64x14x14")
def old_grids(evidence: Evidence) -> Finding:
    return _grids(evidence.old, [32, 32, 32, 64, 16, 16, 64, 14, 14])


@claim("new-grids", "Architecture (new)", "what the new convolutions give", "32x32x32, 64x8x8, 128x4x4")
def new_grids(evidence: Evidence) -> Finding:
    return _grids(evidence.new, [32, 32, 32, 64, 8, 8, 128, 4, 4])


@claim("old-over", "Summary", "how far the old network is over its target of 500,000", "1350 % over")
def old_over(evidence: Evidence) -> Finding:
    over = 100 * (total(evidence.old) / TARGET - 1)
    return _rounded(over, 1350, 0, f"{over:.0f} % over", f"it is {over + 100:.0f} % of the target")


@claim("old-times", "Problem Found", "the old network against its target", "13x over")
def old_times(evidence: Evidence) -> Finding:
    times = total(evidence.old) / TARGET
    return _rounded(times, 13, 0, f"{times:.1f}x the target", f"{times - 1:.1f} times the target too many")


@claim("new-over", "Summary", "how far the new network is over its target", "3 % over")
def new_over(evidence: Evidence) -> Finding:
    over = 100 * (total(evidence.new) / TARGET - 1)
    return _rounded(over, 3, 0, f"{over:.1f} % over")


@claim("fewer", "Recommendation", "how many times fewer parameters in all", "13x")
def fewer(evidence: Evidence) -> Finding:
    ratio = total(evidence.old) / total(evidence.new)
    return _rounded(ratio, 13, 0, f"{ratio:.1f}x")


@claim("cnn-fewer", "Efficient CNN (13x parameter reduction)", "how many times smaller the efficient CNN is", "13x")
def cnn_fewer(evidence: Evidence) -> Finding:
    ratio = part(evidence.old, "map_branch") / part(evidence.new, "map_branch")
    return _rounded(ratio, 13, 0, f"{ratio:.1f}x", "13x is the whole network; the table below that heading has 31x")


@claim("branch-fewer", "CNN Architecture", "how many times fewer in the map branch", "31x")
def branch_fewer(evidence: Evidence) -> Finding:
    ratio = part(evidence.old, "map_branch") / part(evidence.new, "map_branch")
    return _rounded(ratio, 31, 0, f"{ratio:.1f}x")


@claim("pooled-linear", "Efficient CNN (13x parameter reduction)", "the layer from 128 to 256 features", "32K")
def pooled_linear(evidence: Evidence) -> Finding:
    count = layer(evidence.new, "to_features")
    return _rounded(count / 1000, 32, 0, f"{count:,}")


@claim("gate-cost", "Spatial Attention", "what each gate costs", "about 200")
def gate_cost(evidence: Evidence) -> Finding:
    gates = [record.parameters for record in parameter_table(evidence.new) if record.layer.endswith("attention.score")]
    if not gates:
        return Finding("refuted", "no gates", {"gates": 0})
    verdict = rules.printed(gates, [200] * len(gates), [-2] * len(gates))
    return Finding(verdict, ", ".join(map(str, gates)), {"all": sum(gates)}, f"{sum(gates)} for all together")


@claim("cross-cost", "Cross-Attention Fusion", "what the cross-attention costs", "82,432")
def cross_cost(evidence: Evidence) -> Finding:
    return _whole([part(evidence.new, "cross_attention")], [82_432])


@claim("fusion-cost", "Fusion Architecture", "old fusion, new fusion with cross-attention", "164,096 and 213,760")
def fusion_cost(evidence: Evidence) -> Finding:
    new = part(evidence.new, "fusion") + part(evidence.new, "cross_attention")
    return _whole([part(evidence.old, "fusion"), new], [164_096, 213_760])


@claim("slip", "Memory Usage", "8 ms to 6 ms, in the document's own arithmetic", "25 % faster")
def slip(evidence: Evidence) -> Finding:
    faster, less = 100 * (8 / 6 - 1), 100 * (1 - 6 / 8)
    return _rounded(
        faster, 25, 0, f"{faster:.0f} % faster", f"it is {less:.0f} % less time; the tables of FPS have it right"
    )


@claim("spread", "Computational Efficiency", "the new parameters are spread over the components")
def spread(evidence: Evidence) -> Finding:
    shares = {name: max(r.share for r in part_table(model)) for name, model in evidence.networks.items()}
    verdict = rules.holds([shares["new"] < 0.5 < shares["old"]])
    return Finding(verdict, f"largest part {shares['new']:.0%}, was {shares['old']:.0%}", shares)
