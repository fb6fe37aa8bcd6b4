"""Games outside figures: as moving pictures, GIF (Pillow) and MP4 (imageio-ffmpeg); and as what a page shows.

A page needs no Python: it gets a game, and what networks computed in it, as one block of bytes, and sentences.
An index says where each array lies. Weights are two bytes each, between their layer's least and greatest; everything
else is kept exactly. The sentences say what each plane, each statistic and each number of a training is.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, cast

import numpy as np
from PIL import Image

from territory.errors import BadInput, real
from territory.files import as_path, write_whole
from territory.interpret import ReplayRecord, density_by_player, layers_of
from territory.viz.board import board_picture
from territory.world.layout import Plane, Stat
from territory.world.picture import board_of, find_fronts
from territory.world.replay import Replay
from territory.world.world import World

FILMS = (".gif", ".mp4")
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
    frames = records[0].frames
    players = len(frames[0].troops)
    arrays = {
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
    for number, record in enumerate(records):
        arrays[f"{number}.policy"] = record.probabilities.astype(np.float32)
        arrays[f"{number}.value"] = record.values.astype(np.float32)
        for layer in layers_of(record):
            share = (layer.cells(record.attention[layer.name]) - layer.low) / ((layer.high - layer.low) or 1.0)
            arrays[f"{number}.{layer.name}"] = (share * _STEPS).round().astype(np.uint16)
    return pack(arrays)


def pack_moment(records: Sequence[ReplayRecord]) -> tuple[list[dict[str, Any]], bytes]:
    """Policy, value and weights of records of one frame, exact, under the same names."""
    arrays = {}
    for number, record in enumerate(records):
        weights = {layer.name: layer.cells(record.attention[layer.name]) for layer in layers_of(record)}
        parts = {"policy": record.probabilities, "value": record.values, **weights}
        arrays |= {f"{number}.{name}": values[0].astype(np.float32).reshape(-1) for name, values in parts.items()}
    return pack(arrays)


def pack_board(world: World) -> bytes:
    """The first game of a `World` as it is now, uint8 (3, H, W): terrain, owners with `CITY_BIT`, and fronts."""
    owner, terrain, city, fronts = board_of(world)
    return np.stack([terrain, _with_cities(owner, city), fronts]).tobytes()


def _with_cities(owner: np.ndarray, city: np.ndarray) -> np.ndarray:
    return owner | np.where(city > 0, np.uint8(CITY_BIT), np.uint8(0))


PLANE_SENTENCES: dict[Plane, str] = {
    Plane.OWN: "255 where the land is ours.",
    Plane.ENEMY: "255 where it is another player's; whose it is, is not told.",
    Plane.UNCLAIMED: "Land that nobody owns, the brighter the cheaper: 255 plains, 170 highland, 85 mountain.",
    Plane.TROOPS: "Troops per tile of whoever owns it, on a log scale: a bright neighbour is dangerous.",
    Plane.CITIES: "255 where a city of ours stands, 128 where another player's does.",
}

STAT_SENTENCES: dict[Stat, str] = {
    Stat.TROOPS_OVER_CAP: "The troop ratio (our troops over their cap): near 0.42 troops grow fastest, at 1 no more.",
    Stat.LOG_CAP: "How many troops land and cities can feed, on a log scale: 0 is 100,000, 0.67 a million.",
    Stat.GROWTH: "How fast troops grow now; 1 is the fastest that our cap allows.",
    Stat.LAND_SHARE: "Our share of all land: 0.8 wins.",
    Stat.LAND_SHARE_CHANGE: "What the last step changed of our share of the land, times 20.",
    Stat.RANK: "Our place by land: 0 is the largest player, 1 the smallest.",
    Stat.PLAYERS_ALIVE: "The share of all players that still live.",
    Stat.TIME: "The share of the game's steps that are over.",
    Stat.GOLD_OVER_CITY_COST: "Our gold over the price of our next city: at 1 it can be paid.",
    Stat.CITIES: "How many cities are ours, over 8.",
    Stat.COMMITTED: "The share of our troops that is out attacking, and so neither grows nor defends.",
    Stat.LOG_DENSITY: "Our troops at home per tile, on a log scale: what an attacker has to pay for.",
    Stat.BORDER_ENEMY_SHARE: "Of the land that touches ours, the share that other players own.",
    Stat.STRONGEST_NEIGHBOUR: "The strongest neighbour's troops: 0 as many as ours, 0.25 twice as many; -1 nobody.",
    Stat.WEAKEST_NEIGHBOUR: "The weakest neighbour's troops: 0 as many as ours, -0.25 half as many; 1 nobody.",
    Stat.ACTIVE_FRONTS: "How many attacks of ours are under way, over 8.",
}

# Title -> fields of the training records that share an axis.
TRAINING_PANELS = {
    "the last 100 games": ("win_rate", "land_share", "idle_share"),
    "entropy: how random the policy is": ("entropy",),
    "explained variance: how well the critic predicts": ("explained_variance",),
}
UPDATE_SENTENCES = {
    "win_rate": "The share of the last 100 finished games that were won.",
    "land_share": "The share of all land owned at the end of those games.",
    "idle_share": "The share of the steps of those games that waited.",
    "mean_return": "Undiscounted reward of those games.",
    "mean_length": "Steps of those games.",
    "entropy": "How random the policy is, in nats: 0 where only one action is left.",
    "explained_variance": "1: the critic predicts the returns exactly; 0: no better than their mean.",
    "policy_loss": "The clipped surrogate; it hovers around 0 by design and says little.",
    "value_loss": "Half the mean squared error of the critic.",
    "approx_kl": "KL divergence between the policy after the last epoch and the one that played, in nats.",
    "clip_fraction": "The share of samples outside the clip range.",
    "ratio_deviation": "Largest |ratio - 1| of the first minibatch: rounding alone, unless there is batch norm.",
    "grad_norm": "Length of the gradient before clipping.",
    "learning_rate": "Step size of Adam.",
    "steps_per_second": "Environment steps a second.",
}


def film(replay: Replay, scale: int = 4) -> Iterator[np.ndarray]:
    """A game's boards, one for each step and the last: uint8 (H * scale, W * scale, 3)."""
    for frame in replay.play():
        yield board_picture(frame, scale)


def save_film(pictures: Iterable[np.ndarray], path: str | Path, fps: float = 10) -> None:
    """Write pictures uint8 (H, W, 3), all of one size, as .gif or .mp4, all or nothing.

    A GIF has exactly their colours where a picture has at most 256 (as every game of a few players does), the same
    bytes every time, and one longer frame in place of several equal ones; its time counts in hundredths of a second.

    Raises BadInput: another kind of file, a speed that it can't have, no picture at all, or no ffmpeg for .mp4.
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
