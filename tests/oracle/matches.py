"""Whole matches of bots and one idle human beside those of the real engine: ``python -m tests.oracle.matches``.

Of each kind of match the real engine played one or two, and here many are played, so the question is whether a real
one could be one of ours. Sides are the nearest multiple of 32 (96 for 100, 192 for 200), and what the real game's
"mixed" ground is made of was not written down: here it is the usual share of highland and mountains.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from territory.world import World, WorldParams
from territory.world.actions import Direction, encode
from territory.world.rules import PLAINS

FILE = Path(__file__).parents[1] / "data" / "openfront-reference.json"
GAMES = 16
MOMENTS = (250, 500, 1000, 2000, 3000, 4000, 4750)  # ticks in the printed table
COLLAPSE = 100  # tiles: the real game's


@dataclass(frozen=True)
class Course:
    """How G games went, at R moments."""

    ticks: np.ndarray  # int (R,)
    alive: np.ndarray  # int (R, G) players
    claimed: np.ndarray  # float (R, G) share of the land
    leader: np.ndarray  # float (R, G) its share of the land

    def at(self, tick: int) -> "Course":
        """One moment of it."""
        return Course(*(getattr(self, name)[self.ticks == tick] for name in Course.__dataclass_fields__))


def kinds() -> dict[tuple[str, int], list[dict]]:
    """The real matches by map and number of bots."""
    found: dict[tuple[str, int], list[dict]] = {}
    for match in json.loads(FILE.read_text())["bot_matches"]:
        found.setdefault((match["map"], match["bots"]), []).append(match)
    return found


def real_course(matches: list[dict]) -> Course:
    """What the real engine wrote down, without the start."""
    rows = np.array([match["rows"][1:] for match in matches])
    alive, claimed, leader = np.moveaxis(rows, 2, 0)[1:4]
    return Course(rows[0, :, 0].astype(int), alive.T.astype(int), claimed.T, leader.T)


def our_course(match: dict, games: int = GAMES) -> Course:
    """As many games of the same kind here."""
    side = 32 * round(int(match["map"].split("x")[0]) / 32)
    spacing, bots = match["spawn_min_manhattan"], match["bots"]
    params = WorldParams(side, side, bots, water_share=0.0, spawn_spacing=spacing, collapse_tiles=COLLAPSE)
    world = World(games, params, np.full((side, side), PLAINS) if match["map"].endswith("plains") else None)
    world.reset(np.arange(games))
    ticks, moments = [row[0] for row in match["rows"][1:]], []
    for tick in range(params.ticks_per_step, ticks[-1] + 1, params.ticks_per_step):
        world.step(np.full(games, encode(Direction.WAIT)))
        if tick in ticks:
            shares = world.state.tiles / world.state.land[:, None]
            moments.append((world.state.alive.sum(axis=1), 1 - shares[:, 0], shares[:, 1:].max(axis=1)))
    return Course(np.array(ticks), *(np.array(each) for each in zip(*moments, strict=True)))


def within(real: Course, ours: Course) -> dict[str, float]:
    """The share of moments and matches in which the real figure lies in the range of our games."""
    return {
        name: float(
            np.mean(
                (getattr(real, name) >= getattr(ours, name).min(axis=1, keepdims=True))
                & (getattr(real, name) <= getattr(ours, name).max(axis=1, keepdims=True))
            )
        )
        for name in ("alive", "leader")
    }


def table(real: Course, ours: Course) -> str:
    """A line for each moment: real, and ours in the mean with the range."""
    heads = ("alive, real", "ours", "leader, real", "ours", "claimed, real and ours")
    lines = ["  tick  {:>12}  {:>16}  {:>14}  {:>18}  {}".format(*heads)]
    for tick in MOMENTS:
        there, here = real.at(tick), ours.at(tick)
        lines.append(
            f"{tick:6}  {_list(there.alive, '{}'):>12}  {_range(here.alive, '{:.0f}'):>16}  "
            f"{_list(there.leader, '{:.0%}'):>14}  {_range(here.leader, '{:.0%}'):>18}  "
            f"{_list(there.claimed, '{:.1%}')} and {here.claimed.mean():.1%}"
        )
    return "\n".join(lines)


def _list(values: np.ndarray, form: str) -> str:
    return ", ".join(form.format(value) for value in values[0])


def _range(values: np.ndarray, form: str) -> str:
    return f"{form} ({form}–{form})".format(values.mean(), values.min(), values.max())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.matches", description=__doc__)
    parser.add_argument("--games", type=int, default=GAMES, help="of each kind")
    games = parser.parse_args().games
    for (ground, bots), matches in kinds().items():
        real, ours = real_course(matches), our_course(matches[0], games)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in within(real, ours).items())
        print(f"{ground}, {bots} bots, {len(matches)} real and {games} of ours\n{table(real, ours)}")
        print(f"real figures within the range of ours: {shares}\n")


if __name__ == "__main__":
    main()
