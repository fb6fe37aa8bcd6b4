"""The networks: parameters, multiply-accumulates and time in fp32, against `attention`; `tokens` against `baseline`."""

from dataclasses import replace

from torch import nn

from benchmarks.timing import Ratio, time_ratio
from territory import models
from territory.profiling import compare_latency, example_inputs, macs_table, parameter_table
from territory.training.build import make_model
from territory.training.config import TrainConfig

PEER = "attention"
GOAL = ("baseline", "tokens")  # the first's training step is to take at least 3 times as long as the second's


def run(small: bool) -> list[Ratio]:
    """Costs that do not depend on the machine first, then those that do."""
    networks = {name: make_model(TrainConfig(model=name)) for name in models.names()}
    counts = {
        "parameters": {name: sum(r.parameters for r in parameter_table(net)) for name, net in networks.items()},
        "MACs": {name: sum(r.macs for r in macs_table(net)) for name, net in networks.items()},
    }
    ratios = [ratio for what, values in counts.items() for ratio in _counted(what, values)]
    for batch in (1, 2) if small else (1, 12, 128, 256):
        for mode in ("forward", "train"):
            ratios += _timed(networks, batch, mode, small)
    return ratios


def _counted(what: str, counts: dict[str, int]) -> list[Ratio]:
    """Exact, so without spread."""
    return [_exact(f"{name}, {what}", count, counts[PEER]) for name, count in counts.items() if name != PEER]


def _exact(what: str, count: int, peer: int) -> Ratio:
    ratio = count / peer
    return Ratio(what, PEER, ratio, ratio, ratio, f"{count:,} against {peer:,}")


def _timed(networks: dict[str, nn.Module], batch: int, mode: str, small: bool) -> list[Ratio]:
    label = {"forward": "forward", "train": "training step"}[mode]
    repeats, warmup = (2, 1) if small else (6, 2) if batch > 100 else (25, 5)
    records = compare_latency(networks, example_inputs(batch), mode, repeats, warmup)
    by_name = {record.name: record for record in records}
    peer = by_name.pop(PEER)
    ratios = [time_ratio(record, peer) for record in by_name.values()]
    slow, fast = (by_name[name] for name in GOAL)
    ratios += [time_ratio(slow, fast)] if mode == "train" else []
    return [replace(ratio, what=f"{ratio.what}, {label}, batch {batch}") for ratio in ratios]
