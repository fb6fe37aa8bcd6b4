"""A game, and what networks computed in it, as one block of bytes: what a page needs to show it without Python.

An index says where each array lies. Weights are two bytes each, between their layer's least and greatest; everything
else is kept exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from territory.interpret import ReplayRecord, density_by_player, layers_of
from territory.world.picture import board_of, find_fronts
from territory.world.replay import Frame
from territory.world.world import World

CITY_BIT = 128  # of an owner: players are 0 to 51
_ALIGN = 8  # bytes: where a page may look at numbers of any size
_STEPS = 65_535


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], bytes]:
    """Arrays to an index (name, type as "u1" or "f4", shape, first byte) and their bytes, little-endian."""
    index, parts, place = [], [], 0
    for name, values in arrays.items():
        data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        kind = f"{values.dtype.kind}{values.dtype.itemsize}"
        index.append({"name": name, "type": kind, "shape": list(values.shape), "at": place})
        parts += [data, bytes(-len(data) % _ALIGN)]
        place += len(data) + len(parts[-1])
    return index, b"".join(parts)


def pack_record(records: Sequence[ReplayRecord]) -> tuple[list[dict[str, Any]], bytes]:
    """The frames that all records share, and each record's policy, values and weights, named "0.policy" and so on."""
    arrays = _frames(records[0].frames)
    for number, record in enumerate(records):
        arrays[f"{number}.policy"] = record.probabilities.astype(np.float32)
        arrays[f"{number}.value"] = record.values.astype(np.float32)
        for layer in layers_of(record):
            weights = layer.cells(record.attention[layer.name])
            arrays[f"{number}.{layer.name}"] = _in_steps(weights, layer.low, layer.high)
    return pack(arrays)


def pack_moment(records: Sequence[ReplayRecord]) -> tuple[list[dict[str, Any]], bytes]:
    """Policy, value and weights of records of one frame, exact, under the same names."""
    arrays = {}
    for number, record in enumerate(records):
        weights = {layer.name: layer.cells(record.attention[layer.name]) for layer in layers_of(record)}
        parts = {"policy": record.probabilities, "value": record.values, **weights}
        arrays |= {f"{number}.{name}": values[0].astype(np.float32).reshape(-1) for name, values in parts.items()}
    return pack(arrays)


def layer_words(record: ReplayRecord) -> list[dict[str, Any]]:
    """The layers of a record as plain dictionaries."""
    return [asdict(layer) for layer in layers_of(record)]


def pack_board(world: World, game: int = 0) -> bytes:
    """One game of a `World` as it is now, uint8 (3, H, W): terrain, owners with `CITY_BIT`, and fronts."""
    owner, terrain, city, fronts = board_of(world, game)
    return np.stack([terrain, _with_cities(owner, city), fronts]).tobytes()


def _with_cities(owner: np.ndarray, city: np.ndarray) -> np.ndarray:
    return owner | np.where(city > 0, np.uint8(CITY_BIT), np.uint8(0))


def _frames(frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    players = len(frames[0].troops)
    return {
        "terrain": frames[0].terrain,
        "owner": np.stack([_with_cities(frame.owner, frame.city) for frame in frames]),
        "fronts": np.stack([find_fronts(frame.owner, frame.terrain, frame.attacks) for frame in frames]),
        "density": np.stack([density_by_player(frame)[:players] for frame in frames]),
        "troops": np.stack([frame.troops for frame in frames]).astype(np.float32),
        "tiles": np.stack([frame.tiles for frame in frames]).astype(np.int32),
        "stats": np.stack([frame.obs["global"] for frame in frames]).astype(np.float32),
        "action": np.array([frame.action for frame in frames], np.int16),
        "step": np.array([frame.step for frame in frames], np.int32),
    }


def _in_steps(weights: np.ndarray, low: float, high: float) -> np.ndarray:
    width = (high - low) or 1.0
    return ((weights - low) / width * _STEPS).round().astype(np.uint16)
