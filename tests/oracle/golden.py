"""A dozen games as they went when this was last run: ``python -m tests.oracle.golden`` plays and writes them anew.

The rulebook changes together with the engine; this file does not, so a change of the rules that nobody meant (or a
platform on which the game goes another way) shows. Run it when the rules were changed on purpose, and say so.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from territory.world import World, WorldParams

from .numbers import below, stream

FILE = Path(__file__).parents[1] / "data" / "golden-games.json"
STEPS, EVERY = 60, 15
ACTIONS = 7  # what the draws are for, beside the engine's own purposes
GAMES = (
    {"seed": 1},
    {"seed": 2, "opponents": "nation"},
    {"seed": 3, "opponents": "mixed", "num_bots": 12},
    {"seed": 4, "opponents": "mixed", "num_bots": 50},
    {"seed": 5, "num_bots": 50, "collapse_tiles": 100},
    {"seed": 6, "height": 32, "width": 32, "num_bots": 1},
    {"seed": 7, "height": 32, "width": 64, "num_bots": 8, "opponents": "nation", "water_share": 0.0},
    {"seed": 8, "height": 160, "width": 96, "num_bots": 20, "opponents": "mixed", "water_share": 0.4},
    {"seed": 9, "height": 64, "width": 64, "num_bots": 5, "ticks_per_step": 1},
    {"seed": 10, "height": 64, "width": 64, "num_bots": 5, "opponents": "nation", "city_price": 1000.0},
    {"seed": 11, "height": 96, "width": 96, "opponents": "nation", "mountain_share": 0.5, "collapse_tiles": 0},
    {"seed": 2**64 - 1, "height": 160, "width": 160, "opponents": "mixed", "ticks_per_step": 25},
)


def record(seed: int, **params) -> list[dict]:
    """What a game looked like every 15 steps, the agent taking allowed actions at random.

    The draws are our own: NumPy may change its generators from one version to the next.
    """
    world, moments = World(1, WorldParams(**params)), []
    world.reset([seed])
    for step in range(1, STEPS + 1):
        allowed = np.flatnonzero(world.observe()[1][0])
        world.step(allowed[[below(stream(seed, ACTIONS, step), 0, allowed.size)]])
        if step % EVERY == 0:
            moments.append(moment(world))
    return moments


def moment(world: World) -> dict:
    """Whole numbers and maps as they are, floats to nine digits."""
    state, (obs, _) = world.state, world.observe()
    return {
        "tick": int(state.tick[0]),
        "tiles": state.tiles[0].tolist(),
        "cities": state.cities[0].tolist(),
        "owner": fingerprint(world.map_of("owner")),
        "planes": fingerprint(obs["map"]),
        "troops": [float(f"{troops:.9g}") for troops in state.troops[0]],
        "statistics": [float(f"{value:.9g}") for value in obs["global"][0]],
    }


def fingerprint(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def main() -> None:
    games = [json.dumps({"game": game, "moments": record(**game)}) for game in GAMES]
    FILE.write_text("[\n" + ",\n".join(games) + "\n]\n")  # a line for each game
    print(f"wrote {len(games)} games to {FILE.name}")


if __name__ == "__main__":
    main()
