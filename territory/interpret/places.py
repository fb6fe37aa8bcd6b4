"""Kinds of places on a board, as masks: what attention might be said to look for.

Each takes frames and gives bool (T, H, W). Water is in none of them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from territory.interpret.measures import beside, border_mask
from territory.world.layout import Plane
from territory.world.picture import find_fronts
from territory.world.replay import Frame

Place = Callable[[Sequence[Frame]], np.ndarray]


def planes_of(frames: Sequence[Frame]) -> np.ndarray:
    """uint8 (T, 5, H, W): the maps that the network was given."""
    return np.stack([frame.obs["map"] for frame in frames])


def own_land(frames: Sequence[Frame]) -> np.ndarray:
    """The agent's tiles: the plain rival of every other explanation, since most of what matters happens there."""
    return planes_of(frames)[:, Plane.OWN] > 0


def border(frames: Sequence[Frame]) -> np.ndarray:
    """Own tiles that touch land of others or of nobody."""
    return border_mask(planes_of(frames))


def threats(frames: Sequence[Frame]) -> np.ndarray:
    """Enemy tiles that touch own land: from where the agent can be attacked next."""
    planes = planes_of(frames)
    return (planes[:, Plane.ENEMY] > 0) & beside(planes[:, Plane.OWN] > 0)


def fronts(frames: Sequence[Frame]) -> np.ndarray:
    """Tiles that an attack under way, anyone's, is about to take. The planes don't show them: only troops out do."""
    return np.stack([find_fronts(frame.owner, frame.terrain, frame.attacks) > 0 for frame in frames])


def cities(frames: Sequence[Frame]) -> np.ndarray:
    """Tiles with a city, anyone's."""
    return planes_of(frames)[:, Plane.CITIES] > 0


PLACES: Mapping[str, Place] = {
    "border": border,
    "own land": own_land,
    "threats": threats,
    "fronts": fronts,
    "cities": cities,
}
