"""The command line: ``territory train | evaluate | interpret | play | profile | verdict | …``.

torch and Numba are imported inside the commands, so that help and mistakes in flags answer at once.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import tyro

from territory import __version__
from territory.cli import streams
from territory.cli.export import export
from territory.cli.grade import grade
from territory.cli.interpret import interpret
from territory.cli.lab import lab
from territory.cli.play import play
from territory.cli.profile import profile
from territory.cli.verdict import verdict
from territory.errors import BadInput
from territory.files import check_writable
from territory.training.config import TrainConfig
from territory.world.params import HELD_OUT_SEED

MOVED = {  # commands of former versions -> the study that answers now
    "league": "league",
    "migrate": "distillation",
    "branch": "rollouts",
    "aim": "directions",
}
INTERRUPTED = 128 + signal.SIGINT  # the exit status of a program that Ctrl-C ended

Whole = tyro.conf.arg(name="")  # the fields of a dataclass as flags without a prefix
Flag = tyro.conf.FlagCreatePairsOff[bool]  # --json without a --no-json


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    args = sys.argv[1:] if args is None else list(args)
    if args == ["--version"]:
        print(f"territory {__version__}")
        return 0
    streams.open_closed()
    with streams.expendable("stderr"):
        return _run(args)


def _run(args: list[str]) -> int:
    try:
        _refuse_moved(args)
        status = tyro.extras.subcommand_cli_from_dict(
            _commands(args), prog="territory", description="A territory game and agents that learn it.", args=args
        )
        sys.stdout.flush()  # so that a closed pipe shows itself here
        return status or 0
    except BadInput as error:
        print(f"territory: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe left, as in `| head`; nothing more can be printed
        streams.silence(1)
        return 0
    except OSError as error:  # a full disk behind `>`, for example
        streams.silence(1)
        where = f"{error.filename}: " if error.filename else ""
        print(f"territory: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _refuse_moved(args: list[str]) -> None:
    if args[:1] == ["bench"]:
        raise BadInput("the benchmarks come with a clone of the repository: `make bench` there runs them")
    if args and args[0] in MOVED:
        study = f"python -m studies.{MOVED[args[0]]}"
        raise BadInput(f"`territory {args[0]}` is a study now: in a clone of the repository run `{study}`")


def _commands(args: list[str]) -> dict[str, Callable[..., Any]]:
    return {
        "train": _train_command(args),
        "evaluate": evaluate,
        "grade": grade,
        "export": export,
        "interpret": interpret,
        "play": play,
        "profile": profile,
        "verdict": verdict,
        "lab": lab,
    }


def _train_command(args: list[str]) -> Callable[..., int]:
    """`train` with the right defaults: a run that is continued brings its own, so flags left away keep its values."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", nargs="?")
    known = parser.parse_known_args(args[1:])[0] if args[:1] == ["train"] else argparse.Namespace(resume=None)
    defaults = TrainConfig() if known.resume is None else _config_of(known.resume)

    def train(config: Annotated[TrainConfig, Whole] = defaults, resume: str | None = None) -> int:
        """Train an agent. Ctrl-C saves and stops; --resume goes on.

        Args:
            resume: Go on with this run (its name or folder); other flags may only change how long, and where.
        """
        from territory.cli.train import train

        return train(config, resume)

    return train


def _config_of(run: str) -> TrainConfig:
    from territory.agent import checkpoint
    from territory.agent.agent import find_checkpoint

    return TrainConfig.from_dict(checkpoint.read(find_checkpoint(run)).config)


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
