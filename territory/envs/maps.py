"""Maps from images, and images of maps.

What a colour means (`map_from_image`):

- an image in exactly the four colours that `save_map` writes is read back exactly;
- a grey image is a height map: water below 64 of 255, plains below 144, highland below 200, mountain from there;
- a coloured image is read as a painted map: blue (or transparent) is water, green plains; of the rest what has colour
  (brown, yellow, red) is highland, and grey or white is mountain.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from territory.errors import BadInput
from territory.files import write_whole
from territory.world.params import SIDE_STEP
from territory.world.picture import TERRAIN_COLOURS
from territory.world.rules import HIGHLAND, MOUNTAIN, PLAINS, WATER

HEIGHTS = (64, 144, 200)  # grey levels where plains, highland and mountain begin
GREYISH = 0.2  # a colour whose channels differ by less than this share of the brightest is grey
MOST_TILES = 1024  # a side: beyond, an image is surely no map of one pixel a tile


def as_terrain(map: Any, height: int | None = None, width: int | None = None) -> np.ndarray:
    """An environment's ``map``: an array (H, W) of terrain as it is, anything else by `map_from_image`."""
    if isinstance(map, str | Path | Image.Image) or np.ndim(map) == 3:
        return map_from_image(map, height, width)
    if np.ndim(map) != 2:
        raise BadInput(
            "map must be a 2-D array of terrain (height, width), an image (height, width, 3) or the path of one; "
            f"got {np.ndim(map)} dimensions"
        )
    return np.asarray(map)


def map_from_image(image: str | Path | Image.Image | np.ndarray, height: int | None = None, width: int | None = None):
    """A map from an image (see above), one tile a pixel, or resized to `height` x `width` tiles.

    Args:
        image: a path, a Pillow image, or uint8 (H, W, 3 or 4).
        height, width: sides of the map in tiles, multiples of 32; by default the image's own.

    Returns:
        uint8 (height, width) of 0 water, 1 plains, 2 highland, 3 mountain.

    Raises:
        BadInput: there is no image there, or its sides are no multiples of 32 and no others were given.
    """
    opened = _open(image).convert("RGBA")
    size = (width or opened.width, height or opened.height)
    if any(side % SIDE_STEP or not SIDE_STEP <= side <= MOST_TILES for side in size):
        raise BadInput(
            f"a map's sides are multiples of {SIDE_STEP} tiles, {SIDE_STEP} to {MOST_TILES}, but this one would be "
            f"{size[1]} high and {size[0]} wide: give height and width in tiles, {_near(opened)} for example"
        )
    exact = _exact_terrain(np.asarray(opened))
    if exact is not None:
        return np.asarray(Image.fromarray(exact).resize(size, Image.Resampling.NEAREST))
    return _painted_terrain(np.asarray(opened.resize(size, Image.Resampling.BOX)))


def save_map(terrain: np.ndarray, path: str | Path) -> None:
    """Write a map uint8 (H, W) as an image, one pixel a tile, which `map_from_image` reads back exactly (as PNG)."""
    terrain = np.asarray(terrain)
    if terrain.ndim != 2 or terrain.min() < WATER or terrain.max() > MOUNTAIN:
        raise BadInput(f"a map is (height, width) of 0 to 3, got {terrain.shape} of {terrain.min()} to {terrain.max()}")
    if Path(path).suffix.lower() != ".png":
        raise BadInput(f"a map is written as .png, which keeps colours exactly; got {path}")
    with write_whole(path) as unfinished:
        Image.fromarray(np.array(TERRAIN_COLOURS, np.uint8)[terrain]).save(unfinished)


def _open(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    try:
        return Image.open(image) if isinstance(image, str | Path) else Image.fromarray(np.asarray(image, np.uint8))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BadInput(f"no map at {image}") from error
    except (UnidentifiedImageError, TypeError, OSError) as error:
        raise BadInput(f"a map is an image file or uint8 (height, width, 3), which this is not: {error}") from error


def _near(image: Image.Image) -> str:
    """The nearest sides in multiples of 32, for a longer side of at most 128."""
    share = min(1, 128 / max(image.size))
    height, width = (max(1, round(side * share / SIDE_STEP)) * SIDE_STEP for side in (image.height, image.width))
    return f"height={height}, width={width}"


def _exact_terrain(pixels: np.ndarray) -> np.ndarray | None:
    """The map that `save_map` wrote as these pixels (H, W, 4); None where some pixel has another colour."""
    same = (pixels[..., None, :3] == np.array(TERRAIN_COLOURS)).all(axis=-1)
    return same.argmax(axis=-1).astype(np.uint8) if same.any(axis=-1).all() else None


def _painted_terrain(pixels: np.ndarray) -> np.ndarray:
    red, green, blue, opaque = (pixels[..., channel].astype(int) for channel in range(4))
    brightest = np.maximum(np.maximum(red, green), blue)
    colourless = brightest - np.minimum(np.minimum(red, green), blue) <= GREYISH * brightest
    if colourless[opaque >= 128].all():
        terrain = np.searchsorted(HEIGHTS, brightest, side="right")
    else:
        painted = [colourless, blue == brightest, green == brightest]
        terrain = np.select(painted, [MOUNTAIN, WATER, PLAINS], HIGHLAND)
    return np.where(opaque < 128, WATER, terrain).astype(np.uint8)
