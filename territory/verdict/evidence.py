"""What the checks look at: the two networks on trial, a trained agent, and games; each made when first asked for."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from territory import models
from territory.agent import Agent, load_agent
from territory.agent.states import SampledStates, sample_states
from territory.data import load_study
from territory.envs.opponents import SteadyPolicy
from territory.training import TrainConfig
from territory.world.layout import Stat
from territory.world.params import HELD_OUT_SEED

Runs = list[dict[str, Any]]


def untrained(name: str, seed: int = 0, **options: object) -> nn.Module:
    """A fresh network in evaluation mode; the caller's random numbers stay where they were."""
    return models.build(name, seed=seed, **options).eval()


class Evidence:
    """The exhibits. ``old`` and ``new`` are by default the document's networks; give others to try them instead.

    ``runs``, ``taught``: trained agents, and networks that were taught one's policy, as the studies of learning (on
    128 x 128 maps) and of memorisation kept them.
    """

    def __init__(
        self,
        old: nn.Module | None = None,
        new: nn.Module | None = None,
        moments: int = 384,
        runs: Runs | None = None,
        taught: Runs | None = None,
    ):
        self.old = old or untrained("baseline")
        self.new = new or untrained("attention")
        self.moments = moments  # of recorded games, for each of the two collections
        learned = [run for run in load_study("learning") if run["side"] == 128] if runs is None else runs
        self.runs: Runs = learned
        self.taught: Runs = load_study("memorisation") if taught is None else taught
        self._kept: dict[str, Any] = {}

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What several checks need, measured for the first of them."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Both, by the words of the tables."""
        return {"old": self.old, "new": self.new}

    @cached_property
    def agent(self) -> Agent:
        """The shipped agent that plays with the new network."""
        return load_agent("attention")

    @cached_property
    def old_agent(self) -> Agent:
        """The pretrained agent that plays with the old network."""
        return load_agent("baseline")

    @cached_property
    def steady(self) -> SampledStates:
        """Moments of a scripted player's games on 128 x 128 maps, which both networks take."""
        return sample_states(SteadyPolicy(), self.moments, every=12, seed=5000, num_bots=1)

    @cached_property
    def played(self) -> SampledStates:
        """States of the agent's own games on held-out maps, from their beginnings to their ends."""
        world = TrainConfig.from_dict(self.agent.config).world() | {"num_bots": 5}
        return sample_states(self.agent, self.moments, every=8, seed=HELD_OUT_SEED, **world)

    @cached_property
    def surrounded(self) -> SampledStates:
        """Up to 128 of them in which enemies are on most of its border, spread over the games."""
        found = np.flatnonzero(self.played.stats[:, Stat.BORDER_ENEMY_SHARE] > 0.5)
        return self.played.where(found[:: 1 + len(found) // 128])

    def boards(self, count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps uint8 (count, 5, 128, 128) and statistics float32 (count, 16), spread over the scripted games."""
        chosen = np.linspace(0, len(self.steady) - 1, count).astype(int)
        return torch.from_numpy(self.steady.maps[chosen]), torch.from_numpy(self.steady.stats[chosen])
