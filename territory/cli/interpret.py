"""``territory interpret``: what an agent's attention is on, whether that is true, and what it is good for."""

import json
from typing import Annotated, Any

import tyro

from territory.training.config import HELD_OUT_SEED

Flag = tyro.conf.FlagCreatePairsOff[bool]  # --json without a --no-json


def interpret(
    agent: tyro.conf.Positional[str] = "tokens",
    games: int = 16,
    moments: int = 6,
    wins: int = 0,
    num_bots: int = 5,
    opponents: str = "bot",
    background: str = "vacated",
    seed: int = HELD_OUT_SEED,
    as_json: Annotated[Flag, tyro.conf.arg(name="json")] = False,
) -> int:
    """Where an agent's attention lies, how faithful it is, and what happens without it; some minutes.

    Args:
        agent: A shipped agent, a run, or a checkpoint file.
        games: How many of its games on held-out maps, two or more; intervals are over these.
        moments: Frames of each.
        wins: Also play this many games with each knock-out, and count what it wins.
        num_bots: Opponents, 1 to 50.
        opponents: Who they are: bot, nation or mixed.
        background: What a removed tile becomes: vacated (nobody's), flooded (water) or elsewhere (another game's).
        seed: Of the first map; the next ones follow.
        as_json: Print the tables as JSON: mean, low, high.
    """
    from territory.training import load_agent

    player = load_agent(agent)
    tables: dict[str, Any] = {}
    for title, table in _tables(player, games, moments, wins, (num_bots, opponents, seed), background):
        tables[title] = table
        if not as_json:
            print(f"{title}\n{text_table(table)}\n", flush=True)
    if as_json:
        print(json.dumps(tables, indent=1))
    return 0


def _tables(player, games: int, moments: int, wins: int, world: tuple[int, str, int], background: str):
    from territory.errors import BadInput
    from territory.interpret import BACKGROUNDS, PLACES, Sample, log_loss, relevance_maps, tables
    from territory.world import WorldParams
    from territory.world.replay import record

    if background not in BACKGROUNDS:
        raise BadInput(f"expected a background out of {', '.join(BACKGROUNDS)}; came {background!r}")
    num_bots, opponents, seed = world
    size = {name: player.config[name] for name in ("height", "width", "max_steps") if name in player.config}
    params, model = WorldParams(num_bots=num_bots, opponents=opponents, **size), player.model
    sample = Sample.of([record(player, params, seed + game) for game in range(games)], moments)
    for name, place in PLACES.items():
        yield f"lift on {name} (1: chance)", tables.lift_table(model, sample, place)
    yield "entropy over the largest there could be", tables.spread_table(model, sample)
    removed = BACKGROUNDS[background]
    maps = relevance_maps(model, sample.frames, removed)
    told = f"tiles removed: {background}; areas less those of a random order, higher is truer"
    yield (
        f"faithfulness, share of the policy that moves ({told})",
        tables.faithfulness_table(model, sample, removed, maps=maps),
    )
    yield (
        f"faithfulness, nats of the preferred action ({told})",
        tables.faithfulness_table(model, sample, removed, log_loss, maps),
    )
    yield "rank correlation with the maps of the network destroyed down to", tables.sanity_table(model, sample)
    yield "what moves with each statistic", tables.sensitivity_table(model, sample)
    yield "knocked out", tables.knock_out_table(model, sample)
    if wins:
        yield f"games won of {wins}", _won(player, sample, wins, num_bots, opponents, seed)


def _won(player, sample, games: int, num_bots: int, opponents: str, seed: int) -> dict:
    """Win rates with Wilson's intervals: as trained, and with each knock-out."""
    from territory.interpret import Interval, capture_frames, intervene, knock_outs
    from territory.training import evaluate

    found = {}
    rivals = {"as trained": {}} | knock_outs(capture_frames(player.model, sample.frames[:1]).attention)
    for name, changes in rivals.items():
        with intervene(player.model, changes):
            result = evaluate(player, num_bots, opponents, games, seed)
        found[name] = {"win rate": Interval(result.win_rate, *result.interval)}
    return found


def text_table(table: dict[str, dict[str, Any]]) -> str:
    """Rows and columns of intervals as aligned text."""
    if not table:
        return "(none: the network has no attention over the map)"
    columns = list(next(iter(table.values())))
    rows = [["", *columns], *([name, *map(str, row.values())] for name, row in table.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
