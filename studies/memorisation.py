"""Who learns maps by heart: ``python -m studies.memorisation [--seeds 3] [--moments 2048] [--epochs 40]``.

Each network, fresh, is taught a trained agent's policy on moments of some games, over and over, and asked about the
same games' other half: games on maps that it never saw. What it answers better on the first than on the second it has
learned by heart. In a run of PPO nearly every game has a map of its own, so its win rates can hardly show this.
Each finished run is added to the data file at once.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studies.datafile import DATA, add, by_network, load
from studies.distillation import answers, imitate, with_dice
from studies.learning import NETWORKS, spread
from territory.agent import load_agent
from territory.agent.states import SampledStates, sample_states
from territory.profiling import format_table
from territory.training import TrainConfig
from territory.training.build import make_model
from territory.training.losses import kl_divergence

TEACHER = "tokens"
EVERY = 8  # steps of a game from one moment to the next: neighbours are nearly the same
Told = list[tuple[float, float]]  # of each epoch: nats from the teacher on games that were learned, on the others


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(prog="studies.memorisation", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0, each with games of its own")
    parser.add_argument("--moments", type=int, default=2048, help="of games, half of which are learned")
    parser.add_argument("--epochs", type=int, default=40, help="how often they are gone over")
    parser.add_argument("--out", type=Path, default=DATA / "memorisation.json", help="the data file")
    asked = parser.parse_args()
    like = {"moments": asked.moments, "epochs": asked.epochs}
    for seed in range(asked.seeds):
        missing = [name for name in NETWORKS if not load(asked.out, network=name, seed=seed, **like)]
        halves = record(seed, asked.moments) if missing else None
        for name in missing:
            run = {"network": name, "seed": seed} | like
            run["games"] = [len(np.unique(half.games)) for half in halves]
            run["curve"] = learn(name, seed, *halves, asked.epochs)
            add(asked.out, run, by_network)
    print(format_table(summary(load(asked.out, **like))))


def record(seed: int, moments: int) -> tuple[SampledStates, SampledStates]:
    """Two halves of the games that the teacher plays with dice, on maps that no other seed has."""
    teacher, world = load_agent(TEACHER), {"num_bots": 5, "opponents": "nation"}
    return sample_states(with_dice(teacher), moments, EVERY, 1000 * seed, **world).split(0.5, seed)


def learn(name: str, seed: int, learned: SampledStates, others: SampledStates, epochs: int) -> Told:
    """How far a fresh network stays from the teacher on both halves, after each epoch on the first."""
    print(f"teaching {name}, seed {seed}", file=sys.stderr, flush=True)
    teacher, student = load_agent(TEACHER).model, make_model(TrainConfig(**NETWORKS[name], seed=seed))
    wanted, wanted_of_others = answers(teacher, learned), answers(teacher, others)
    return [
        (_nats(student, learned, wanted), _nats(student, others, wanted_of_others))
        for _ in imitate(student, learned, wanted, epochs, seed)
    ]


def _nats(student: nn.Module, moments: SampledStates, wanted: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return round(kl_divergence(wanted[0], answers(student, moments)[0]).mean().item(), 4)


@dataclass(frozen=True)
class ByHeart:
    """Nats between teacher and student, median over seeds with the smallest and the largest."""

    network: str
    seeds: int
    learned: str  # after the last epoch, on the games that were learned
    others: str  # on the others
    by_heart: str  # the difference
    best_on_others: str  # at the epoch at which to stop


def summary(runs: list[dict[str, Any]]) -> list[ByHeart]:
    """One row for each network."""
    curves = {name: np.array([run["curve"] for run in runs if run["network"] == name]) for name in NETWORKS}
    return [_row(name, told) for name, told in curves.items() if len(told)]


def _row(name: str, told: np.ndarray) -> ByHeart:
    learned, others = told[:, -1].T
    columns = (learned, others, others - learned, told[:, :, 1].min(axis=1))
    return ByHeart(name, len(told), *(spread(column, "{:.3f}") for column in columns))


if __name__ == "__main__":
    main()
