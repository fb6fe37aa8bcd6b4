"""The commands that ask one question of the library: ``territory evaluate | export | grade | interpret | verdict``.

torch and Numba are imported inside them, so that help and mistakes in flags answer at once.
"""

import csv as tables
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from territory.errors import BadInput, one_of, real, whole
from territory.files import check_writable
from territory.world.params import HELD_OUT_SEED

Flag = tyro.conf.FlagCreatePairsOff[bool]  # --json without a --no-json
Table = dict[str, dict[str, Any]]
MOST = 1_000_000.0  # seconds or gigabytes for a submission
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet's formula begins with
HEADER = f"{'claim':<18} {'verdict':<18} {'claimed':<30} measured"


def check_used(command: Callable[..., int], given: dict[str, Any], reason: str) -> None:
    """Refuse flags that would change nothing, and say why: those that aren't what the command takes by default."""
    for name, value in given.items():
        if value != signature(command).parameters[name].default:
            raise BadInput(f"--{name.replace('_', '-')} would change nothing here: {reason}")


def evaluate(
    agent: tyro.conf.Positional[str],
    num_bots: int = 5,
    opponents: str = "bot",
    games: int = 64,
    seed: int = HELD_OUT_SEED,
    height: int | None = None,
    width: int | None = None,
    max_steps: int | None = None,
    attack_threshold: float | None = None,
    views: Literal[1, 8] | None = None,
    as_json: Annotated[Flag, tyro.conf.arg(name="json")] = False,
    export: str | None = None,
    bits: Literal[32, 16, 8] = 32,
) -> int:
    """Win rate and more of an agent, on maps that training never saw.

    Args:
        agent: A pretrained agent, a run, a checkpoint file, or the scripted "random", "idle" and "steady".
        num_bots: Opponents, 1 to 50.
        opponents: Who they are: bot, nation, mixed, or an agent named as above.
        games: How many to play.
        seed: Of the first map; the next ones follow.
        height: Rows of the map; by default as the agent was trained.
        width: Columns of the map; likewise.
        max_steps: Steps until a game is cut off; likewise.
        attack_threshold: How likely a network must find attacking to do it; by default as its checkpoint says.
        views: 8 takes the mean over the board rotated and reflected too, at 8 times the computation;
            by default as its checkpoint says.
        as_json: Print the means and every single game as JSON.
        export: Write the agent to this file, without training state, with the means among its results.
        bits: Export the weights in so many bits: a large network is smaller in 16, and in 8.
    """
    from territory.agent import agent as agents
    from territory.agent import evaluation
    from territory.agent.checkpoint import FILE_NAME
    from territory.envs import opponents as players

    if export is not None:
        check_writable(export, "export")
        if Path(export).name == FILE_NAME and Path(export).exists():
            raise BadInput(f"export: {export} is what a run goes on from, which an export is not: name another file")
    else:
        check_used(evaluate, {"bits": bits}, "nothing is exported without --export")
    policy = players.find_policy(agent)
    decoding = {"attack_threshold": attack_threshold, "views": views}
    changed = any(setting is not None for setting in decoding.values())
    if not isinstance(policy, agents.Agent) and (export is not None or changed):
        raise BadInput(f"only a network can be exported, or be given a threshold or views, and {agent!r} is scripted")
    if changed:
        policy = policy.with_decoding(**decoding)
    size = {"height": height, "width": width, "max_steps": max_steps}

    def announce() -> None:
        if not as_json:
            print(f"{agent}: playing {games} games …", file=sys.stderr)

    result = evaluation.evaluate(policy, num_bots, opponents, games, seed, **size, announce=announce)
    print(_json({"agent": agent} | result.as_dict()) if as_json else result)
    if export is not None and isinstance(policy, agents.Agent):
        policy.results[f"{num_bots} x {opponents}"] = result.summary()
        agents.save_agent(policy, export, bits)
    return 0


def export(agent: tyro.conf.Positional[str], onnx: str) -> int:
    """Write an agent's network as an ONNX file, with its attention among the outputs (needs the extra `onnx`).

    Args:
        agent: A pretrained agent, a run, or a checkpoint file.
        onnx: The file that is written.
    """
    check_writable(onnx, "--onnx")
    from territory.agent import load_agent
    from territory.interpret.onnx import export_onnx

    about = export_onnx(load_agent(agent), onnx, agent)
    slots = ", ".join(about["slots"]) or "none"
    print(f"{onnx}: {agent}, {Path(onnx).stat().st_size / 1e6:.1f} MB; attention that can be ablated: {slots}")
    return 0


def verdict(theme: str | None = None, as_json: Annotated[Flag, tyro.conf.arg(name="json")] = False) -> int:
    """Every claim of the design document, and what measuring it says; some minutes.

    Args:
        theme: Only this one: counts, sizes, speed, invariance, behaviour, learning or migration.
        as_json: Print the ledger as JSON, with the numbers behind the figures.
    """
    from territory.verdict import judge, told

    judged = judge(theme)
    if as_json:
        told_of = ("id", "theme", "section", "words", "claimed")
        print(_json([{n: getattr(claim, n) for n in told_of} | asdict(finding) for claim, finding in judged]))
        return 0
    tally: Counter[str] = Counter()
    print(HEADER, "-" * 100, sep="\n")
    for claim, finding in judged:
        tally[finding.verdict] += 1
        print(told(claim, finding), flush=True)
    print(", ".join(f"{count} {name}" for name, count in tally.items()), end=" ")
    print("(the document's old network is `baseline`, its new one `attention`)")
    return 0


