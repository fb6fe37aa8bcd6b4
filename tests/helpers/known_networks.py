"""Frames and tiny networks whose right answers are known."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn

from territory.interpret import imagine
from territory.world import WorldParams
from territory.world.layout import Plane, Stat
from territory.world.replay import record

PARAMS = WorldParams(height=64, width=64, num_bots=2, max_steps=12)
CELL = (slice(16, 32), slice(32, 48))  # of a 64 x 64 map: row 1, column 2 of 4 x 4


@cache
def replay(seed=3):
    """A game of random orders."""
    rng = np.random.default_rng(seed)
    return record(lambda obs, mask: rng.choice(np.flatnonzero(mask)), PARAMS, seed)


@cache
def frames(seed=3):
    return tuple(replay(seed).play())


def everywhere(frame):
    """The frame with all land the agent's and every action allowed."""
    return replace(imagine(frame, owner=np.ones(frame.owner.shape, np.uint8)), mask=np.ones(90, bool))


class OneCell(nn.Module):
    """A network that looks at one cell's own land, and prefers action 7 the more the more there is."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(3.0))

    def forward(self, maps, stats):
        land = maps[:, Plane.OWN, CELL[0], CELL[1]].float().mean(dim=(1, 2)) / 255
        logits = torch.nn.functional.one_hot(torch.tensor(7), 90) * (self.gain * (1 + land))[:, None]
        return logits, land


class OneStat(nn.Module):
    """A network that looks at the rank alone."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, maps, stats):
        rank = self.gain * stats[:, Stat.RANK]
        return rank[:, None] * torch.linspace(-1, 1, 90), 2 * rank
