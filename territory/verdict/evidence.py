"""What the checks look at (two networks on trial, agents and games, made when first asked for), and their ledger."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from torch import nn

from territory import models
from territory.agent import Agent, SampledStates, load_agent, sample_states
from territory.data import load_study
from territory.envs.opponents import SteadyPolicy
from territory.errors import BadInput, one_of
from territory.training import TrainConfig
from territory.world.layout import Stat
from territory.world.params import HELD_OUT_SEED

THEMES = ("counts", "sizes", "speed", "invariance", "behaviour", "learning", "migration")
VERDICTS = ("exact", "confirmed", "off", "refuted", "undecided", "not testable here")
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
        self.runs = [run for run in load_study("learning") if run["side"] == 128] if runs is None else runs
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


@dataclass(frozen=True)
class Finding:
    """What a check measured, and what follows from it."""

    verdict: str  # out of VERDICTS
    figure: str  # the measurement in a few words
    numbers: Mapping[str, float] = field(default_factory=dict)  # the same as numbers, by name
    note: str = ""  # why, where the figure doesn't say it

    def __post_init__(self) -> None:
        one_of("verdict", self.verdict, VERDICTS)


@dataclass(frozen=True)
class Claim:
    """One sentence of the design document and the check that decides it."""

    id: str
    theme: str
    section: str  # the document's heading that it stands under
    words: str  # what it says, in our own words
    claimed: str  # its figure, or "" for a sentence without one
    check: Callable[[Evidence], Finding]


def told(claim: Claim, finding: Finding) -> str:
    """A claim and what became of it, in two lines."""
    first = f"{claim.id:<18} {finding.verdict:<18} {shorten(claim.claimed or '-', 30):<30} {finding.figure}"
    return f"{first}\n{'':<18} {claim.words}" + (f" ({finding.note})" if finding.note else "")


_LEDGER: dict[str, Claim] = {}


def claims_of(theme: str) -> Callable[..., Callable]:
    """A decorator for one theme: ``@claim(id, section, words, claimed)`` enters a check into the ledger."""

    def claim(id: str, section: str, words: str, claimed: str = "") -> Callable:
        def enter(check: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
            if id in _LEDGER:
                raise BadInput(f"two claims are called {id!r}")
            _LEDGER[id] = Claim(id, theme, section, words, claimed, check)
            return check

        return enter

    return claim


def claims(theme: str | None = None) -> tuple[Claim, ...]:
    """All claims by theme, or those of one. Raises BadInput for a theme that isn't there."""
    if theme is not None:
        one_of("theme", theme, THEMES)
    chosen = (claim for claim in _LEDGER.values() if theme in (None, claim.theme))
    return tuple(sorted(chosen, key=lambda claim: THEMES.index(claim.theme)))


def judge(theme: str | None = None, evidence: Evidence | None = None) -> Iterator[tuple[Claim, Finding]]:
    """Run the checks one by one; ``evidence`` holds the networks on trial, by default the document's two."""
    evidence = evidence or Evidence()
    return ((claim, claim.check(evidence)) for claim in claims(theme))
