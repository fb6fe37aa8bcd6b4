"""Who beats whom: duels of everyone against everyone on maps that training never saw.

A pair plays every map twice, with seats swapped, so a map that favours one start favours both once. Who conquers the
other wins; where time runs out, whoever holds more land; equal land counts half. The interval takes a map, not a game,
as one trial: the two games of a map are no independent ones.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import combinations
from typing import Any

import numpy as np

from territory.agent.evaluation import wilson
from territory.envs.opponents import Policy, as_policy, drive, find_policy
from territory.errors import BadInput
from territory.world.actions import SCRIPTED
from territory.world.params import HELD_OUT_SEED, WorldParams
from territory.world.world import World

NO_CITIES = "nation-no-cities"
SCRIPTS = {"bot": "bot", "nation": "nation", NO_CITIES: "nation"}  # contestants that the engine plays, and their kind
AT_ONCE = 64  # games side by side


@dataclass(frozen=True)
class Contestant:
    """Someone who can take any seat."""

    name: str
    kind: str = "human"
    policy: Policy | None = None  # None: the engine's script of its kind
    may_build: bool = True  # otherwise its gold is taken away before every step


@dataclass(frozen=True)
class Ending:
    """How N games ended."""

    tiles: np.ndarray  # int (N, P+1)
    conquered: np.ndarray  # bool (N,): before time was up
    steps: np.ndarray  # int (N,)


@dataclass(frozen=True)
class Duel:
    """Two contestants on some maps, each map played twice; scores from 0 to 1 are the first one's."""

    first: str
    second: str
    scores: tuple[float, ...]  # by map: the mean of its two games
    conquered: float  # share of games over before time was up
    steps: float  # mean length

    @property
    def score(self) -> float:
        """The first one's share of games."""
        return float(np.mean(self.scores))

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the score, a map being one trial."""
        return wilson(sum(self.scores), len(self.scores))

    def turned(self) -> "Duel":
        """The same from the other side."""
        return Duel(self.second, self.first, tuple(1 - each for each in self.scores), self.conquered, self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Duel":
        """What `as_dict` made; further keys are ignored."""
        own: dict[str, Any] = {field.name: values[field.name] for field in fields(cls)}
        own["scores"] = tuple(own["scores"])
        return cls(**own)


def find_contestant(name: str) -> Contestant:
    """ "bot", "nation", "nation-no-cities" (may not build), or anyone that `find_policy` knows."""
    if name in SCRIPTS:
        return Contestant(name, SCRIPTS[name], may_build=name != NO_CITIES)
    try:
        return Contestant(name, policy=as_policy(find_policy(name)))
    except BadInput as error:
        raise BadInput(f"a league has {', '.join(SCRIPTS)}, random, idle, steady and agents, but {error}") from error


def play_out(
    contestants: list[Contestant], seeds: np.ndarray, params: WorldParams, terrain: np.ndarray | None = None
) -> Ending:
    """Play one game on the map of each seed, with the contestants in seats 1, 2, … of all of them."""
    parts = [
        _play_out(contestants, seeds[first : first + AT_ONCE], params, terrain)
        for first in range(0, len(seeds), AT_ONCE)
    ]
    return Ending(*(np.concatenate([getattr(part, name) for part in parts]) for name in Ending.__dataclass_fields__))


def _play_out(contestants, seeds, params, terrain) -> Ending:
    world = World(len(seeds), params, terrain, [each.kind for each in contestants])
    seats = range(1, params.num_players + 1)
    world.reset(seeds)
    tiles, conquered = np.zeros_like(world.state.tiles), np.zeros(len(seeds), bool)
    steps, running = np.zeros(len(seeds), np.int64), np.ones(len(seeds), bool)
    while running.any():
        step(world, contestants, running)
        won = np.any([world.has_won(seat) for seat in seats], axis=0)
        ended = running & (won | (world.state.step >= params.max_steps))
        tiles[ended], steps[ended], conquered[ended] = world.state.tiles[ended], world.state.step[ended], won[ended]
        running &= ~ended
    return Ending(tiles, conquered, steps)


def step(world: World, contestants: list[Contestant], running: np.ndarray) -> None:
    """One step of every game in which bool (N,) ``running`` is true."""
    orders = np.full((world.num_envs, world.params.num_players + 1), SCRIPTED)
    for seat, each in enumerate(contestants, start=1):
        if each.policy is not None:
            drive(world, each.policy, [seat], orders, running)
        if not each.may_build:
            world.state.gold[:, seat] = 0
    world.step(orders)


def duel(first: str, second: str, maps: int, seed: int, params: WorldParams) -> Duel:
    """Two contestants on the maps of `seed`, `seed` + 1, …; both are found anew, so their random numbers start anew."""
    pair, seeds = [find_contestant(first), find_contestant(second)], seed + np.arange(maps)
    endings = [play_out(seats, seeds, params) for seats in (pair, pair[::-1])]
    scores = [points(ending.tiles[:, mine], ending.tiles[:, 3 - mine]) for mine, ending in enumerate(endings, start=1)]
    return Duel(
        first,
        second,
        tuple(np.mean(scores, axis=0).tolist()),
        float(np.mean([ending.conquered for ending in endings])),
        float(np.mean([ending.steps for ending in endings])),
    )


def try_out(name: str, seed: int, params: WorldParams) -> None:
    """One step of a game against a bot, so that whoever can't play on such maps says so.

    Raises:
        BadInput: there is none of that name, or its network takes maps of another size.
    """
    play_out([find_contestant(name), find_contestant("bot")], np.array([seed]), replace(params, max_steps=1))


def points(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 for more land than the other, 0.5 for as much, 0 for less."""
    return (1 + np.sign(own.astype(np.int64) - other)) / 2


