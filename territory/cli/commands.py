"""The commands that ask one question of the library: ``territory evaluate | export | verdict``.

torch and Numba are imported inside them, so that help and mistakes in flags answer at once.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import tyro

from territory.errors import BadInput
from territory.files import check_writable
from territory.world.params import HELD_OUT_SEED

Flag = tyro.conf.FlagCreatePairsOff[bool]  # --json without a --no-json
HEADER = f"{'claim':<18} {'verdict':<18} {'claimed':<30} measured"


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
    from territory.envs import opponents as players

    if export is not None:
        check_writable(export, "export")
    policy = players.find_policy(agent)
    decoding = {"attack_threshold": attack_threshold, "views": views}
    changed = any(setting is not None for setting in decoding.values())
    if not isinstance(policy, agents.Agent) and (export is not None or changed):
        raise BadInput(f"only a network can be exported, or be given a threshold or views, and {agent!r} is scripted")
    if changed:
        policy = policy.with_decoding(**decoding)
    size = {"height": height, "width": width, "max_steps": max_steps}
    if not as_json:
        print(f"{agent}: playing {games} games …", file=sys.stderr)
    result = evaluation.evaluate(policy, num_bots, opponents, games, seed, **size)
    print(json.dumps({"agent": agent} | result.as_dict(), indent=1) if as_json else result)
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
    if Path(onnx).is_dir() or not Path(onnx).parent.is_dir():
        raise BadInput(f"--onnx: expected a file in a folder that exists, got {onnx}")
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
    from territory.verdict import claims, judge, told

    if as_json:
        told_of = ("id", "theme", "section", "words", "claimed")
        entries = [{n: getattr(claim, n) for n in told_of} | asdict(finding) for claim, finding in judge(theme)]
        print(json.dumps(entries, indent=1))
        return 0
    tally: dict[str, int] = {}
    claims(theme)  # a theme that isn't there is told before the heading
    print(HEADER, "-" * 100, sep="\n")
    for claim, finding in judge(theme):
        tally[finding.verdict] = tally.get(finding.verdict, 0) + 1
        print(told(claim, finding), flush=True)
    print(", ".join(f"{count} {name}" for name, count in tally.items()))
    return 0
