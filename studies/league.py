"""Who beats whom: ``python -m studies.league [NAME ...] [--games 64]``."""

import sys
from itertools import pairwise
from pathlib import Path

import tyro

from studies.command import run
from studies.datafile import DATA, add, load
from studies.duels import SCRIPTS, Duel, League, round_robin, try_out
from studies.ratings import MEAN, Rating, furthest, rate
from territory.agent.agent import pretrained
from territory.envs.opponents import SCRIPTED
from territory.errors import BadInput
from territory.world.params import HELD_OUT_SEED, WorldParams


def league(
    names: tyro.conf.Positional[tuple[str, ...]] = (),
    games: int = 64,
    side: int = 128,
    max_steps: int = 500,
    seed: int = HELD_OUT_SEED,
    out: Path = DATA / "league.json",
) -> None:
    """Duels of everyone against everyone on held-out maps, each map played twice with seats swapped.

    Duels that are in the data file already are not played again.

    Args:
        names: Who plays: bot, nation, nation-no-cities, random, idle, steady, or an agent's name or file. By default
            these and every pretrained agent that takes maps of that size.
        games: Games of each pair, an even number.
        side: Rows and columns of the maps, a multiple of 32.
        max_steps: Steps until whoever holds more land wins.
        seed: Of the first map; the next ones follow.
        out: The data file.
    """
    if games < 2 or games % 2:
        raise BadInput(f"games must be an even number, since each map is played twice; got {games}")
    params = WorldParams(height=side, width=side, num_bots=1, max_steps=max_steps)
    settings = {"games": games, "side": side, "max_steps": max_steps, "seed": seed}

    def keep(duel: Duel) -> None:
        print(f"{duel.first} against {duel.second}: {duel.score:.0%}", file=sys.stderr, flush=True)
        add(out, settings | duel.as_dict(), lambda run: (run["side"], run["games"], run["first"], run["second"]))

    known = map(Duel.from_dict, load(out, **settings))
    result = round_robin(list(names) or _everyone(seed, params), games // 2, params, seed, known, keep)
    ratings = rate(result)
    print(table(result, ratings), explain(result), doubt(result, ratings), sep="\n")


def _everyone(seed: int, params: WorldParams) -> list[str]:
    """All scripts, and the pretrained agents that can play on such maps; says who can't."""
    agents = []
    for name in pretrained():
        try:
            try_out(name, seed, params)
            agents.append(name)
        except BadInput as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return [*SCRIPTS, *agents, *SCRIPTED]


def table(league: League, ratings: tuple[Rating, ...]) -> str:
    """Each row's score against each column, in percent; columns are numbered as the rows are."""
    names = [f"{place} {name}" for place, name in enumerate(league.names, start=1)]
    first = max(map(len, names))
    lines = [" " * first + "".join(f"{place:>5}" for place in range(1, len(names) + 1)) + "    mean           rating"]
    for shown, name, rating in zip(names, league.names, ratings, strict=True):
        cells = ["–" if other == name else f"{100 * league.duels[name, other].score:.0f}" for other in league.names]
        mean = f"{100 * league.mean_score(name):.0f}"
        points = f"{rating.points:.0f} {rating.low:.0f}–{rating.high:.0f}"
        lines.append(shown.ljust(first) + "".join(f"{text:>5}" for text in cells) + f"{mean:>8}{points:>17}")
    return "\n".join(lines)


def cell(duel: Duel) -> str:
    """A score and its interval, in percent."""
    low, high = duel.interval
    return f"{100 * duel.score:.0f} {100 * low:.0f}–{100 * high:.0f}"


def explain(league: League) -> str:
    """How to read the table, and whether the ranking holds."""
    duels = list(league.duels.values())
    conquered = sum(duel.conquered for duel in duels) / len(duels)
    steps = [f"{better} > {worse} {cell(league.duels[better, worse])}" for better, worse in pairwise(league.names)]
    upsets = [f"{duel.second} > {duel.first} {cell(duel.turned())}" for duel in league.upsets()]
    return "\n".join(
        (
            f"Row against column: % of games won; {league.maps} maps from seed {league.seed:,}, each "
            "played twice with seats swapped.",
            f"{conquered:.0%} of the games ended by conquest; in the others the larger land won (equal land: half).",
            f"Place by place, with 95 % intervals: {', '.join(steps)}.",
            f"Against the order: {', '.join(upsets) or 'nobody'}.",
        )
    )


def doubt(league: League, ratings: tuple[Rating, ...]) -> str:
    """What a rating means, and the duel that it explains worst."""
    duel, said = furthest(league, ratings)
    return (
        f"Rating: Bradley-Terry, Elo's scale (400 points more: ten wins of eleven), mean {MEAN:.0f}, 95 % over maps; "
        "each pair begins with a drawn map.\n"
        f"Furthest from it: {duel.first} > {duel.second} {cell(duel)}, where the ratings say {100 * said:.0f}."
    )


if __name__ == "__main__":
    sys.exit(run(league))
