"""Games as moving pictures: GIF (Pillow) and MP4 (imageio-ffmpeg)."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from territory.errors import BadInput
from territory.files import as_path, write_whole
from territory.viz.board import board_picture
from territory.world.replay import Replay

FILMS = (".gif", ".mp4")


def film(replay: Replay, scale: int = 4) -> Iterator[np.ndarray]:
    """A game's boards, one for each step and the last: uint8 (H * scale, W * scale, 3)."""
    for frame in replay.play():
        yield board_picture(frame, scale)


def save_film(pictures: Iterable[np.ndarray], path: str | Path, fps: float = 10) -> None:
    """Write pictures uint8 (H, W, 3), all of one size, as .gif or .mp4, all or nothing.

    A GIF has exactly their colours where a picture has at most 256 (as every game of a few players does), the same
    bytes every time, and one longer frame in place of several equal ones; its time counts in hundredths of a second.

    Raises:
        BadInput: another kind of file, a speed that it can't have, no picture at all, or no ffmpeg for .mp4.
    """
    check_film(path, fps)
    write = _write_gif if Path(path).suffix.lower() == ".gif" else _write_mp4
    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise BadInput("a film needs at least one picture")
    with write_whole(path) as unfinished:
        write(first.shape, itertools.chain([first], pictures), unfinished, fps)


def check_film(path: str | Path, fps: float) -> None:
    """BadInput where `save_film` could not write, before there is a film."""
    suffix = as_path(path, "film").suffix.lower()
    if suffix not in FILMS:
        raise BadInput(f"a film is a {' or '.join(FILMS)} file, got {path}")
    if not 1 <= fps <= 50:
        raise BadInput(f"a film shows 1 to 50 pictures a second, got {fps}")
    if suffix == ".mp4":
        _import_ffmpeg()


def _import_ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise BadInput("a film as .mp4 needs imageio-ffmpeg (pip install imageio-ffmpeg); .gif does without") from error
    return imageio_ffmpeg


def _write_gif(_shape: tuple[int, ...], pictures: Iterator[np.ndarray], path: Path, fps: float) -> None:
    first, *others = map(_in_256_colours, pictures)
    duration = 10 * round(100 / fps)  # milliseconds, but kept in hundredths
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0, optimize=False)


def _in_256_colours(picture: np.ndarray) -> Image.Image:
    image = Image.fromarray(picture)
    counted = image.getcolors(256)
    if counted is None:
        return image.quantize(256, dither=Image.Dither.NONE)
    colours = np.array([colour for _, colour in counted])
    index = np.zeros(1 << 24, np.uint8)
    index[_as_number(colours)] = np.arange(len(colours))
    indexed = Image.fromarray(index[_as_number(picture)])
    indexed.putpalette(colours.astype(np.uint8).tobytes())
    return indexed


def _as_number(colours: np.ndarray) -> np.ndarray:
    return colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def _write_mp4(shape: tuple[int, ...], pictures: Iterator[np.ndarray], path: Path, fps: float) -> None:
    # H.264 that every browser plays; sides must be even, which those of boards are.
    writer = _import_ffmpeg().write_frames(
        path, shape[1::-1], fps=fps, macro_block_size=2, quality=None, output_params=["-crf", "16", "-preset", "fast"]
    )
    with closing(writer):
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture))
