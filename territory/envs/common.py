"""What the single environment and the native batch share: spaces, parameters, and the books of an episode."""

from dataclasses import fields
from typing import Any

import numpy as np
from gymnasium import spaces

from territory.envs.maps import as_terrain
from territory.envs.opponents import Policy, as_policy, drive, find_opponents
from territory.errors import BadInput
from territory.world.actions import NUM_ACTIONS, NUM_BUILDS, Direction, encode
from territory.world.layout import NUM_PLANES, NUM_STATS
from territory.world.params import WorldParams
from territory.world.world import AGENT, World


def observation_space(params: WorldParams) -> spaces.Dict:
    """``map`` uint8 (5, H, W) and ``global`` float32 (16,)."""
    planes = spaces.Box(0, 255, (NUM_PLANES, params.height, params.width), np.uint8)
    return spaces.Dict({"map": planes, "global": spaces.Box(-1, 1, (NUM_STATS,), np.float32)})


def action_space() -> spaces.Discrete:
    """The 90 actions."""
    return spaces.Discrete(NUM_ACTIONS)


def world_params(terrain, options: dict) -> WorldParams:
    """`WorldParams` from an environment's keyword arguments; the sizes of a given map win."""
    known = [field.name for field in fields(WorldParams)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise BadInput(f"unknown environment argument {', '.join(unknown)}; there are map, {', '.join(known)}")
    if terrain is not None:
        options = {**options, "height": np.shape(terrain)[0], "width": np.shape(terrain)[1]}
    return WorldParams(**options)


def make_world(num_envs: int, map: Any, options: dict) -> tuple[World, Policy | None]:
    """The games of an environment and, unless its opponents are scripts, the policy that plays all of them."""
    terrain = None if map is None else as_terrain(map, options.get("height"), options.get("width"))
    who = find_opponents(options.get("opponents"))
    if who is None or isinstance(who, str):
        return World(num_envs, world_params(terrain, options), terrain), None
    params = world_params(terrain, {name: value for name, value in options.items() if name != "opponents"})
    return World(num_envs, params, terrain, ["human"] * params.num_players), as_policy(who)


def everyones_orders(world: World, opponent: Policy | None, actions: np.ndarray) -> np.ndarray:
    """What `World.step` takes: the agent's actions (N,) as they are, or (N, P+1) where a policy plays the others."""
    if opponent is None:
        return actions
    orders = world.orders(actions)
    drive(world, opponent, range(AGENT + 1, world.params.num_players + 1), orders)
    return orders


class Episodes:
    """What each running episode has added up so far, and its summary when it ends."""

    def __init__(self, num_envs: int):
        self.returns = np.zeros(num_envs)
        self.lengths = np.zeros(num_envs, np.int64)
        self.idle = np.zeros(num_envs, np.int64)

    def add(self, rewards: np.ndarray, actions: np.ndarray) -> None:
        """Count one step of every environment."""
        self.returns += rewards
        self.lengths += 1
        self.idle += is_idle(actions)

    def clear(self, which: np.ndarray) -> None:
        """Start new books for some environments."""
        for book in (self.returns, self.lengths, self.idle):
            book[which] = 0

    def summary(self, world: World) -> dict[str, np.ndarray]:
        """Arrays (N,): win, land_share, rank (1 best), return, length, idle_share (steps of plain WAIT)."""
        return {
            "win": world.has_won(AGENT),
            "land_share": world.land_share(AGENT),
            "rank": world.rank(AGENT),
            "return": self.returns.copy(),
            "length": self.lengths.copy(),
            "idle_share": self.idle / np.maximum(self.lengths, 1),
        }


def is_idle(actions: np.ndarray) -> np.ndarray:
    """bool: the action orders no attack and no city."""
    waits = np.asarray(actions) >= encode(Direction.WAIT)
    return waits & (np.asarray(actions) % NUM_BUILDS == 0)
