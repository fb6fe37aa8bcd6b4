"""Small boards for tests: draw a map, say who stands where, play."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from territory.world import World, WorldParams
from territory.world.actions import Direction, encode

WAIT = encode(Direction.WAIT)
PLAINS, HIGHLAND, MOUNTAIN = 1, 2, 3


@cache
def reference() -> dict:
    """What the real game's engine printed."""
    return json.loads((Path(__file__).parents[1] / "data" / "openfront-reference.json").read_text())


def uniform(side: int = 32, terrain: int = PLAINS) -> np.ndarray:
    """A map without water, all of one terrain."""
    return np.full((side, side), terrain, np.uint8)


def two_halves(side: int = 32) -> np.ndarray:
    """Owners: the agent (1) holds the west, player 2 the east."""
    owner = np.ones((side, side), np.uint8)
    owner[:, side // 2 :] = 2
    return owner


def disc(side: int = 128, players: int = 1) -> np.ndarray:
    """Owners: the 52 tiles of a start around the middle, for the agent."""
    rows, columns = np.mgrid[:side, :side] - side // 2
    return ((rows - 0.5) ** 2 + (columns - 0.5) ** 2 <= 16).astype(np.uint8) * players


def board(owner: np.ndarray, terrain: np.ndarray | None = None, games: int = 1, **params) -> World:
    """Games in which the land is owned as drawn; player 2 is a human too, so that no bot rule interferes."""
    side_y, side_x = owner.shape
    terrain = uniform(side_y) if terrain is None else terrain
    world = World(games, WorldParams(height=side_y, width=side_x, **{"num_bots": 1, **params}), terrain)
    world.reset(np.arange(games))
    owner = np.where(terrain > 0, owner, 0)
    world.map_of("owner")[:] = owner
    world.state.kind[:, 2] = 0
    world.state.tiles[:] = [np.sum((owner == p) & (terrain > 0)) for p in range(world.params.num_players + 1)]
    world.state.tiles_before[:] = world.state.tiles
    world.state.alive[:, 1:] = world.state.tiles[:, 1:] > 0
    world.rebuild()
    return world


def everyone(world: World, agent: int = WAIT, others: int = WAIT) -> np.ndarray:
    """Actions (N, P+1): one for the agent, one for all others; nobody is left to its script."""
    actions = np.full((world.num_envs, world.params.num_players + 1), others)
    actions[:, 1] = agent
    return actions


def random_actions(masks: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One allowed action for each row of masks (N, 90), uniformly."""
    return np.argmax(generator.random(masks.shape) * masks, axis=1)


def random_moments(games: int, side: int = 64, allowed: float = 0.3) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Observations and masks of no game that was ever played; waiting is always allowed."""
    random = np.random.default_rng(0)
    obs = {
        "map": random.integers(0, 256, (games, 5, side, side), dtype=np.uint8),
        "global": random.normal(size=(games, 16)).astype(np.float32),
    }
    masks = random.random((games, 90)) < allowed
    masks[:, WAIT] = True
    return obs, masks
