"""Thousands of random games, engine against rulebook: ``python -m tests.oracle --games 3000``."""

import argparse
import sys
from collections import Counter

from .compare import Disagreement, play, setup_of


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 at the first disagreement."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--games", type=int, default=1000, help="how many games")
    parser.add_argument("--first", type=int, default=0, help="number (seed) of the first game")
    asked = parser.parse_args(arguments)
    seen = Counter(games=0)
    for number in range(asked.first, asked.first + asked.games):
        try:
            seen.update(play(setup_of(number)))
        except Disagreement as difference:
            print(f"{difference}\nafter {describe(seen)}: 1 disagreement", file=sys.stderr)
            return 1
        if sys.stderr.isatty():
            print(f"\r{seen['games']} games", end="", file=sys.stderr)
    print(f"{describe(seen)}: 0 disagreements")
    return 0


def describe(seen: Counter) -> str:
    """Counts in words."""
    return ", ".join(f"{count:,} {name}" for name, count in seen.items())


if __name__ == "__main__":
    sys.exit(main())
