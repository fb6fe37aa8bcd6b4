"""Taking a part of the map away, without showing the network something it has never seen.

A tile is five numbers that belong together, nearly one-hot: to set them to a mean or to grey would make a tile that no
game has. What is left of a removed tile is here, by default, what was there before anybody came:

- ``vacated``: its land, of the same terrain, unclaimed; water stays water. Every game begins so.
- ``flooded``: water, all five planes 0. Also a tile that the network knows, but it changes the coast.
- ``elsewhere``: the tile of the same place in another of the frames; give frames of several games.

Statistics and mask stay: one input is moved alone. Frames give backgrounds of the shape of their planes, uint8
(T, 5, H, W), and a tile is removed by taking it from the background.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from territory.errors import BadInput
from territory.interpret.measures import to_tiles
from territory.interpret.places import planes_of
from territory.world.layout import UNCLAIMED_BRIGHTNESS, Plane
from territory.world.replay import Frame

Background = Callable[[Sequence[Frame]], np.ndarray]


def vacated(frames: Sequence[Frame]) -> np.ndarray:
    """Nobody's land everywhere."""
    background = np.zeros_like(planes_of(frames))
    terrain = np.stack([frame.terrain for frame in frames])
    background[:, Plane.UNCLAIMED] = np.array(UNCLAIMED_BRIGHTNESS, np.uint8)[terrain]
    return background


def flooded(frames: Sequence[Frame]) -> np.ndarray:
    """Water everywhere."""
    return np.zeros_like(planes_of(frames))


def elsewhere(frames: Sequence[Frame]) -> np.ndarray:
    """The map of the frame half of them further on."""
    return np.roll(planes_of(frames), len(frames) // 2, axis=0)


BACKGROUNDS: Mapping[str, Background] = {"vacated": vacated, "flooded": flooded, "elsewhere": elsewhere}


def without(planes: np.ndarray, background: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Planes uint8 (T, 5, H, W) with the cells bool (T, h, w) taken from the background."""
    if planes.shape != background.shape:
        raise BadInput(f"expected a background of the planes' shape {planes.shape}, came {background.shape}")
    return np.where(to_tiles(cells, *planes.shape[-2:])[:, None], background, planes)
