"""``python -m tests.fuzz --cases 20000``: hostile files for every loader; the exit status says whether all were met."""

import argparse
import sys

from tests.fuzz.campaign import run

LOADERS = ["checkpoint", "training_state", "run_folder", "replay", "map_image", "direction_data", "paths"]


def main() -> int:
    """Print every failure, and the counts at the end."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--only", nargs="+", choices=LOADERS, default=LOADERS)
    parser.add_argument("--texts", action="store_true", help="also print what was said, most often first")
    asked = parser.parse_args()
    report = run(asked.cases, asked.seed, asked.only, lambda failure: print(failure, flush=True))
    texts = [f"{count:>6} {text}" for text, count in report.texts.most_common()] if asked.texts else []
    print(*texts, report, sep="\n")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