def grade(
    notebooks: tyro.conf.Positional[list[str]],
    course: str | None = None,
    seconds: float = 300,
    gigabytes: float = 8,
    csv: Flag = False,
) -> int:
    """Run submitted notebooks and say which checks they pass; their saved outputs are not believed.

    Args:
        notebooks: Learners' copies of notebooks of the course, or folders of them.
        course: The folder with our notebooks; by default those that came with this package.
        seconds: For each submission.
        gigabytes: Of memory, for each submission.
        csv: Print a table with one row for each exercise.
    """
    from territory.cli.lab import shipped_course
    from territory.course import grade as grading

    real("seconds", seconds, 0.001, MOST)
    real("gigabytes", gigabytes, 0.001, MOST)
    folder = Path(course) if course else shipped_course()
    table = tables.writer(sys.stdout)
    if csv:
        table.writerow(("submission", "notebook", "exercise", "result", "sentence"))
    status = 0
    for path in grading.submissions_in(notebooks):
        try:
            grades = grading.grade(path, folder, seconds, gigabytes)
        except BadInput as error:  # one file that is no notebook of ours doesn't stop the class
            print(f"territory: {error}", file=sys.stderr)
            status = 2
            continue
        if csv:
            # No spreadsheet may take a cell for a formula: names and answers are a learner's.
            table.writerows(["'" + cell if cell.startswith(FORMULA) else cell for cell in astuple(g)] for g in grades)
        else:
            print(f"{path}: {sum(each.result == 'right' for each in grades)} of {len(grades)} right")
            for each in grades:
                print(f"  {each.exercise:18} {each.result:10} {each.sentence}")
        sys.stdout.flush()
    return status


def interpret(
    agent: tyro.conf.Positional[str] = "tokens",
    games: int = 16,
    states: int = 6,
    wins: int = 0,
    num_bots: int = 5,
    opponents: str = "bot",
    baseline: str = "unclaimed",
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

    whole("wins", wins, 0)
    player = load_agent(agent)
    tables: dict[str, Table] = {}
    for title, table in _tables(player, games, states, wins, (num_bots, opponents, seed), baseline):
        tables[title] = table
        if not as_json:
            print(f"{title}\n{text_table(table)}\n", flush=True)
    if as_json:
        print(_json(tables))
    return 0


def _tables(
    player: Any, games: int, states: int, wins: int, world: tuple[int, str, int], baseline: str
) -> Iterator[tuple[str, Table]]:
    from territory import interpret as instruments
    from territory.agent import evaluate
    from territory.interpret import tables
    from territory.world import WorldParams
    from territory.world.replay import record

    removed = instruments.REMOVAL_BASELINES[one_of("baseline", baseline, instruments.REMOVAL_BASELINES)]
    num_bots, opponents, seed = world
    size = {name: player.config[name] for name in ("height", "width", "max_steps") if name in player.config}
    params, model = WorldParams(num_bots=num_bots, opponents=opponents, **size), player.model
    sample = instruments.Sample.of([record(player, params, seed + game) for game in range(games)], states)
    for name, region in instruments.REGIONS.items():
        yield f"lift on {name} (1: chance)", tables.lift_table(model, sample, region)
    yield "entropy as a share of its maximum", tables.spread_table(model, sample)
    maps = instruments.relevance_maps(model, sample.frames, removed)
    told = f"removed tiles: {baseline}; areas less those of a random order, higher is truer"
    scores = {"total variation of the policy": instruments.total_variation}
    for name, score in (scores | {"nats of the preferred action": instruments.log_loss}).items():
        yield f"faithfulness, {name} ({told})", tables.faithfulness_table(model, sample, removed, score, maps)
    yield "rank correlation with the maps of the network destroyed down to", tables.sanity_table(model, sample)
    yield "what moves with each statistic", tables.sensitivity_table(model, sample)
    yield "ablations", tables.ablation_table(model, sample)
    if wins:  # with Wilson's intervals: as trained, and with each ablation
        won, seen = {}, instruments.capture_frames(model, sample.frames[:1]).attention
        for name, changes in ({"as trained": {}} | instruments.ablations(seen)).items():
            with instruments.intervene(model, changes):
                result = evaluate(player, num_bots, opponents, wins, seed)
            won[name] = {"win rate": instruments.Interval(result.win_rate, *result.interval)}
        yield f"games won of {wins}", won


def _json(value: Any) -> str:
    """JSON that every program reads: what is no number (NaN) is null."""
    return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None), indent=1)


def text_table(table: Table) -> str:
    """Rows and columns of intervals as aligned text."""
    from territory.profiling.tables import aligned

    if not table:
        return "(none: the network has no attention over the map)"
    columns = list(next(iter(table.values())))
    rows = [["", *columns], *([name, *map(str, row.values())] for name, row in table.items())]
    return aligned(rows, [False] * len(rows[0]))
