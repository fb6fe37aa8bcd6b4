"""Games as moving pictures: GIF (Pillow) and MP4 (imageio-ffmpeg)."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, cast

import numpy as np
from PIL import Image

from territory.errors import BadInput, real
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
    real("pictures a second", fps, 1, 50)
    if suffix == ".mp4":
        _import_ffmpeg()


def _import_ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise BadInput("a film as .mp4 needs imageio-ffmpeg (pip install imageio-ffmpeg); .gif does without") from error
    return imageio_ffmpeg


def _write_gif(_shape: tuple[int, ...], pictures: Iterator[np.ndarray], path: Path, fps: float) -> None:
    first, *others = (Image.fromarray(each).quantize(256, dither=Image.Dither.NONE) for each in pictures)
    duration = 10 * round(100 / fps)  # milliseconds, but kept in hundredths
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0, optimize=False)


def _write_mp4(shape: tuple[int, ...], pictures: Iterator[np.ndarray], path: Path, fps: float) -> None:
    # H.264 that every browser plays; sides must be even, which those of boards are.
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}", "-r", str(fps), "-i", "-")
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16", "-preset", "fast", str(path))
    command = [_import_ffmpeg().get_ffmpeg_exe(), "-y", "-v", "error", *raw, *coded]
    with Popen(command, stdin=PIPE, stderr=PIPE) as ffmpeg:
        with suppress(BrokenPipeError):  # ffmpeg says itself why it stopped
            for picture in pictures:
                cast(Any, ffmpeg.stdin).write(np.ascontiguousarray(picture))
        said = ffmpeg.communicate()[1].decode("utf-8", "replace")
    if ffmpeg.returncode:
        raise OSError(said or f"ffmpeg ended with status {ffmpeg.returncode}")
