"""Learning curves over seeds: ``python -m studies.learning [--side 64] [--seeds 5] [--steps 30000]``.

Trains every network with the same games, hyperparameters and steps, then plays it on held-out and on training maps.
Each finished run is added to the data file at once; runs that are in it already are not repeated.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studies.datafile import DATA, add, by_network, load
from territory.agent import Agent, evaluate
from territory.profiling import format_table
from territory.training import PPO, TrainConfig
from territory.world.params import HELD_OUT_SEED

NETWORKS = {
    "tokens": {"model": "tokens"},
    "attention": {"model": "attention"},
    "attention, batch norm": {"model": "attention", "norm": "batch"},
    "baseline": {"model": "baseline"},
}
HABITS = {  # what notebook 04 trains with
    "num_envs": 12,
    "num_steps": 32,
    "minibatch_size": 192,
    "update_epochs": 4,
    "learning_rate": 1e-3,
    "ent_coef": 0.003,
    "device": "cpu",
}
LARGER_HABITS = {"num_envs": 24, "minibatch_size": 384, "update_epochs": 2}  # at 128: half the work for a step
BOTS = {64: 8, 128: 5}  # by side of the map
GAMES = 32  # of each final test
GOAL = 0.9  # of the last hundred games


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(prog="studies.learning", description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64, choices=sorted(BOTS), help="tiles of the square map")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0")
    parser.add_argument("--steps", type=int, default=30_000, help="environment steps of each run")
    parser.add_argument("--networks", nargs="+", choices=sorted(NETWORKS), help="by default all that take such a map")
    parser.add_argument("--out", type=Path, default=DATA / "learning.json", help="the data file")
    asked = parser.parse_args()
    networks = asked.networks or [name for name in NETWORKS if asked.side == 128 or name != "baseline"]
    like = {"side": asked.side, "steps": asked.steps}
    for seed in range(asked.seeds):
        for name in networks:
            if not load(asked.out, network=name, seed=seed, **like):
                add(asked.out, _train(name, asked.side, seed, asked.steps), by_network)
    print(format_table(summary(load(asked.out, **like))))


def _train(name: str, side: int, seed: int, steps: int) -> dict[str, Any]:
    print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
    world = {"height": side, "width": side, "num_bots": BOTS[side]}
    habits = HABITS | LARGER_HABITS if side == 128 else HABITS
    config = TrainConfig(**NETWORKS[name], **habits, **world, seed=seed, total_timesteps=steps)
    return trained(name, PPO(config), world)


def trained(name: str, ppo: PPO, world: dict[str, int]) -> dict[str, Any]:
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
    run = {"network": name, "side": config.height, "seed": config.seed, "steps": config.total_timesteps}
    return run | tests | {"curve": curve}


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
    main()
