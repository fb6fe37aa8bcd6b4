"""Maps from a seed: smooth noise, a chosen share of water, one connected piece of land."""

import numpy as np

from territory.world import rng
from territory.world.compiled import kernel
from territory.world.rules import HIGHLAND, MOUNTAIN, PLAINS, WATER

_LEVELS = 4096  # elevation steps: fine enough for shares within a tile or two
_COARSEST = 32  # tiles between lattice points of the first octave
_OCTAVES = 4  # each half as wide and half as high as the one before


@kernel
def generate(seed, settings, terrain):
    """Fill `terrain`, uint8 (C,) flat with its border, from a seed. Returns the number of land tiles."""
    height, width = settings.height, settings.width
    elevation = _noise(seed, height, width)
    levels = _levels(elevation)
    water, highland, mountain = settings.shares
    _paint(terrain, levels, width, _quantile(levels, water), PLAINS)
    land = _keep_largest(terrain, settings)
    _raise_land(terrain, levels, width, land, highland, mountain)
    return land


@kernel
def _noise(seed, height, width):
    elevation = np.zeros((height, width), np.float32)
    key = rng.stream(seed, rng.MAP, 0)
    amplitude = np.float32(1.0)
    for octave in range(_OCTAVES):
        _add_octave(elevation, key, octave, _COARSEST >> octave, amplitude)
        amplitude *= np.float32(0.5)
    return elevation


@kernel
def _add_octave(elevation, key, octave, spacing, amplitude):
    """Value noise: random heights on a lattice, smoothly interpolated between."""
    height, width = elevation.shape
    rows, columns = height // spacing + 2, width // spacing + 2
    lattice = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            lattice[i, j] = amplitude * rng.uniform(key, (octave * 4096 + i) * 4096 + j)
    ease = np.empty(spacing, np.float32)
    for k in range(spacing):
        t = (k + 0.5) / spacing
        ease[k] = t * t * (3 - 2 * t)
    line = np.empty(columns, np.float32)
    for r in range(height):
        i, a = r // spacing, ease[r % spacing]
        for j in range(columns):
            line[j] = lattice[i, j] + (lattice[i + 1, j] - lattice[i, j]) * a
        for c in range(width):
            j = c // spacing
            elevation[r, c] += line[j] + (line[j + 1] - line[j]) * ease[c % spacing]


@kernel
def _levels(elevation):
    low, high = elevation.min(), elevation.max()
    scale = np.float32((_LEVELS - 1) / max(high - low, np.float32(1e-6)))
    levels = np.empty(elevation.shape, np.uint16)
    for r in range(elevation.shape[0]):
        for c in range(elevation.shape[1]):
            levels[r, c] = np.uint16((elevation[r, c] - low) * scale)
    return levels


@kernel
def _quantile(levels, share):
    """The lowest level with at least `share` of the cells below it."""
    counts = np.zeros(_LEVELS + 1, np.int64)
    for level in levels.flat:
        counts[level] += 1
    wanted = share * levels.size
    below = 0
    for level in range(_LEVELS):
        if below >= wanted:
            return level
        below += counts[level]
    return _LEVELS


@kernel
def _paint(terrain, levels, width, shore, kind):
    terrain[:] = WATER
    for r in range(levels.shape[0]):
        row = (r + 1) * (width + 2) + 1
        for c in range(width):
            if levels[r, c] >= shore:
                terrain[row + c] = kind


@kernel
def _keep_largest(terrain, settings):
    """Drown every piece of land (4-connected) but the largest; returns its size."""
    piece = np.zeros(terrain.size, np.int32)
    queue = np.empty(terrain.size, np.int32)
    best, best_size, found = 0, 0, 0
    for start in range(terrain.size):
        if terrain[start] == WATER or piece[start]:
            continue
        found += 1
        size = _flood(terrain, settings.offsets, piece, queue, start, found)
        if size > best_size:
            best, best_size = found, size
    for cell in range(terrain.size):
        if piece[cell] != best:
            terrain[cell] = WATER
    return best_size


@kernel
def _flood(terrain, offsets, piece, queue, start, label):
    piece[start], queue[0] = label, start
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        for d in range(0, 8, 2):
            neighbour = cell + offsets[d]
            if terrain[neighbour] != WATER and piece[neighbour] == 0:
                piece[neighbour] = label
                queue[tail] = neighbour
                tail += 1
    return tail


@kernel
def _raise_land(terrain, levels, width, land, highland, mountain):
    """Turn the highest shares of the land into mountains and highland."""
    counts = np.zeros(_LEVELS, np.int64)
    for r in range(levels.shape[0]):
        row = (r + 1) * (width + 2) + 1
        for c in range(width):
            if terrain[row + c]:
                counts[levels[r, c]] += 1
    mountain_from = _top_share(counts, land * mountain)
    highland_from = _top_share(counts, land * (mountain + highland))
    for r in range(levels.shape[0]):
        row = (r + 1) * (width + 2) + 1
        for c in range(width):
            if terrain[row + c] and levels[r, c] >= highland_from:
                terrain[row + c] = MOUNTAIN if levels[r, c] >= mountain_from else HIGHLAND


@kernel
def _top_share(counts, wanted):
    """The level from which up at most about `wanted` cells lie."""
    above, level = 0, _LEVELS
    while level > 0 and above + counts[level - 1] <= wanted:
        level -= 1
        above += counts[level]
    return level
