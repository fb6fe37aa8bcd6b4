"""What the single environment and the native batch share: spaces, arguments that are judged, and an episode's sums."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from gymnasium import spaces

from territory.envs.maps import as_terrain
from territory.envs.opponents import Policy, as_policy, drive, find_opponents, is_mixture
from territory.errors import BadInput, as_array, lists, shown, whole
from territory.world.actions import NUM_ACTIONS, NUM_BUILDS, Direction, encode
from territory.world.layout import NUM_PLANES, NUM_STATS
from territory.world.params import OPPONENTS, WorldParams
from territory.world.state import OwnsArrays
from territory.world.world import AGENT, World


def observation_space(params: WorldParams) -> spaces.Dict:
    """``map`` uint8 (5, H, W) and ``global`` float32 (16,)."""
    planes = spaces.Box(0, 255, (NUM_PLANES, params.height, params.width), np.uint8)
    return spaces.Dict({"map": planes, "global": spaces.Box(-1, 1, (NUM_STATS,), np.float32)})


class Actions(spaces.Discrete):
    """The 90 actions; also samples with the bool mask of ``info["action_mask"]``, where gymnasium wants int8."""

    def __init__(self, seed: Any = None):
        super().__init__(NUM_ACTIONS, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None):
        """A random action; `mask`: bool or int8 (90,), which are allowed."""
        return super().sample(None if mask is None else _checked_mask(mask, (NUM_ACTIONS,)), probability)


class BatchOfActions(spaces.MultiDiscrete):
    """One of the 90 actions for each of N games; samples with the bool mask (N, 90) too."""

    def __init__(self, num_envs: int):
        super().__init__(np.full(num_envs, NUM_ACTIONS))

    def sample(self, mask: Any = None, probability: Any = None):
        """Random actions; `mask`: bool or int8 (N, 90), which are allowed."""
        shape = len(self.nvec), NUM_ACTIONS
        return super().sample(None if mask is None else tuple(_checked_mask(mask, shape)), probability)


def _checked_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    given = as_array("mask", mask)
    if given.shape != shape or given.dtype.kind not in "biu" or given.min() < 0 or given.max() > 1:
        raise BadInput(f"mask must be bool of shape {shape}, got {shown(mask)}")
    return given.astype(np.int8)


class UnknownArgument(BadInput, TypeError):
    """Python's own kind of error too: some clients try an argument and want a TypeError if there is none."""


def world_params(owner: type, terrain: np.ndarray | None, options: dict) -> WorldParams:
    """`WorldParams` from the keyword arguments of an environment (`owner`); the sizes of a given map win."""
    known = [field.name for field in fields(WorldParams)]
    for name in options:
        if name not in known:
            raise UnknownArgument(
                f"{owner.__name__}.__init__() got an unexpected keyword argument {name!r}; there are render_mode, "
                f"render_scale, map, {', '.join(known)}"
            )
    if terrain is not None:
        options = {**options, "height": terrain.shape[0], "width": terrain.shape[1]}
    return WorldParams(**options)


def checked_seed(seed: Any, most: int = 2**64 - 1) -> int | None:
    """A seed as Python's integer, or None."""
    return None if seed is None else whole("seed", seed, 0, most)


def checked_seeds(seed: Any, num_envs: int) -> list[int | None]:
    """A seed for each game, of a number s: s, s + 1, ...; or None, where it is to be drawn."""
    if seed is None or isinstance(seed, int | np.integer):
        first = checked_seed(seed, 2**64 - num_envs)
        return [None if first is None else first + i for i in range(num_envs)]
    if not lists(seed, num_envs):
        raise BadInput(
            f"seed must be a whole number of 0 or more, or one for each of {num_envs} games, got {shown(seed)}"
        )
    return [checked_seed(each) for each in seed]


def checked_options(options: Any, known: Sequence[str] = ()) -> dict[str, Any]:
    """What `reset` is given besides a seed: a dictionary with these names, or None."""
    if options is not None and not isinstance(options, dict):
        raise BadInput(f"options must be a dictionary or None, got {shown(options)}")
    for name in options or {}:
        if name not in known:
            raise BadInput(f"reset takes {' and '.join(known) or 'none'} as options, got {shown(name)}")
    return options or {}


def checked_render(render_mode: Any, render_scale: Any, modes: Sequence[str]) -> tuple[str | None, int]:
    """How to draw: one of the modes, or None, and the pixels per side of a tile."""
    if render_mode is not None and not (isinstance(render_mode, str) and render_mode in modes):
        raise BadInput(f"render_mode must be None or one of {list(modes)}, got {shown(render_mode)}")
    return render_mode, whole("render_scale", render_scale, 1, 64)


def make_world(owner: type, num_envs: int, map: Any, options: dict, device: Any = "cpu") -> tuple[World, Policy | None]:
    """The games of an environment and, unless its opponents are scripts, the policy that plays all of them."""
    terrain = None if map is None else as_terrain(map, options.get("height"), options.get("width"))
    if is_mixture(who := options.get("opponents")):
        raise BadInput(f"{who!r} is several kinds of games: only a batch (make_vec, TerritoryVectorEnv) has them")
    who = find_opponents(who, device)
    if who is None or isinstance(who, str):
        return World(num_envs, world_params(owner, terrain, options), terrain), None
    params = world_params(owner, terrain, {name: value for name, value in options.items() if name != "opponents"})
    policy = as_policy(who, f"opponents must be one of {', '.join(OPPONENTS)},")
    return World(num_envs, params, terrain, ["human"] * params.num_players), policy


def everyones_orders(world: World, opponent: Policy | None, actions: np.ndarray) -> np.ndarray:
    """What `World.step` takes: the agent's actions (N,) as they are, or (N, P+1) where a policy plays the others."""
    if opponent is None:
        return actions
    orders = world.orders(actions)
    drive(world, opponent, range(AGENT + 1, world.params.num_players + 1), orders)
    return orders


class Episodes(OwnsArrays):
    """What each running episode has added up so far, and its summary when it ends."""

    def __init__(self, num_envs: int):
        self.returns = np.zeros(num_envs)
        self.lengths = np.zeros(num_envs, np.int64)
        self.idle = np.zeros(num_envs, np.int64)

    def add(self, rewards: np.ndarray, actions: np.ndarray) -> None:
        """Count one step of every environment."""
        self.returns += rewards
        self.lengths += 1
        self.idle += (actions >= encode(Direction.WAIT)) & (actions % NUM_BUILDS == 0)  # no attack and no city

    def clear(self, which: np.ndarray) -> None:
        """Begin anew for some environments."""
        for total in (self.returns, self.lengths, self.idle):
            total[which] = 0

    def summary(self, worlds: Sequence[World]) -> dict[str, np.ndarray]:
        """Arrays (N,): win, land_share, rank (1 best), return, length, idle_share (steps of plain WAIT)."""
        return {
            "win": np.concatenate([world.has_won(AGENT) for world in worlds]),
            "land_share": np.concatenate([world.land_share(AGENT) for world in worlds]),
            "rank": np.concatenate([world.rank(AGENT) for world in worlds]),
            "return": self.returns.copy(),
            "length": self.lengths.copy(),
            "idle_share": self.idle / np.maximum(self.lengths, 1),
        }
