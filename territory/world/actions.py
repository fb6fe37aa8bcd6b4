"""The 90-action codec: direction x intensity x build, in one integer.

``index = direction * 10 + intensity * 2 + build``. Whoever needs the order asks here: `encode`, `decode`, the
sizes below, and for maps `OFFSETS` and `one_step_back`, the shifts that the directions are.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from territory.errors import BadInput, as_array, shown, whole


class Direction(IntEnum):
    """Compass directions, clockwise from north; ``WAIT`` orders no attack."""

    N = 0
    NE = 1
    E = 2
    SE = 3
    S = 4
    SW = 5
    W = 6
    NW = 7
    WAIT = 8


# Shares of the troops at home that an order commits. Never all of them: an empty home falls at once.
INTENSITIES = (0.15, 0.30, 0.45, 0.60, 0.75)

NUM_DIRECTIONS = 8  # those that attack; WAIT is not among them
NUM_INTENSITIES = len(INTENSITIES)
NUM_BUILDS = 2
NUM_ORDERS = NUM_INTENSITIES * NUM_BUILDS  # actions of one direction, which lie together
NUM_ACTIONS = len(Direction) * NUM_ORDERS
FIRST_WAIT = Direction.WAIT * NUM_ORDERS  # attacks have lower indices, kinds of waiting this and up

SCRIPTED = -1  # in place of an action, for `World.step`: the player's own script decides

# One step in each direction as (row, column): rows grow southwards, columns eastwards.
OFFSETS = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)], dtype=np.int64)


class Action(NamedTuple):
    """An action taken apart."""

    direction: Direction
    intensity: int  # index into INTENSITIES
    build: bool


def one_step_back(tiles: np.ndarray) -> Iterator[np.ndarray]:
    """For each of the eight directions, what lies behind every tile of maps ``(..., H, W)``; 0 beyond the edge.

    An attack's front is where that is one's own land and the tile itself is not: "direction" is a shift of the map.
    """
    height, width = tiles.shape[-2:]
    padded = np.pad(tiles, [(0, 0)] * (tiles.ndim - 2) + [(1, 1), (1, 1)])
    for down, right in OFFSETS:
        yield padded[..., 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def checked_actions(whose: str, actions: Any, *shapes: tuple[int, ...], least: int = 0) -> np.ndarray:
    """Actions from `least` on as an array of one of these shapes, Python's, NumPy's or torch's integers.

    BadInput for anything else, which says `whose` they are.
    """
    given = as_array(whose, actions)
    fits = given.shape in shapes and given.dtype.kind in "iu"
    if fits and (not given.size or least <= given.min() <= given.max() < NUM_ACTIONS):
        return given
    wanted = "an integer" if shapes == ((),) else f"integers of shape {' or '.join(map(str, shapes))}"
    got = f"{given.min()} to {given.max()}" if fits and given.size > 1 else shown(actions)
    if given.dtype.kind == "O" and any(each is None for each in given.flat):
        got += ", with None among them: does every branch return an action?"
    raise BadInput(f"{whose} must be {wanted}, {least} to {NUM_ACTIONS - 1}, got {got}")


def encode(direction: int, intensity: int = 0, build: bool = False) -> int:
    """The index in ``[0, 90)`` of a direction (0 to 8), an intensity (0 to 4) and a build flag."""
    direction = whole("direction", direction, 0, len(Direction) - 1)
    intensity = whole("intensity, an index into INTENSITIES,", intensity, 0, NUM_INTENSITIES - 1)
    return (direction * NUM_INTENSITIES + intensity) * NUM_BUILDS + int(bool(build))


def decode(action: int) -> Action:
    """The parts of an action index; the inverse of :func:`encode`."""
    order, build = divmod(whole("an action", action, 0, NUM_ACTIONS - 1), NUM_BUILDS)
    direction, intensity = divmod(order, NUM_INTENSITIES)
    return Action(Direction(direction), intensity, bool(build))


def describe(action: int) -> str:
    """An action in words, as the widgets and the terminal show it."""
    direction, intensity, build = decode(action)
    order = "wait" if direction is Direction.WAIT else f"{direction.name} {INTENSITIES[intensity]:.0%}"
    return order + (" + city" if build else "")
