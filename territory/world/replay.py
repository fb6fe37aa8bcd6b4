"""A game kept as its seed and its actions: small, and played again bit for bit."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from territory.errors import BadInput
from territory.world.params import WorldParams
from territory.world.world import AGENT, World

_FORMAT = "territory-replay-1"


@dataclass(frozen=True)
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
    action: int
    reward: float  # that led here
    attacks: np.ndarray  # float64 (P+1, 9+P), troops under way by player and lane


@dataclass(frozen=True)
class Replay:
    """A recorded game of the agent against scripted opponents."""

    params: WorldParams
    seed: int
    actions: np.ndarray  # int32 (T,)
    terrain: np.ndarray | None = None  # uint8 (H, W) where the game had a fixed map
    digest: str = ""  # of the final state; checked whenever the game is played again

    def play(self) -> Iterator[Frame]:
        """Play the game again: T + 1 frames. Raises BadInput at the end if it went another way than recorded."""
        world = World(1, self.params, self.terrain)
        world.reset([self.seed])
        reward = 0.0
        for action in [*self.actions.tolist(), -1]:
            yield _frame(world, action, reward)
            if action >= 0:
                reward = float(world.step(np.array([action]))[0][0, AGENT])
        if self.digest and digest_of(world) != self.digest:
            raise BadInput(
                f"the replay of seed {self.seed} ended in another state than was recorded: "
                "it was probably made by another version of the rules"
            )

    def save(self, path: str | os.PathLike) -> None:
        """Write the game as one .npz file, all or nothing."""
        header = {"format": _FORMAT, "params": self.params.as_dict(), "seed": int(self.seed), "digest": self.digest}
        arrays = {"header": np.array(json.dumps(header)), "actions": self.actions.astype(np.int32)}
        if self.terrain is not None:
            arrays["terrain"] = self.terrain
        path = Path(path)
        unfinished = path.with_name(path.name + ".tmp")
        with open(unfinished, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(unfinished, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Replay":
        """Read a game written by `save`. Never executes code from the file."""
        if not Path(path).is_file():
            raise BadInput(f"no replay at {path}")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                header = json.loads(str(arrays["header"]))
                if header.get("format") != _FORMAT:
                    raise BadInput(f"{path} has format {header.get('format')!r}, expected {_FORMAT!r}")
                terrain = arrays.get("terrain")
                return cls(
                    WorldParams(**header["params"]), header["seed"], arrays["actions"], terrain, header["digest"]
                )
        except BadInput:
            raise
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise BadInput(f"{path} is not a replay, or a damaged one ({error})") from error


def record(policy, params: WorldParams, seed: int, terrain: np.ndarray | None = None) -> Replay:
    """Play one game with ``policy(obs, mask) -> action`` (one observation, no batch) and keep it."""
    world = World(1, params, terrain)
    world.reset([seed])
    actions, over = [], False
    while not over:
        obs, masks = world.observe()
        actions.append(int(policy({name: value[0] for name, value in obs.items()}, masks[0])))
        _, terminated, truncated = world.step(np.array(actions[-1:]))
        over = bool(terminated[0] or truncated[0])
    return Replay(params, int(seed), np.array(actions, np.int32), terrain, digest_of(world))


def digest_of(world: World) -> str:
    """A fingerprint of the state of every game of a world."""
    digest = hashlib.sha256()
    for name, value in world.state_dict().items():
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()


def _frame(world: World, action: int, reward: float) -> Frame:
    obs, masks = world.observe()
    return Frame(
        step=int(world.state.step[0]),
        obs={name: value[0] for name, value in obs.items()},
        mask=masks[0],
        owner=world.map_of("owner")[0].copy(),
        terrain=world.map_of("terrain")[0].copy(),
        city=world.map_of("city")[0].copy(),
        troops=world.state.troops[0].copy(),
        tiles=world.state.tiles[0].copy(),
        action=action,
        reward=reward,
        attacks=world.state.attacks[0].copy(),
    )
