"""How a game begins: a map from its seed, then a disc of land for everyone, spread out.

The map is smooth noise: the lowest share of it is water, of the land one connected piece stays, and the highest shares
of that are highland and mountain.
"""

import numpy as np

from territory.world import rng, rules
from territory.world.bitboards import change_owner, rebuild
from territory.world.compiled import kernel
from territory.world.rules import HIGHLAND, MOUNTAIN, PLAINS, WATER

_LEVELS = 4096  # elevation steps: fine enough for shares within a tile or two
_COARSEST = 32  # tiles between lattice points of the first octave
_OCTAVES = 4  # each half as wide and half as high as the one before
_DISC_TILES = 52  # that a player's start may take
_START_TILES = 45.0  # of them that it should get, as long as the map has room


@kernel
def start(game, settings, kinds, seed, fixed_map):
    """A new game: its map from the seed (unless `fixed_map`, uint8 (C,), is given), then everyone's start."""
    clock = game.clock
    clock.seed, clock.tick, clock.step = seed, 0, 0
    game.owner[:] = 0
    game.city[:] = 0
    game.attacks[:] = 0.0
    if fixed_map.size:
        for cell in range(fixed_map.size):  # an array into an array takes Numba a second and a half
            game.terrain[cell] = fixed_map[cell]
    else:
        generate(seed, settings, game.terrain)
    land = 0
    for cell in range(game.terrain.size):
        land += game.terrain[cell] > 0
    clock.land = land
    rebuild(game, settings)
    for p in range(game.players.size):
        player, kind = game.players[p], kinds[p]
        player.tiles, player.cities = 0, 0
        if p:
            player.kind, player.alive = kind, True
            player.troops, player.gold = rules.START_TROOPS[kind], 0.0
    game.players[0].tiles = land
    _settle(game, settings)
    for p in range(game.players.size):
        game.players[p].tiles_before = game.players[p].tiles


@kernel(inline=True)
def _settle(game, settings):
    """Give every player its start, spread out as far as the map allows."""
    key = rng.stream(game.clock.seed, rng.SPAWN, 0)
    stride = settings.width + 2
    centres, disc = np.empty(game.players.size, np.int64), np.empty(_DISC_TILES, np.int64)
    spacing, room, tries = settings.spawn_spacing, _START_TILES, 0
    player = 1
    while player < game.players.size:
        tries += 1
        if tries % 64 == 0:  # no room: settle for a little less
            spacing *= 0.9
            room *= 0.97
        row = 1 + rng.below(key, 2 * tries, settings.height)
        column = 1 + rng.below(key, 2 * tries + 1, settings.width)
        centres[player] = row * stride + column
        if _far_apart(centres, stride, player, spacing):
            free = _list_disc(game, settings, row, column, disc)
            if free >= max(room, 1.0):
                for i in range(free):
                    change_owner(game, settings, disc[i], player)
                player += 1


@kernel(inline=True)
def _far_apart(centres, stride, player, spacing):
    for other in range(1, player):
        down = abs(centres[other] // stride - centres[player] // stride)
        if down + abs(centres[other] % stride - centres[player] % stride) < spacing:
            return False
    return True


@kernel(inline=True)
def _list_disc(game, settings, row, column, cells):
    """Write the free land within 4 tiles of the corner between four tiles into `cells`; returns how many."""
    found = 0
    for r in range(max(1, row - 3), min(settings.height + 1, row + 5)):
        for c in range(max(1, column - 3), min(settings.width + 1, column + 5)):
            down, across, cell = r - row - 0.5, c - column - 0.5, r * (settings.width + 2) + c
            if down * down + across * across <= 16 and game.terrain[cell] > 0 and game.owner[cell] == 0:
                cells[found] = cell
                found += 1
    return found


@kernel(inline=True)
def generate(seed, settings, terrain):
    """Fill `terrain`, uint8 (C,) flat with its border, from a seed."""
    height, width = settings.height, settings.width
    elevation, key, amplitude = np.zeros((height, width), np.float32), rng.stream(seed, rng.MAP, 0), np.float32(1.0)
    for octave in range(_OCTAVES):
        _add_octave(elevation, key, octave, _COARSEST >> octave, amplitude)
        amplitude *= np.float32(0.5)
    low = elevation.min()
    scale = np.float32((_LEVELS - 1) / max(elevation.max() - low, np.float32(1e-6)))
    levels, counts = ((elevation - low) * scale).astype(np.uint16), np.empty(_LEVELS, np.int64)
    shore = _lowest_share(levels, counts, settings.water_share)
    terrain[:] = WATER
    inside = terrain.reshape((height + 2, width + 2))[1:-1, 1:-1]
    for r in range(height):
        for c in range(width):
            if levels[r, c] >= shore:
                inside[r, c] = PLAINS
    land = _keep_largest(terrain, settings)
    raised = land * (settings.mountain_share + settings.highland_share)
    _raise_land(inside, levels, counts, land * settings.mountain_share, raised)


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


@kernel(inline=True)
def _lowest_share(levels, counts, share):
    """The lowest level with at least `share` of the cells below it."""
    counts[:] = 0
    for level in levels.flat:
        counts[level] += 1
    wanted, below = share * levels.size, 0
    for level in range(_LEVELS):
        if below >= wanted:
            return level
        below += counts[level]
    return _LEVELS


@kernel(inline=True)
def _keep_largest(terrain, settings):
    """Drown every piece of land (4-connected) but the largest; returns its size."""
    piece = np.empty(terrain.size, np.int32)
    queue = np.empty(terrain.size, np.int32)
    piece[:] = 0
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


@kernel(inline=True)
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


@kernel(inline=True)
def _raise_land(terrain, levels, counts, mountains, raised):
    """Of the land, make the highest `raised` tiles highland, and the highest `mountains` of those mountains."""
    counts[:] = 0
    for r in range(levels.shape[0]):
        for c in range(levels.shape[1]):
            counts[levels[r, c]] += terrain[r, c] > 0
    mountain_from, highland_from = _top(counts, mountains), _top(counts, raised)
    for r in range(levels.shape[0]):
        for c in range(levels.shape[1]):
            if terrain[r, c] and levels[r, c] >= highland_from:
                terrain[r, c] = MOUNTAIN if levels[r, c] >= mountain_from else HIGHLAND


@kernel
def _top(counts, wanted):
    """The level from which up at most about `wanted` cells lie."""
    above, level = 0, _LEVELS
    while level > 0 and above + counts[level - 1] <= wanted:
        level -= 1
        above += counts[level]
    return level
