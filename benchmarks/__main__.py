"""``python -m benchmarks [world] [models] [training] [gpu] [peer] [--small | --quick]``: a table of ratios for each."""

import argparse
import importlib

import torch

from territory.errors import BadInput
from territory.profiling import format_table

DEFAULT = ("world", "models", "training")
NAMES = (*DEFAULT, "gpu", "peer")  # these need something: a card, a peer to be installed


def main() -> None:
    """Run the benchmarks that were named; all that need nothing more by default."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Ratios of times, measured by turns in one run.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(NAMES)}; by default {', '.join(DEFAULT)}"
    )
    parser.add_argument("--small", action="store_true", help="tiny sizes: shows that everything runs, measures nothing")
    parser.add_argument("--quick", action="store_true", help="models, training: fewer repeats, nothing compiled")
    parser.add_argument("--network", action="append", default=[], help="training, gpu: this one only (may be repeated)")
    parser.add_argument(
        "--allocator", metavar="FILE", help="training: another malloc to compare with, a shared library"
    )
    arguments = parser.parse_args()
    options = {
        "gpu": {"networks": arguments.network},
        "models": {"quick": arguments.quick},
        "training": {"quick": arguments.quick, "networks": arguments.network, "preload": arguments.allocator},
    }
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(NAMES)}")
    print(f"`what` takes `ratio` times as long as `against`. torch uses {torch.get_num_threads()} threads.")
    for name in arguments.names or DEFAULT:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        try:
            table = format_table(benchmark.run(arguments.small, **options.get(name, {})))
        except BadInput as error:
            parser.error(str(error))
        print(f"\n{name}: {benchmark.__doc__}\n\n{table}", flush=True)


if __name__ == "__main__":
    main()