@dataclass(frozen=True)
class League:
    """Everyone against everyone."""

    names: tuple[str, ...]  # the best first, by mean score over all others
    duels: dict[tuple[str, str], Duel]  # both ways round
    maps: int
    seed: int

    def mean_score(self, name: str) -> float:
        """Over all others."""
        return _mean_score(name, self.duels)

    def upsets(self) -> list[Duel]:
        """Duels that a lower place won against a higher one."""
        return [each for pair in combinations(self.names, 2) if (each := self.duels[pair]).score < 0.5]


def round_robin(
    names: list[str],
    maps: int,
    params: WorldParams,
    seed: int = HELD_OUT_SEED,
    known: Iterable[Duel] = (),
    tell: Callable[[Duel], None] = lambda duel: None,
) -> League:
    """A duel of every pair but those that are ``known``; ``tell`` is called with each as it ends."""
    if len(set(names)) != len(names) or len(names) < 2 or maps < 1:
        raise BadInput(f"a league takes two or more different names and one or more maps, got {names} and {maps}")
    duels = {pair: each for duel in known for pair, each in _both_ways(duel).items()}
    missing = [pair for pair in combinations(names, 2) if pair not in duels]
    for name in {name for pair in missing for name in pair}:
        try_out(name, seed, params)  # who is misspelt or can't play here is refused before hours are spent
    for first, second in missing:
        played = duel(first, second, maps, seed, params)
        duels |= _both_ways(played)
        tell(played)
    among = {pair: each for pair, each in duels.items() if {*pair} <= {*names}}
    return League(tuple(sorted(names, key=lambda name: -_mean_score(name, among))), among, maps, seed)


def _both_ways(duel: Duel) -> dict[tuple[str, str], Duel]:
    return {(duel.first, duel.second): duel, (duel.second, duel.first): duel.turned()}


def _mean_score(name: str, duels: dict[tuple[str, str], Duel]) -> float:
    return float(np.mean([each.score for (first, _), each in duels.items() if first == name]))
