"""The capstone's leaderboard: ``python -m studies.capstone [--seconds 45] [--seeds 3]``.

Every reference network trains in the small world for the same seconds of one processor, then plays held-out maps. The
small vision transformer is the one that notebook 07 begins with, read from its cell.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studies.command import run
from studies.datafile import DATA, add, by_network, load
from studies.learning import HYPERPARAMETERS
from territory import models, profiling
from territory.agent import Agent, evaluate
from territory.course.exercises import read_cells
from territory.envs.opponents import RandomPolicy
from territory.models.blocks import initialise, make_actor, make_critic, mlp
from territory.training import PPO, TrainConfig
from territory.world.params import HELD_OUT_SEED

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "07_your_network.ipynb"
WORLD: dict[str, Any] = {"height": 64, "width": 64, "num_bots": 8}
GAMES = 32  # of the test
ENOUGH = 1_000_000  # steps; the seconds end a run before


class CoarseFlatten(nn.Module):
    """Two coarse convolutions and a flatten of 4 x 4 cells: positions kept, no attention; 200,939 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.map_branch = nn.Sequential(
            nn.Conv2d(5, 16, kernel_size=8, stride=8),  # (B, 16, 8, 8)
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=2, stride=2),  # (B, 32, 4, 4)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 128),
            nn.ReLU(),
        )
        self.global_branch = nn.Sequential(*mlp(16, 64), nn.ReLU())
        self.fusion = nn.Linear(128 + 64, 256)
        self.actor, self.critic = make_actor(), make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([self.map_branch(obs_map.float()), self.global_branch(obs_global)], dim=1)
        fused = torch.relu(self.fusion(joined))
        return self.actor(fused), self.critic(fused).squeeze(1)


class StatisticsOnly(nn.Module):
    """The sixteen statistics and nothing of the map: what can be learned without seeing."""

    def __init__(self) -> None:
        super().__init__()
        self.global_branch = nn.Sequential(*mlp(16, 256), nn.ReLU())
        self.actor, self.critic = make_actor(), make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        fused = self.global_branch(obs_global)
        return self.actor(fused), self.critic(fused).squeeze(1)


def starter() -> nn.Module:
    """The network of notebook 07's first exercise."""
    cells = {cell.id: cell.source for cell in read_cells(NOTEBOOK)}
    names: dict[str, Any] = {}
    exec("\n".join(cells[name] for name in ("c-imports", "c-block", "c-starter")), names)
    return names["SmallViT"]()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "tokens": lambda: models.build("tokens"),
    "small vit": starter,
    "coarse flatten": CoarseFlatten,
    "statistics only": StatisticsOnly,
}


def main(seconds: int = 45, seeds: int = 3, out: Path = DATA / "capstone.json") -> None:
    """Train what is missing in the data file, then print a row for each run.

    Args:
        seconds: Of processor time for each run, on one thread.
        seeds: How many, from 0.
        out: The data file.
    """
    torch.set_num_threads(1)
    evaluate(RandomPolicy(), games=1, **WORLD)  # compiles the game before a clock runs
    for seed in range(seeds):
        for name in NETWORKS:
            if not load(out, network=name, seed=seed, seconds=seconds):
                print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
                add(out, trained(name, seed, seconds), by_network)
    for row in load(out, seconds=seconds):
        print(f"{row['network']:16} seed {row['seed']}: {row['steps']:>7,} steps, won {row['held_out']:.0%} held out")


def trained(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """One run: what the network is, how far it came, and what it wins."""
    torch.manual_seed(seed)
    model = NETWORKS[name]()
    config = TrainConfig("tokens", **HYPERPARAMETERS, **WORLD, seed=seed, total_timesteps=ENOUGH)
    ppo, curve, start = PPO(config, model=model), [], time.process_time()
    for update in ppo.updates():
        spent = time.process_time() - start
        curve.append((update.step, round(spent, 1), None if math.isnan(update.win_rate) else round(update.win_rate, 3)))
        if spent >= seconds:
            break
    inputs = profiling.example_inputs(1, height=64, width=64)
    told = {"network": name, "seed": seed, "seconds": seconds, "steps": ppo.step}
    told["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    told["macs"] = sum(record.macs for record in profiling.macs_table(model, inputs))
    won = evaluate(Agent(ppo.model), games=GAMES, seed=HELD_OUT_SEED, **WORLD).win_rate
    return told | {"held_out": won, "curve": curve}


if __name__ == "__main__":
    sys.exit(run(main))
