"""A picture of the explorer, for pages that can't run it: ``python -m territory.widgets.picture docs/explorer.png``."""

import argparse
import sys
from pathlib import Path

import territory
from territory.errors import BadInput
from territory.widgets.explorer import AttentionExplorer
from territory.world import WorldParams
from territory.world.replay import record

HELD_OUT_SEED = 1_000_007  # a map that training never drew


def save_picture(path: str | Path, agent_name: str = "attention", seed: int = HELD_OUT_SEED) -> None:
    """Let an agent (a shipped one's name, or a path) play a game, and draw a moment of it as the explorer shows it."""
    path = Path(path)
    if path.suffix != ".png" or not path.parent.is_dir():
        raise BadInput(f"expected a .png file in a folder that exists, got {path}")
    agent = territory.load_agent(agent_name)
    AttentionExplorer(record(agent.act, WorldParams(), seed), agent).save_png(path)


def main(arguments: list[str] | None = None) -> int:
    """The command; exit code 2 and one line for input that can't be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="the .png file to write")
    parser.add_argument("--agent", default="attention", help="a shipped agent's name, or a checkpoint's path")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED, help="of the map")
    options = parser.parse_args(arguments)
    try:
        save_picture(options.path, options.agent, options.seed)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
