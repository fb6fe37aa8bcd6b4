"""A game kept as its seed and its actions: about a kilobyte, and played again bit for bit."""

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from territory.errors import BadInput, as_array, shown, whole
from territory.files import parse_json, read_arrays, write_whole
from territory.world.actions import SCRIPTED, checked_actions
from territory.world.params import WorldParams
from territory.world.world import AGENT, World, checked_terrain

_FORMAT = "territory-replay-2"
_ON_SCRIPT = 255  # how SCRIPTED is written: actions are single bytes
_HEADER = {"format": str, "params": dict, "seed": int, "digest": str, "kinds": list | None}
MOST_STEPS = 100_000  # of a kept game: minutes to play again
MOST_ORDERS = 1 << 23  # of all its players together


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of a game, as the agent saw it before it acted (`action` is -1 in the last one)."""

    step: int
    obs: dict[str, np.ndarray]  # "map" uint8 (5, H, W), "global" float32 (16,)
    mask: np.ndarray  # bool (90,)
    owner: np.ndarray  # uint8 (H, W)
    terrain: np.ndarray  # uint8 (H, W)
    city: np.ndarray  # uint8 (H, W)
    troops: np.ndarray  # float64 (P+1,), at home
    tiles: np.ndarray  # int32 (P+1,)
    action: int  # the agent's
    reward: float  # that led here
    attacks: np.ndarray  # float64 (P+1, 9+P), troops under way by player and slot


@dataclass(frozen=True, eq=False)
class Replay:
    """A recorded game: what it was played with, and every order."""

    params: WorldParams
    seed: int
    actions: np.ndarray  # int (T,) of the agent, or (T, P+1) of every player with -1 for those left to their script
    terrain: np.ndarray | None = None  # uint8 (H, W) where the game had a fixed map
    digest: str = ""  # of the final state; checked whenever the game is played again
    kinds: tuple[str, ...] | None = None  # who sat where, unless as usual (see `World`)

    def __post_init__(self):
        if not isinstance(self.params, WorldParams) or not isinstance(self.digest, str):
            raise BadInput(f"params must be WorldParams and digest a text, got {shown((self.params, self.digest))}")
        steps = as_array("actions", self.actions).shape[:1] or (0,)
        orders = checked_actions("actions", self.actions, steps, (*steps, self.params.num_players + 1), least=SCRIPTED)
        object.__setattr__(self, "actions", orders)
        if self.terrain is not None:  # its own: the caller's may change
            object.__setattr__(self, "terrain", checked_terrain(self.terrain))
        if len(self.actions) > min(self.params.max_steps, MOST_STEPS) or self.actions.size > MOST_ORDERS:
            raise BadInput(
                f"a game of at most {self.params.max_steps} steps (and {MOST_STEPS:,} that can be kept) can't have had "
                f"{len(self.actions)}"
            )
        sat = self.kinds if isinstance(self.kinds, tuple | list) else [self.kinds]
        if self.kinds is not None and not all(isinstance(kind, str) for kind in sat):
            raise BadInput(f"kinds names who sat in each seat, got {shown(self.kinds)}")
        whole("a seed", self.seed, 0, 2**64 - 1)

    @classmethod
    def of(cls, world: World, orders: Sequence[Any]) -> "Replay":
        """The game that a world of one game has played since its reset; `orders`: what each step was given."""
        world.check_begun()
        if world.num_envs != 1:
            raise BadInput(f"a replay is of one game, and this world plays {world.num_envs}")
        actions = np.array(orders, np.int32) if len(orders) else np.zeros(0, np.int32)
        kinds = tuple(world.kinds) if world.kinds else None
        return cls(world.params, int(world.state.seed[0]), actions, world.terrain, digest_of(world), kinds)

    def play(self) -> Iterator[Frame]:
        """Play the game again: T + 1 frames. Raises BadInput at the end if it went another way than recorded."""
        for world, orders, reward in self.steps():
            obs, masks = world.observe()
            maps = {field: world.map_of(field)[0].copy() for field in ("owner", "terrain", "city")}
            yield Frame(
                step=int(world.state.step[0]),
                obs={name: value[0] for name, value in obs.items()},
                mask=masks[0],
                troops=world.state.troops[0].copy(),
                tiles=world.state.tiles[0].copy(),
                action=SCRIPTED if orders is None else int(orders[AGENT] if orders.ndim else orders),
                reward=reward,
                attacks=world.state.attacks[0].copy(),
                **maps,
            )

    def verify(self) -> World:
        """Play the game again without looking, and return how it ends; BadInput if that is not what was recorded."""
        return deque(self.steps(), maxlen=1)[0][0]

    def steps(self) -> Iterator[tuple[World, np.ndarray | None, float]]:
        """The world before each step with what it is ordered (None at the end), and the agent's latest reward."""
        world = World(1, self.params, self.terrain, self.kinds)
        world.reset(np.array([self.seed], np.uint64))
        reward = 0.0
        for orders in self.actions:
            yield world, orders, reward
            reward = float(world.step(orders[None])[0][0, AGENT])
        yield world, None, reward
        if self.digest and digest_of(world) != self.digest:
            raise BadInput(
                f"the replay of seed {self.seed} ended in another state than was recorded: "
                "it was probably made by another version of the rules"
            )

    def save(self, path: str | os.PathLike) -> None:
        """Write the game as one .npz file, all or nothing."""
        header = {"format": _FORMAT, "params": self.params.as_dict(), "seed": int(self.seed), "digest": self.digest}
        header |= {"kinds": self.kinds}
        arrays: dict[str, Any] = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
        arrays["actions"] = np.where(self.actions == SCRIPTED, _ON_SCRIPT, self.actions).astype(np.uint8)
        if self.terrain is not None:
            arrays["terrain"] = self.terrain
        with write_whole(path) as unfinished, open(unfinished, "wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Replay":
        """Read a game written by `save`. Never executes code from the file, nor unpacks more than a game can have.

        Raises BadInput: there is none, it is damaged, or it is no replay.
        """
        arrays = read_arrays(path, {"header": 1 << 16, "actions": MOST_ORDERS, "terrain": 1 << 20}, "replay")
        try:
            told = parse_json(arrays["header"].tobytes(), "its header")
            if not isinstance(told, dict) or told.get("format") != _FORMAT:
                found = told.get("format") if isinstance(told, dict) else told
                raise BadInput(f"expected the format {_FORMAT!r}, got {shown(found)}")
            sound = all(isinstance(told.get(name), kind) for name, kind in _HEADER.items())
            if not sound or any(array.dtype != np.uint8 for array in arrays.values()):
                raise BadInput(f"expected the header of a replay, got {str(told)[:200]}")
            actions = arrays["actions"].astype(np.int32)
            actions[actions == _ON_SCRIPT] = SCRIPTED
            kinds = None if told["kinds"] is None else tuple(told["kinds"])
            params = WorldParams(**told["params"])
            return cls(params, told["seed"], actions, arrays.get("terrain"), told["digest"], kinds)
        except (KeyError, TypeError, BadInput) as error:  # a parameter that there is not, orders that are missing
            raise BadInput(f"{path} is not a replay, or a damaged one, or of another version ({error})") from error


def record(policy, params: WorldParams, seed: int, terrain: np.ndarray | None = None) -> Replay:
    """Play one game with ``policy(obs, mask) -> action`` (one observation, no batch) and keep it."""
    world = World(1, params, terrain)
    world.reset([seed])
    actions, over = [], False
    while not over:
        obs, masks = world.observe()
        orders = world.orders([policy({name: value[0] for name, value in obs.items()}, masks[0])])
        actions.append(orders[0, AGENT])
        _, terminated, truncated = world.step(orders)
        over = bool(terminated[0] or truncated[0])
    return Replay.of(world, actions)


def digest_of(world: World) -> str:
    """A fingerprint of the state of every game of a world."""
    digest = hashlib.sha256()
    for name, value in world.state_dict().items():
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()
