"""The command line: ``territory train | evaluate | interpret | play | profile | verdict | …``.

torch and Numba are imported inside the commands, so that help and mistakes in flags answer at once.
"""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import tyro

from territory import __version__
from territory.cli import streams
from territory.cli.commands import evaluate, export, grade, interpret, verdict
from territory.cli.lab import lab
from territory.cli.play import play
from territory.cli.profile import profile
from territory.errors import BadInput
from territory.training.config import TrainConfig

COMMANDS = (evaluate, grade, export, interpret, play, profile, verdict, lab)  # and `train`
# So often torch's threads look for their next piece of work before they sleep: for some hundredths of a millisecond.
# libgomp's own 300,000 take a core from whoever needs it, the game's threads first. Read once, when torch is loaded.
BRIEF_WAIT = {"GOMP_SPINCOUNT": "2000"}
INTERRUPTED = 128 + signal.SIGINT  # the exit status of a program that Ctrl-C ended

NARROWEST = 20  # columns that tyro can write its help in

Whole = tyro.conf.arg(name="")  # the fields of a dataclass as flags without a prefix


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    args = sys.argv[1:] if args is None else list(args)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.update(BRIEF_WAIT | os.environ)
    os.environ.pop("MPLBACKEND", None)  # no command opens a window, and the lab's notebooks have a backend of their own
    if shutil.get_terminal_size().columns < NARROWEST:  # in fewer, tyro never ends writing its help
        os.environ["COLUMNS"] = str(NARROWEST)
    if os.environ.get("NO_COLOR"):  # which tyro doesn't ask
        tyro._experimental_options["ansi_codes"] = False
    if args == ["--version"]:
        print(f"territory {__version__}")
        return 0
    streams.prepare()
    with streams.expendable("stderr"):
        return _run(args)


def _run(args: list[str]) -> int:
    try:
        os.getcwd()
    except FileNotFoundError:  # torch's libraries would not be found either
        print("territory: the folder that this was started in is gone: change into another one", file=sys.stderr)
        return 2
    try:
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # as `territory` left it while it imported
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = tyro.extras.subcommand_cli_from_dict(
            {"train": _train_command(args)} | {command.__name__: command for command in COMMANDS},
            prog="territory",
            description="A territory game and agents that learn it.",
            args=args,
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


def _train_command(args: list[str]) -> Callable[..., int]:
    """`train` with the right defaults: a run that is continued brings its own, so omitted flags keep its values."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", nargs="?")
    parser.add_argument("--runs-dir", "--runs_dir", nargs="?")
    known = parser.parse_known_args(args[1:])[0] if args[:1] == ["train"] else argparse.Namespace(resume=None)
    defaults = TrainConfig()
    if known.resume is not None:
        from territory.agent import checkpoint, find_run

        known.resume = find_run(known.resume, known.runs_dir or defaults.runs_dir)
        defaults = TrainConfig.from_dict(checkpoint.read(known.resume).config)

    def train(config: Annotated[TrainConfig, Whole] = defaults, resume: str | None = None) -> int:
        """Train an agent. Ctrl-C saves and stops; --resume goes on.

        Args:
            resume: Go on with this run (its folder, or its name in runs-dir); other flags may only change how long, and
                where.
        """
        from territory.cli.train import train

        if known.resume is not None and config.name != defaults.name:
            raise BadInput("--name would change nothing here: a run that goes on stays in its folder")
        return train(config, known.resume)

    return train
