"""What each choice of `tokens` is worth: ``python -m studies.ablations [--seeds 3] [--variants NAME ...]``.

Each variant is the architecture with one change. All are counted, timed against `baseline` (training steps taking
turns), and trained in the 64x64 world until they win 90 % of their last hundred games. Each finished run is added to
the data file at once; runs that are in it already are not repeated.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from studies.command import Flag, one_of, run
from studies.datafile import DATA
from studies.learning import BOTS, GOAL, HYPERPARAMETERS, reached, spread
from studies.variants import SHIPPED, VARIANTS, variant
from territory import models
from territory.files import write_atomically
from territory.profiling import LatencyRecord, compare_latency, example_inputs, format_table, macs_table
from territory.training import PPO, TrainConfig

SIDE = 64  # tiles of the world that they learn in; costs are of the full one
BATCH = 128
SEEDS = 3  # fewer say nothing: one architecture's own seeds lie thousands of steps apart
PEER = "baseline"
Runs = dict[str, list[dict[str, Any]]]


def main(
    seeds: int = SEEDS,
    steps: int = 30_000,
    variants: tuple[str, ...] = (),
    repeats: int = 12,
    time_again: Flag = False,
    out: Path = DATA / "ablations.json",
) -> None:
    """Measure and train what is missing, then print the table.

    Args:
        seeds: How many seeds, from 0.
        steps: Environment steps after which a run is given up.
        variants: Names of variants; by default all.
        repeats: Training steps timed of each.
        time_again: Time them also if times are in the data file.
        out: The data file.
    """
    chosen = one_of(VARIANTS, variants) or list(VARIANTS)
    for seed in range(seeds):
        for name in chosen:
            known = {(run["variant"], run["seed"], run["steps"]) for run in load(out)["runs"]}
            if (name, seed, steps) not in known:
                trained = train(name, seed, steps)
                data = load(out)  # read again: others may have added theirs
                save(out, data | {"runs": [*data["runs"], trained]})
    timed = {cost["variant"] for cost in load(out)["costs"]}
    if time_again or not timed.issuperset(chosen):  # all once more: ratios of one run, or of no use
        names = [name for name in VARIANTS if name in timed.union(chosen)]
        save(out, load(out) | {"costs": costs(names, repeats)})
    data = load(out)
    alike = [run for run in data["runs"] if run["steps"] == steps]
    print(format_table(summary(data | {"runs": alike})))


def load(path: Path) -> Runs:
    """What is in the data file; nothing if there is no such file."""
    return json.loads(path.read_text()) if path.exists() else {"costs": [], "runs": []}


def save(path: Path, data: Runs) -> None:
    """Whole or not at all, one record a line."""
    order = list(VARIANTS)
    parts = []
    for kind, records in data.items():
        records = sorted(records, key=lambda record: (order.index(record["variant"]), record.get("seed", 0)))
        parts.append(f'"{kind}": [\n' + ",\n".join(json.dumps(record) for record in records) + "\n]")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, ("{\n" + ",\n".join(parts) + "\n}\n").encode())


def costs(names: list[str], repeats: int) -> list[dict[str, Any]]:
    """Parameters, multiply-accumulates, and a training step as a ratio to the peer's, with its spread."""
    print(f"timing {len(names)} variants against {PEER}", file=sys.stderr, flush=True)
    networks: dict[str, nn.Module] = {PEER: models.build(PEER)} | {name: variant(name) for name in names}
    peer, *records = compare_latency(networks, example_inputs(BATCH), "train", repeats, warmup=2)
    return [_cost(networks[record.name], record, peer) for record in records]


def _cost(network: nn.Module, step: LatencyRecord, peer: LatencyRecord) -> dict[str, Any]:
    size = sum(parameter.numel() for parameter in network.parameters())
    macs = sum(record.macs for record in macs_table(network))
    ratios = {"step": step.median / peer.median, "low": step.low / peer.high, "high": step.high / peer.low}
    costs = {"variant": step.name, "parameters": size, "macs": macs, "threads": torch.get_num_threads()}
    return costs | {end: round(time, 4) for end, time in ratios.items()}


def train(name: str, seed: int, steps: int) -> dict[str, Any]:
    """One run, ended when it reaches the goal."""
    print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
    world: dict[str, Any] = {"height": SIDE, "width": SIDE, "num_bots": BOTS[SIDE]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # as training seeds the registry's networks
        model = variant(name)
    curve = []
    for update in PPO(
        TrainConfig("tokens", **HYPERPARAMETERS, **world, seed=seed, total_timesteps=steps), model=model
    ).updates():
        wins = None if np.isnan(update.win_rate) else round(update.win_rate, 3)
        curve.append((update.step, round(update.seconds, 1), wins, round(update.idle_share, 3)))
        if (wins or 0) >= GOAL:
            break
    return {"variant": name, "seed": seed, "steps": steps, "curve": curve}


@dataclass(frozen=True)
class Ablated:
    """One variant: its costs, and how soon it learns: the median, with the best and the worst seed."""

    variant: str
    parameters: int
    macs: int
    step: str  # time of a training step over the peer's, with its spread
    seeds: int
    steps_to_goal: str
    learns: str  # against the pretrained architecture: sooner or later only where no seed of one is among the other's


def summary(data: Runs) -> list[Ablated]:
    """One row for each variant that was timed."""
    taken = {
        cost["variant"]: np.array([reached(run)[0] for run in data["runs"] if run["variant"] == cost["variant"]])
        for cost in data["costs"]
    }
    return [_row(cost, taken[cost["variant"]], taken.get(SHIPPED, np.array([]))) for cost in data["costs"]]


def _row(cost: dict[str, Any], steps: np.ndarray, reference: np.ndarray) -> Ablated:
    step = f"{cost['step']:.2f} ({cost['low']:.2f} to {cost['high']:.2f})"
    taken = spread(steps, "{:,.0f}") if len(steps) else "-"
    return Ablated(
        cost["variant"], cost["parameters"], cost["macs"], step, len(steps), taken, compared(steps, reference)
    )


def compared(steps: np.ndarray, reference: np.ndarray) -> str:
    """A difference that a few seeds can show, three at least: every seed of one before every seed of the other."""
    if min(len(steps), len(reference)) < SEEDS:
        return "-"
    if steps.min() > reference.max():
        return "later"
    return "sooner" if steps.max() < reference.min() else "alike"


if __name__ == "__main__":
    sys.exit(run(main))
