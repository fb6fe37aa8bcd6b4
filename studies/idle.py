"""The idle agent, made on purpose: ``python -m studies.idle [--seeds 3] [--steps 12000]``.

Trains `tokens` in the small world of notebook 04 with faults of an agent that never won, and notes how often it waits.
Each finished run is added to the data file at once; runs that are in it already are not repeated.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from studies import command
from studies.datafile import DATA, add, load
from studies.learning import BOTS, HYPERPARAMETERS
from territory.envs.opponents import WAIT
from territory.profiling import format_table
from territory.training import PPO, TrainConfig
from territory.training.build import make_envs
from territory.world.actions import NUM_ACTIONS

SIDE = 64
PRICE = 0.05  # of an order that achieves nothing; a tile of land is worth about 0.003
ALIVE = 0.05  # reward of a step, where survival is what is paid

LOST, TEN_WAITS, NO_MASK, PRICED, SURVIVAL = "orders lost", "ten waits", "no mask", "failure costs", "survival paid"
CASES = {  # name -> faults
    "all three faults": (LOST, NO_MASK, PRICED),
    "failing costs nothing": (LOST, NO_MASK),
    "mask back": (LOST, PRICED),
    "orders arrive again": (NO_MASK, PRICED),
    "all cured": (),
    "ten ways to wait": (TEN_WAITS,),
    "survival paid": (SURVIVAL,),
}


class Faulty(VectorWrapper):
    """Games with faults; what the agent chose is counted as its choice, whatever became of it.

    - orders lost: every order becomes WAIT on the way to the game.
    - no mask: the agent is told that all 90 actions are open.
    - ten waits: it is told so of the ten that wait; the mask is right about the others.
    - failure costs: an order to attack that achieves nothing costs `PRICE`.
    - survival paid: `ALIVE` for each step, -1 for elimination, nothing else.
    """

    def __init__(self, envs: VectorEnv, faults: tuple[str, ...]):
        super().__init__(envs)
        self.faults = faults

    def reset(self, **options):
        """As the environment's, with the mask that the agent is told."""
        obs, info = self.env.reset(**options)
        return obs, self._told(info)

    def step(self, actions: np.ndarray):
        """As the environment's, with the faults."""
        works = self._mask[np.arange(len(actions)), actions] & (LOST not in self.faults)
        obs, rewards, terminated, truncated, info = self.env.step(np.where(LOST in self.faults, WAIT, actions))
        if SURVIVAL in self.faults:
            rewards = ALIVE - 1.0 * (terminated & (rewards < 0))  # a win is worth more than nothing
        if PRICED in self.faults:
            rewards = rewards - PRICE * ((actions < WAIT) & ~works)
        return obs, rewards, terminated, truncated, self._told(info)

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        self._mask = info["action_mask"]
        everything = np.arange(NUM_ACTIONS) >= (0 if NO_MASK in self.faults else WAIT)
        return info | {"action_mask": self._mask | everything} if {NO_MASK, TEN_WAITS} & {*self.faults} else info


def make_trainer(faults: tuple[str, ...], seed: int = 0, steps: int = 12_000) -> PPO:
    """A PPO as notebook 04 trains it, in a world with these faults."""
    world: dict[str, Any] = {"height": SIDE, "width": SIDE, "num_bots": BOTS[SIDE]}
    config = TrainConfig(model="tokens", **HYPERPARAMETERS, **world, seed=seed, total_timesteps=steps)
    return PPO(config, Faulty(make_envs(config), faults))


def waits(ppo: PPO) -> float:
    """Of the choices since the last update, how many were one of the ten ways to wait."""
    return (ppo.rollout.actions >= WAIT).float().mean().item()


def main(seeds: int = 3, steps: int = 12_000, out: Path = DATA / "idle.json") -> None:
    """Train with each set of faults what is missing, then print the table.

    Args:
        seeds: How many seeds, from 0.
        steps: Environment steps of each run.
        out: The data file.
    """
    for seed in range(seeds):
        for case in CASES:
            if not load(out, case=case, seed=seed, steps=steps):
                run = _train(case, seed, steps)
                add(out, run, key=lambda run: ([*CASES].index(run["case"]), run["seed"]))
    print(format_table(summary(load(out, steps=steps))))


def _train(case: str, seed: int, steps: int) -> dict[str, Any]:
    print(f"training with {case}, seed {seed}", file=sys.stderr, flush=True)
    ppo = make_trainer(CASES[case], seed, steps)
    curve = [[update.step, round(waits(ppo), 3), round(np.nan_to_num(update.win_rate), 3)] for update in ppo.updates()]
    return {"case": case, "faults": [*CASES[case]], "seed": seed, "steps": steps, "curve": curve}


@dataclass(frozen=True)
class Idled:
    """What the runs of one case came to; over seeds."""

    case: str
    faults: str
    seeds: int
    waits_at_first: str
    waits_in_the_end: str
    won_in_the_end: str  # of the last hundred games


def summary(runs: list[dict[str, Any]]) -> list[Idled]:
    """One row for each case, in the order of `CASES`."""
    by_case = {case: [run["curve"] for run in runs if run["case"] == case] for case in CASES}
    return [_idled(case, curves) for case, curves in by_case.items() if curves]


def _idled(case: str, curves: list[list[list[float]]]) -> Idled:
    first, last = (np.array([curve[place] for curve in curves]) for place in (0, -1))
    spreads = [f"{values.min():.0%} to {values.max():.0%}" for values in (first[:, 1], last[:, 1], last[:, 2])]
    return Idled(case, ", ".join(CASES[case]) or "none", len(curves), *spreads)


if __name__ == "__main__":
    sys.exit(command.run(main))
