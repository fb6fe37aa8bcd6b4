"""Why `attention` learns sooner than `baseline`: ``python -m studies.why [--seeds 3] [--variants NAME ...]``.

The two differ in four things at once: normalisation, gates, a mean pool instead of a flatten, size. Here one is moved
across at a time, and the learning rate of each is changed, all else as `studies.learning` trains at 128x128; its own
runs of the two stand in the table for comparison. Each finished run is added to the data file at once.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studies.command import one_of, run
from studies.datafile import DATA, add, by_network, load
from studies.learning import BOTS, HYPERPARAMETERS, LARGER_HYPERPARAMETERS, reached, spread, trained
from territory import models
from territory.models.attention import MAP_CHANNELS
from territory.models.attention import MAP_FEATURES as ATTENTION_FEATURES
from territory.models.baseline import MAP_FEATURES as BASELINE_FEATURES
from territory.models.blocks import initialise, make_norm
from territory.profiling import format_table
from territory.stats import interquartile_mean
from territory.training import PPO, TrainConfig
from territory.training.build import model_options

SIDE = 128
SEEDS = 3
STEPS = 40_000
LOW = {"learning_rate": 3e-4}
Change = Callable[[Any], None]  # changes a network in place, in parts of which torch declares no types


class Cells(nn.Module):
    """All cells in a row, ``(B, C, H, W)`` to ``(B, C H W, 1, 1)``: a mean pool after it pools nothing."""

    def forward(self, cells: Tensor) -> Tensor:
        return cells.flatten(1)[:, :, None, None]


class Pool(nn.Module):
    """The mean of each channel, ``(B, C, H, W)`` to ``(B, C, 1, 1)``: a flatten after it keeps channels only."""

    def forward(self, cells: Tensor) -> Tensor:
        return cells.mean(dim=(2, 3), keepdim=True)


def _normalised(model: Any) -> None:
    for block in model.map_branch.blocks:
        block.norm = make_norm("group", block.conv.out_channels)


def _not_normalised(model: Any) -> None:
    for block in model.map_branch.blocks:
        block.norm = nn.Identity()


def _pooled(model: Any) -> None:
    channels = model.map_branch.blocks[-1].conv.out_channels
    model.map_branch.blocks.append(Pool())
    model.map_branch.to_features = nn.Linear(channels, BASELINE_FEATURES)


def _flattened(model: Any) -> None:
    model.map_branch.blocks.append(Cells())
    model.map_branch.to_features = nn.Linear(MAP_CHANNELS * (SIDE // 32) ** 2, ATTENTION_FEATURES)


def _not_gated(model: Any) -> None:
    for block in model.map_branch.blocks:
        block.attention = nn.Identity()


def _both(model: Any) -> None:
    _normalised(model)
    _pooled(model)


@dataclass(frozen=True)
class Variant:
    """A network, what is changed in it before its first weights are drawn, and in its hyperparameters."""

    model: str
    change: Change = lambda model: None
    hyperparameters: dict[str, Any] = field(default_factory=dict)


VARIANTS = {
    "baseline, group norm": Variant("baseline", _normalised),
    "baseline, mean pool": Variant("baseline", _pooled),
    "baseline, norm and pool": Variant("baseline", _both),
    "baseline, learning rate 3e-4": Variant("baseline", hyperparameters=LOW),
    "attention, no norm": Variant("attention", _not_normalised),
    "attention, no gates": Variant("attention", _not_gated),
    "attention, flatten": Variant("attention", _flattened),
    "attention, learning rate 3e-4": Variant("attention", hyperparameters=LOW),
}
PEERS = ("baseline", "attention")  # trained by studies.learning


def build(name: str) -> nn.Module:
    """A freshly initialised network of that name; ``torch.manual_seed`` decides its weights."""
    kind = VARIANTS[name]
    model = models.build(kind.model, **model_options(TrainConfig(kind.model)))
    kind.change(model)
    initialise(model)  # first weights as each network makes its own
    return model


def main(seeds: int = SEEDS, steps: int = STEPS, variants: tuple[str, ...] = (), out: Path = DATA / "why.json") -> None:
    """Train the runs that are missing, one seed of all variants before the next, then print the table.

    Args:
        seeds: How many seeds, from 0.
        steps: Environment steps of each run.
        variants: Names of variants; by default all.
        out: The data file.
    """
    chosen = one_of(VARIANTS, variants) or list(VARIANTS)
    for seed in range(seeds):
        for name in chosen:
            if not load(out, network=name, seed=seed, steps=steps):
                add(out, train(name, seed, steps), by_network)
    peers = load(DATA / "learning.json", side=SIDE, steps=steps)
    print(format_table(summary([*load(out, steps=steps), *peers])))


def train(name: str, seed: int, steps: int) -> dict[str, Any]:
    """One run and its tests, as `studies.learning` keeps them."""
    print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
    world: dict[str, Any] = {"height": SIDE, "width": SIDE, "num_bots": BOTS[SIDE]}
    kind = VARIANTS[name]
    config = TrainConfig(
        kind.model,
        **HYPERPARAMETERS | LARGER_HYPERPARAMETERS | kind.hyperparameters,
        **world,
        seed=seed,
        total_timesteps=steps,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # as training seeds the registry's networks
        model = build(name)
    return trained(name, PPO(config, model=model), world)


@dataclass(frozen=True)
class Explained:
    """How far the runs of one variant came: the interquartile mean over seeds, with the worst and the best."""

    network: str
    parameters: int
    seeds: int
    won_training: str  # of the last hundred games of training, whose actions are drawn
    won_held_out: str  # of games on held-out maps, greedily
    steps_to_90: str


def summary(runs: list[dict[str, Any]]) -> list[Explained]:
    """One row for each variant that was trained, after its peer."""
    order = [name for peer in PEERS for name in (peer, *(n for n in VARIANTS if VARIANTS[n].model == peer))]
    by_name = {name: [run for run in runs if run["network"] == name] for name in order}
    return [_row(name, own) for name, own in by_name.items() if own]


def _row(name: str, runs: list[dict[str, Any]]) -> Explained:
    model = build(name) if name in VARIANTS else models.build(name)
    size = sum(parameter.numel() for parameter in model.parameters())
    won = np.array([run["curve"][-1][2] or 0.0 for run in runs])
    held_out = np.array([run["held_out"] for run in runs])
    steps = spread(np.array([reached(run)[0] for run in runs]), "{:,.0f}")
    return Explained(name, size, len(runs), middle(won), middle(held_out), steps)


def middle(shares: np.ndarray) -> str:
    """The interquartile mean of a few seeds' shares, and the smallest to the largest."""
    return f"{interquartile_mean(shares):.0%} ({shares.min():.0%} to {shares.max():.0%})"


if __name__ == "__main__":
    sys.exit(run(main))
