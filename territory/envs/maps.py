"""Maps from images, and images of maps.

What a colour means (`map_from_image`):

- an image in exactly the four colours that `save_map` writes is read back exactly;
- a grey image is a height map: water below 64 of 255 (a quarter of 16 bits too), plains below 144, highland below 200,
  mountain from there;
- a coloured image is read as a painted map: blue (or transparent) is water, green plains; of the rest what has colour
  (brown, yellow, red) is highland, and grey or white is mountain.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from territory.errors import BadInput, as_array, shown, whole
from territory.files import as_path, read_bytes, write_whole
from territory.world.params import LONGEST_SIDE, SIDE_STEP
from territory.world.picture import TERRAIN_COLOURS
from territory.world.rules import HIGHLAND, MOUNTAIN, PLAINS, WATER
from territory.world.world import checked_terrain

HEIGHTS = (64, 144, 200)  # grey levels where plains, highland and mountain begin
LARGEST, MOST_PIXELS = 1 << 26, 1 << 24  # bytes of a file; pixels, before any of them is unpacked
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # others, such as EPS, are read by outside programs
OPAQUE = 128  # less is transparent
GREYISH = 0.2  # a colour whose channels differ by less than this share of the brightest is grey


def as_terrain(map: Any, height: int | None = None, width: int | None = None) -> np.ndarray:
    """An environment's ``map``: an array (H, W) of terrain as it is, anything else by `map_from_image`."""
    if isinstance(map, str | Path | Image.Image) or as_array("map", map).ndim == 3:
        return map_from_image(map, height, width)
    terrain = checked_terrain(map)
    for name, side, given in (("height", terrain.shape[0], height), ("width", terrain.shape[1], width)):
        if given is not None and given != side:
            raise BadInput(f"{name}={shown(given)}, but the map has {side}: leave it out (only an image is resized)")
    return terrain


def map_from_image(image: str | Path | Image.Image | np.ndarray, height: int | None = None, width: int | None = None):
    """A map from an image (see above), one tile a pixel, or resized to `height` x `width` tiles, multiples of 32.

    From a path, a Pillow image, or uint8 (H, W, 3 or 4): uint8 (height, width) of 0 water, 1 plains, 2 highland, 3
    mountain. Raises BadInput: there is no image there, or its sides are no multiples of 32 and no others were given.
    """
    for name, side in (("height", height), ("width", width)):
        if side is not None:
            whole(name, side, SIDE_STEP, LONGEST_SIDE)
    with warnings.catch_warnings(action="ignore"):  # what Pillow finds odd shows in the map, or is a BadInput
        pixels = _open(image)
        size = (width or pixels.width, height or pixels.height)
        if any(side % SIDE_STEP or not SIDE_STEP <= side <= LONGEST_SIDE for side in size):
            share = min(1, 128 / max(pixels.size)) / SIDE_STEP  # a longer side of at most 128
            wide, high = (max(1, round(side * share)) * SIDE_STEP for side in pixels.size)
            near = f"height={high}, width={wide}"
            raise BadInput(
                f"a map's sides are multiples of {SIDE_STEP} tiles, {SIDE_STEP} to {LONGEST_SIDE}, but this one would "
                f"be {size[1]} high and {size[0]} wide: give height and width in tiles, {near} for example"
            )
        exact = _exact_terrain(np.asarray(pixels))
        if exact is not None:
            return np.array(Image.fromarray(exact).resize(size, Image.Resampling.NEAREST))
        return _painted_terrain(np.asarray(pixels.resize(size, Image.Resampling.BOX)))


def save_map(terrain: np.ndarray, path: str | Path) -> None:
    """Write a map uint8 (H, W) as an image, one pixel a tile, which `map_from_image` reads back exactly (as PNG)."""
    terrain = checked_terrain(terrain)
    if as_path(path).suffix.lower() != ".png":
        raise BadInput(f"a map is written as .png, which keeps colours exactly; got {path}")
    with write_whole(path) as unfinished:
        Image.fromarray(np.array(TERRAIN_COLOURS, np.uint8)[terrain]).save(unfinished)


def _open(image: Any) -> Image.Image:
    """An image's pixels as red, green, blue and opacity, the way up that it is meant to be seen."""
    if isinstance(image, str | Path):
        data = read_bytes(image, LARGEST, "map")
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Exception as error:  # as below
            raise BadInput(
                f"a map is an image ({', '.join(FORMATS)}), which {image} is not, or a damaged one"
            ) from error
    elif not isinstance(image, Image.Image):
        image = Image.fromarray(_colours(image))
    if not image.width * image.height:
        raise BadInput(f"a map is an image with pixels in it, got {image.width} x {image.height}")
    if image.mode in ("I", "F"):
        raise BadInput("a map is an image of 8 or 16 bits a colour; this one has 32, and nothing says what white is")
    if image.width * image.height > MOST_PIXELS:
        raise BadInput(
            f"a map is an image of at most {MOST_PIXELS:,} pixels, got {image.width} x {image.height}: make it smaller"
        )
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # which Pillow would cut off at 255
            levels = np.asarray(upright)
            opaque = levels != image.info.get("transparency", -1)
            upright = Image.fromarray(np.dstack([levels >> 8, opaque * 255]).astype(np.uint8))
        return upright.convert("RGBA")
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them stumble over
        raise BadInput(f"the image can't be read: it is damaged or cut off ({error})") from error


def _colours(pixels: Any) -> np.ndarray:
    """An array of colours as uint8 (H, W), (H, W, 3) or (H, W, 4); BadInput for anything else."""
    given = as_array("a map", pixels)
    shaped = 0 < given.size <= 4 * MOST_PIXELS and (given.ndim == 2 or (given.ndim == 3 and given.shape[2] in (3, 4)))
    if shaped and given.dtype.kind in "iu" and 0 <= given.min() <= given.max() <= 255:
        return given.astype(np.uint8)
    got = f"{given.dtype} {given.shape}" + (
        f" of {given.min()} to {given.max()}" if shaped and given.dtype.kind in "iuf" else ""
    )
    hint = ": are they shares of 1? Multiply by 255" if given.dtype.kind == "f" else ""
    raise BadInput(
        f"a map is an image file, or whole numbers 0 to 255 of shape (height, width, 3 or 4), got {got}{hint}"
    )


def _exact_terrain(pixels: np.ndarray) -> np.ndarray | None:
    """The map that `save_map` wrote as these pixels (H, W, 4); None where some pixel has another colour."""
    terrain = np.full(pixels.shape[:2], 255, np.uint8)
    for level, colour in enumerate(TERRAIN_COLOURS):
        terrain[(pixels[..., :3] == colour).all(axis=-1)] = level
    return None if (terrain == 255).any() else np.where(pixels[..., 3] < OPAQUE, WATER, terrain).astype(np.uint8)


def _painted_terrain(pixels: np.ndarray) -> np.ndarray:
    red, green, blue, opaque = (pixels[..., channel].astype(int) for channel in range(4))
    brightest = np.maximum(np.maximum(red, green), blue)
    colourless = brightest - np.minimum(np.minimum(red, green), blue) <= GREYISH * brightest
    if colourless[opaque >= OPAQUE].all():
        terrain = np.searchsorted(HEIGHTS, brightest, side="right")
    else:
        painted = [colourless, blue == brightest, green == brightest]
        terrain = np.select(painted, [MOUNTAIN, WATER, PLAINS], HIGHLAND)
    return np.where(opaque < OPAQUE, WATER, terrain).astype(np.uint8)
