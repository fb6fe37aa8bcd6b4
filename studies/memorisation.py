"""Who memorises maps: ``python -m studies.memorisation [--seeds 3] [--states 2048] [--epochs 40]``.

Each network, freshly initialised, is taught a trained agent's policy on sampled states of some games, over and over,
and compared with it on the other half: games on maps that it never saw. The difference is the generalisation gap. In a
run of PPO nearly every game has a map of its own, so win rates can hardly show this. Each finished run is added to the
data file at once.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studies.command import run
from studies.datafile import DATA, add, by_network, load
from studies.distillation import imitate, policies_and_values, sampling_policy
from studies.fitting import kl_divergence
from studies.games import split
from studies.learning import NETWORKS, spread
from territory.agent import SampledStates, load_agent, sample_states
from territory.profiling import format_table
from territory.training import TrainConfig
from territory.training.build import make_model

TEACHER = "tokens"
EVERY = 8  # steps of a game from one state to the next: neighbours are nearly the same
Told = list[tuple[float, float]]  # of each epoch: nats from the teacher on games that were learned, on the others


def main(seeds: int = 3, states: int = 2048, epochs: int = 40, out: Path = DATA / "memorisation.json") -> None:
    """Teach every network what is missing, then print the table.

    Args:
        seeds: How many seeds, from 0, each with games of its own.
        states: Sampled states of games, half of which are learned.
        epochs: How often they are gone over.
        out: The data file.
    """
    like = {"states": states, "epochs": epochs}
    for seed in range(seeds):
        missing = [name for name in NETWORKS if not load(out, network=name, seed=seed, **like)]
        if missing:
            halves = record(seed, states)
            games = [len(np.unique(half.games)) for half in halves]
            for name in missing:
                curve = learn(name, seed, *halves, epochs)
                add(out, {"network": name, "seed": seed} | like | {"games": games, "curve": curve}, by_network)
    print(format_table(summary(load(out, **like))))


def record(seed: int, states: int) -> tuple[SampledStates, SampledStates]:
    """Two halves of the games that the teacher plays with sampled actions, on maps that no other seed has."""
    teacher, world = load_agent(TEACHER), {"num_bots": 5, "opponents": "nation"}
    return split(sample_states(sampling_policy(teacher), states, EVERY, 1000 * seed, **world), 0.5, seed)


def learn(name: str, seed: int, learned: SampledStates, others: SampledStates, epochs: int) -> Told:
    """How far a fresh network stays from the teacher on both halves, after each epoch on the first."""
    print(f"teaching {name}, seed {seed}", file=sys.stderr, flush=True)
    teacher, student = load_agent(TEACHER).model, make_model(TrainConfig(**NETWORKS[name], seed=seed))
    wanted, wanted_of_others = policies_and_values(teacher, learned), policies_and_values(teacher, others)
    return [
        (_nats(student, learned, wanted), _nats(student, others, wanted_of_others))
        for _ in imitate(student, learned, wanted, epochs, seed)
    ]


def _nats(student: nn.Module, states: SampledStates, wanted: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return round(kl_divergence(wanted[0], policies_and_values(student, states)[0]).mean().item(), 4)


@dataclass(frozen=True)
class Memorised:
    """Nats between teacher and student, median over seeds with the smallest and the largest."""

    network: str
    seeds: int
    learned: str  # after the last epoch, on the games that were learned
    others: str  # on the others
    gap: str  # the difference: what was memorised
    best_on_others: str  # at the epoch at which to stop


def summary(runs: list[dict[str, Any]]) -> list[Memorised]:
    """One row for each network."""
    curves = {name: np.array([run["curve"] for run in runs if run["network"] == name]) for name in NETWORKS}
    return [_row(name, told) for name, told in curves.items() if len(told)]


def _row(name: str, told: np.ndarray) -> Memorised:
    learned, others = told[:, -1].T
    columns = (learned, others, others - learned, told[:, :, 1].min(axis=1))
    return Memorised(name, len(told), *(spread(column, "{:.3f}") for column in columns))


if __name__ == "__main__":
    sys.exit(run(main))
