"""``territory interpret``: where an agent's attention is, whether that explains its actions, and what it does."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import tyro

from territory.cli.commands import Flag
from territory.errors import one_of
from territory.world.params import HELD_OUT_SEED

Table = dict[str, dict[str, Any]]


def interpret(
    agent: tyro.conf.Positional[str] = "tokens",
    games: int = 16,
    states: Annotated[int, tyro.conf.arg(aliases=["--moments"])] = 6,
    wins: int = 0,
    num_bots: int = 5,
    opponents: str = "bot",
    baseline: Annotated[str, tyro.conf.arg(aliases=["--background"])] = "unclaimed",
    seed: int = HELD_OUT_SEED,
    as_json: Annotated[Flag, tyro.conf.arg(name="json")] = False,
) -> int:
    """Where an agent's attention is, how faithful it is, and what happens without it; some minutes.

    Args:
        agent: A pretrained agent, a run, or a checkpoint file.
        games: How many of its games on held-out maps, two or more; intervals are over these.
        states: Sampled from each game.
        wins: Also play this many games with each ablation, and count what it wins.
        num_bots: Opponents, 1 to 50.
        opponents: Who they are: bot, nation or mixed.
        baseline: What a removed tile becomes: unclaimed (nobody's land), water, or other_game (another game's tile).
        seed: Of the first map; the next ones follow.
        as_json: Print the tables as JSON: mean, low, high.
    """
    from territory.agent import load_agent

    player = load_agent(agent)
    tables: dict[str, Table] = {}
    for title, table in _tables(player, games, states, wins, (num_bots, opponents, seed), baseline):
        tables[title] = table
        if not as_json:
            print(f"{title}\n{text_table(table)}\n", flush=True)
    if as_json:
        print(json.dumps(tables, indent=1))
    return 0


def _tables(
    player: Any, games: int, states: int, wins: int, world: tuple[int, str, int], baseline: str
) -> Iterator[tuple[str, Table]]:
    from territory.interpret import REGIONS, REMOVAL_BASELINES, Sample, log_loss, relevance_maps, tables
    from territory.world import WorldParams
    from territory.world.replay import record

    removed = REMOVAL_BASELINES[one_of("baseline", baseline, REMOVAL_BASELINES)]
    num_bots, opponents, seed = world
    size = {name: player.config[name] for name in ("height", "width", "max_steps") if name in player.config}
    params, model = WorldParams(num_bots=num_bots, opponents=opponents, **size), player.model
    sample = Sample.of([record(player, params, seed + game) for game in range(games)], states)
    for name, region in REGIONS.items():
        yield f"lift on {name} (1: chance)", tables.lift_table(model, sample, region)
    yield "entropy as a share of its maximum", tables.spread_table(model, sample)
    maps = relevance_maps(model, sample.frames, removed)
    told = f"removed tiles: {baseline}; areas less those of a random order, higher is truer"
    yield (
        f"faithfulness, total variation of the policy ({told})",
        tables.faithfulness_table(model, sample, removed, maps=maps),
    )
    yield (
        f"faithfulness, nats of the preferred action ({told})",
        tables.faithfulness_table(model, sample, removed, log_loss, maps),
    )
    yield "rank correlation with the maps of the network destroyed down to", tables.sanity_table(model, sample)
    yield "what moves with each statistic", tables.sensitivity_table(model, sample)
    yield "ablations", tables.ablation_table(model, sample)
    if wins:
        yield f"games won of {wins}", _won(player, sample, wins, num_bots, opponents, seed)


def _won(player: Any, sample: Any, games: int, num_bots: int, opponents: str, seed: int) -> Table:
    """Win rates with Wilson's intervals: as trained, and with each ablation."""
    from territory.agent import evaluate
    from territory.interpret import Interval, ablations, capture_frames, intervene

    found = {}
    cases = {"as trained": {}} | ablations(capture_frames(player.model, sample.frames[:1]).attention)
    for name, changes in cases.items():
        with intervene(player.model, changes):
            result = evaluate(player, num_bots, opponents, games, seed)
        found[name] = {"win rate": Interval(result.win_rate, *result.interval)}
    return found


def text_table(table: Table) -> str:
    """Rows and columns of intervals as aligned text."""
    from territory.profiling.tables import aligned

    if not table:
        return "(none: the network has no attention over the map)"
    columns = list(next(iter(table.values())))
    rows = [["", *columns], *([name, *map(str, row.values())] for name, row in table.items())]
    return aligned(rows, [False] * len(rows[0]))
