"""Where a game begins: the map from its seed, then everyone's start."""

import numpy as np

from territory.world.params import WorldParams

from .numbers import MAP, SPAWN, below, stream, uniform

LEVELS = 4096  # of elevation
SINGLE = np.float32  # elevations are single precision


def terrain_of(seed: int, params: WorldParams) -> np.ndarray:
    """uint8 (H, W): 0 water, 1 plains, 2 highland, 3 mountain."""
    level = levels_of(elevation_of(seed, params.height, params.width))
    below_level = np.concatenate([[0], np.cumsum(np.bincount(level.flat, minlength=LEVELS))])
    land = largest_piece(level >= np.argmax(below_level >= params.water_share * level.size))
    counts, size = np.bincount(level[land], minlength=LEVELS), np.count_nonzero(land)
    highland = level >= top_share(counts, size * (params.mountain_share + params.highland_share))
    mountain = level >= top_share(counts, size * params.mountain_share)
    return (land * np.where(highland, np.where(mountain, 3, 2), 1)).astype(np.uint8)


def elevation_of(seed: int, height: int, width: int) -> np.ndarray:
    """float32 (H, W): four octaves of random heights on a lattice, with smooth steps between."""
    elevation, key = np.zeros((height, width), SINGLE), stream(seed, MAP, 0)
    for octave in range(4):
        spacing = 32 >> octave
        rows, columns = np.indices((height // spacing + 2, width // spacing + 2), np.uint64)
        lattice = (0.5**octave * uniform(key, (octave * 4096 + rows) * 4096 + columns)).astype(SINGLE)
        t = (np.arange(spacing) + 0.5) / spacing
        ease = (t * t * (3 - 2 * t)).astype(SINGLE)
        (i, down), (j, across) = (np.divmod(np.arange(side), spacing) for side in (height, width))
        lines = lattice[i] + (lattice[i + 1] - lattice[i]) * ease[down, None]
        elevation += lines[:, j] + (lines[:, j + 1] - lines[:, j]) * ease[across]
    return elevation


def levels_of(elevation: np.ndarray) -> np.ndarray:
    """int (H, W): the elevation in 4,096 steps from the lowest to the highest."""
    low, high = elevation.min(), elevation.max()
    return ((elevation - low) * SINGLE((LEVELS - 1) / float(max(high - low, SINGLE(1e-6))))).astype(int)


def largest_piece(land: np.ndarray) -> np.ndarray:
    """bool (H, W): the largest piece (4-connected; of equals, the first from the north) of some land.

    Every tile takes the lowest number beside it until nothing changes: a piece gets the number of its first tile.
    """
    sea = land.size
    numbers = np.where(land, np.arange(land.size).reshape(land.shape), sea)
    while True:
        wide = np.pad(numbers, 1, constant_values=sea)
        around = [numbers, wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]]
        spread = np.where(land, np.minimum.reduce(around), sea)
        if np.array_equal(spread, numbers):
            break
        numbers = spread
    return numbers == np.argmax(np.bincount(numbers[land]))


def top_share(counts: np.ndarray, wanted: float) -> int:
    """The level from which up no more than `wanted` tiles lie."""
    from_level_up = np.cumsum(counts[::-1])[::-1]
    return int(np.count_nonzero(from_level_up > wanted))


def starts_of(seed: int, params: WorldParams, terrain: np.ndarray) -> np.ndarray:
    """uint8 (H, W): the owners of a new game. Who finds no place asks for a little less every 64 tries."""
    owner, key = np.zeros(terrain.shape, np.uint8), stream(seed, SPAWN, 0)
    spacing, room, tries, centres = params.spawn_spacing, 45.0, 0, []
    while len(centres) < params.num_players:
        tries += 1
        if tries % 64 == 0:
            spacing, room = spacing * 0.9, room * 0.97
        row, column = below(key, 2 * tries, params.height), below(key, 2 * tries + 1, params.width)
        rows, columns = np.ogrid[: params.height, : params.width]
        disc = (rows - row - 0.5) ** 2 + (columns - column - 0.5) ** 2 <= 16
        free = disc & (terrain > 0) & (owner == 0)
        near = any(abs(row - other) + abs(column - across) < spacing for other, across in centres)
        if not near and np.count_nonzero(free) >= max(room, 1.0):
            centres.append((row, column))
            owner[free] = len(centres)
    return owner
