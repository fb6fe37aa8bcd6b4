"""Learning curves over seeds: ``python -m studies.learning [--side 64] [--seeds 5] [--steps 30000]``.

Trains every network with the same games, hyperparameters and steps, then plays it on held-out and on training maps.
Each finished run is added to the data file at once; runs that are in it already are not repeated.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from studies.command import one_of, run
from studies.datafile import DATA, add, by_network, load
from territory.agent import Agent, evaluate
from territory.profiling import format_table
from territory.training import PPO, TrainConfig
from territory.world.params import HELD_OUT_SEED

NETWORKS: dict[str, dict[str, Any]] = {
    "tokens": {"model": "tokens"},
    "attention": {"model": "attention"},
    "attention, batch norm": {"model": "attention", "norm": "batch"},
    "baseline": {"model": "baseline"},
}
HYPERPARAMETERS: dict[str, Any] = {  # what notebook 04 trains with
    "num_envs": 12,
    "num_steps": 32,
    "minibatch_size": 192,
    "update_epochs": 4,
    "learning_rate": 1e-3,
    "ent_coef": 0.003,
    "device": "cpu",
}
LARGER_HYPERPARAMETERS = {"num_envs": 24, "minibatch_size": 384, "update_epochs": 2}  # at 128: half the work for a step
BOTS = {64: 8, 128: 5}  # by side of the map
GAMES = 32  # of each final test
GOAL = 0.9  # of the last hundred games


def main(
    side: Literal[64, 128] = 64,
    seeds: int = 5,
    steps: int = 30_000,
    networks: tuple[str, ...] = (),
    out: Path = DATA / "learning.json",
) -> None:
    """Train the runs that are missing, then print the table.

    Args:
        side: Tiles of the square map.
        seeds: How many seeds, from 0.
        steps: Environment steps of each run.
        networks: Out of tokens, attention, "attention, batch norm", baseline; by default all that take such a map.
        out: The data file.
    """
    chosen = one_of(NETWORKS, networks) or [name for name in NETWORKS if side == 128 or name != "baseline"]
    for seed in range(seeds):
        for name in chosen:
            if not load(out, network=name, side=side, seed=seed, steps=steps):
                add(out, _train(name, side, seed, steps), by_network)
    print(format_table(summary(load(out, side=side, steps=steps))))


def _train(name: str, side: int, seed: int, steps: int) -> dict[str, Any]:
    print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
    world: dict[str, Any] = {"height": side, "width": side, "num_bots": BOTS[side]}
    hyperparameters = HYPERPARAMETERS | LARGER_HYPERPARAMETERS if side == 128 else HYPERPARAMETERS
    config = TrainConfig(**NETWORKS[name], **hyperparameters, **world, seed=seed, total_timesteps=steps)
    return trained(name, PPO(config), world)


def trained(name: str, ppo: PPO, world: dict[str, Any]) -> dict[str, Any]:
    """Train to the end and test: one run of a data file, under the name of its network."""
    start = time.process_time()  # what the processor worked: others on the machine don't count
    curve = [
        (update.step, round(time.process_time() - start, 1), _rounded(update.win_rate), _rounded(update.idle_share))
        for update in ppo.updates()
    ]
    agent, config = Agent(ppo.model), ppo.config
    tests = {
        where: evaluate(agent, games=GAMES, seed=first, **world).win_rate
        for where, first in (("held_out", HELD_OUT_SEED), ("training", config.seed))
    }
    told = {"network": name, "side": config.height, "seed": config.seed, "steps": config.total_timesteps}
    return told | tests | {"curve": curve}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 3)  # no game has finished yet


def reached(run: dict[str, Any], goal: float = GOAL) -> tuple[float, float]:
    """Steps and seconds until the goal; infinite if it was not reached."""
    return next(((step, seconds) for step, seconds, wins, _ in run["curve"] if (wins or 0) >= goal), (np.inf, np.inf))


@dataclass(frozen=True)
class Learned:
    """What the runs of one network came to: medians, with the best and the worst seed."""

    network: str
    seeds: int
    steps_to_goal: str
    seconds_to_goal: str
    against_attention: str  # ratio of the medians of seconds
    won_held_out: str
    training_less_held_out: str  # win rate on maps trained on less that on held-out maps, mean


def summary(runs: list[dict[str, Any]]) -> list[Learned]:
    """One row for each network; times as ratios to `attention` on the same machine."""
    by_network = {name: [run for run in runs if run["network"] == name] for name in NETWORKS}
    peer = np.median([reached(run)[1] for run in by_network["attention"]]) if by_network["attention"] else np.nan
    return [_learned(name, own, peer) for name, own in by_network.items() if own]


def _learned(name: str, runs: list[dict[str, Any]], peer: float) -> Learned:
    steps, seconds = np.array([reached(run) for run in runs]).T
    held_out, training = (np.array([run[where] for run in runs]) for where in ("held_out", "training"))
    return Learned(
        name,
        len(runs),
        spread(steps, "{:,.0f}"),
        spread(seconds, "{:.0f}"),
        f"{np.median(seconds) / peer:.2f}",
        spread(held_out, "{:.0%}"),
        f"{np.mean(training - held_out):+.1%}",
    )


def spread(values: np.ndarray, form: str) -> str:
    """The median, and the smallest to the largest."""
    low, middle, high = (form.format(v) for v in (values.min(), np.median(values), values.max()))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(run(main))
