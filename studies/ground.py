"""Do cities matter? Does terrain? ``python -m studies.ground``: the same strong script with and without, counted."""

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from studies.command import run
from studies.datafile import DATA, save
from studies.duels import NO_CITIES, duel, find_contestant, play_out, points
from territory.agent.evaluation import wilson
from territory.world.params import HELD_OUT_SEED, WorldParams
from territory.world.rules import TERRAINS
from territory.world.world import World

PLAINS, MOUNTAIN = TERRAINS.index("plains"), TERRAINS.index("mountain")
CROWD = 6  # nations in the free-for-all
EARLY = 10  # steps of undisturbed expansion: two nations on a map of 128x128 don't meet yet


@dataclass(frozen=True)
class Finding:
    """A share of games, or another number, in words."""

    what: str
    value: float
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    trials: int = 0

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.what}: {self.value:.0f}"
        return f"{self.what}: {self.value:.1%} of {self.trials} maps ({self.low:.1%} to {self.high:.1%})"


def cities(maps: int, seed: int, params: WorldParams) -> list[Finding]:
    """A nation against one that may not build; and three against three, each for itself, chance being one half."""
    alone = duel("nation", NO_CITIES, maps, seed, params)
    seats = [find_contestant(name) for name in ("nation", NO_CITIES)] * (CROWD // 2)
    tiles = play_out(seats, seed + np.arange(maps), replace(params, num_bots=CROWD - 1)).tiles
    firsts = tiles[:, 1::2].max(axis=1) > tiles[:, 2::2].max(axis=1)
    return [
        _share("duels of a nation against one that may not build, won", alone.scores),
        _share(f"games of {CROWD} nations, every other one may not build, won by one that may", firsts),
    ]


def terrain(maps: int, seed: int, params: WorldParams) -> list[Finding]:
    """How far a nation spreads on each terrain; and who wins where one starts on plains, the other on mountains."""
    found = []
    for level, name in enumerate(TERRAINS[PLAINS:], start=PLAINS):
        land = np.full((params.height, params.width), level, np.uint8)
        tiles = play_out([find_contestant("nation")] * 2, seed + np.arange(maps), _short(params), land).tiles
        found.append(Finding(f"tiles of a nation after {EARLY} steps, on {name} alone", float(tiles[:, 1:].mean())))
    land = np.full((params.height, params.width), PLAINS, np.uint8)
    land[:, params.width // 2 :] = MOUNTAIN
    seeds, west = one_in_each_half(maps, seed, params, land)
    tiles = play_out([find_contestant("nation")] * 2, seeds, params, land).tiles[:, 1:]
    scores = points(tiles[np.arange(maps), west], tiles[np.arange(maps), 1 - west])
    return [*found, _share("duels of a nation on plains against one on mountains, won", scores)]


def _share(what: str, scores) -> Finding:
    return Finding(what, float(np.mean(scores)), *wilson(float(np.sum(scores)), len(scores)), len(scores))


def _short(params: WorldParams) -> WorldParams:
    return replace(params, max_steps=EARLY)


def one_in_each_half(maps: int, seed: int, params: WorldParams, land: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first seeds whose two players start in different halves; and which of them, 0 or 1, starts in the west."""
    world = World(maps, params, land, ["nation"] * 2)
    seeds, western = np.zeros(0, np.int64), np.zeros(0, np.int64)
    while len(seeds) < maps:
        drawn = seed + np.arange(maps)
        world.reset(drawn)
        seed += maps
        west = world.map_of("owner")[:, :, : params.width // 2]
        share = np.stack(
            [(west == player).sum(axis=(1, 2)) / world.state.tiles[:, player] for player in (1, 2)], axis=1
        )
        apart = (share.max(axis=1) == 1) & (share.min(axis=1) == 0)
        seeds, western = np.append(seeds, drawn[apart]), np.append(western, share.argmax(axis=1)[apart])
    return seeds[:maps], western[:maps]


def ground(maps: int = 64, side: int = 128, seed: int = HELD_OUT_SEED, out: Path = DATA / "ground.json") -> None:
    """Count what cities and terrain do for a nation, on held-out maps.

    Args:
        maps: How many, for each question.
        side: Rows and columns of the maps, a multiple of 32.
        seed: Of the first map; the next ones follow.
        out: The data file.
    """
    params = WorldParams(height=side, width=side, num_bots=1)
    findings = [*cities(maps, seed, params), *terrain(maps, seed, params)]
    save(out, [{"side": side, "seed": seed} | asdict(finding) for finding in findings])
    print(*findings, sep="\n")


if __name__ == "__main__":
    sys.exit(run(ground))
