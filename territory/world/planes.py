"""The five planes of what a player sees.

One loop writes one plane, row by row: simple enough for the compiler to do 16 cells and more at a time. A loop that
writes several planes at once takes more than twice as long.
"""

import numpy as np

from territory.world.compiled import kernel
from territory.world.layout import CITY_ENEMY, CITY_OWN, LOG_DENSITY_SCALE, Plane

_OWN, _ENEMY, _UNCLAIMED, _TROOPS, _CITIES = (int(plane) for plane in Plane)
# As bytes, so that the loops over cells stay in bytes.
_NONE, _FULL, _CITY_OWN, _CITY_ENEMY = (np.uint8(level) for level in (0, 255, CITY_OWN, CITY_ENEMY))
_SHADE, _SHADES = np.uint8(85), np.uint8(4)  # unclaimed land: 4 - terrain of them, so that plains are the brightest


@kernel(inline=True)
def write_planes(game, settings, player, books, planes):
    """Fill `planes` uint8 (5, H, W) with what the player sees."""
    viewer = np.uint8(player)
    _write_own(game, settings, viewer, planes[_OWN])
    _write_enemy(game, settings, viewer, planes[_ENEMY])
    _write_unclaimed(game, settings, planes[_UNCLAIMED])
    _write_troops(game, settings, books.shades, planes[_TROOPS])
    _write_cities(game, settings, viewer, planes[_CITIES])


@kernel(inline=True)
def _row(cells, settings, r):
    """Row `r` of the map in an array of cells, uint8 (W,)."""
    first = (r + 1) * (settings.width + 2) + 1
    return cells[first : first + settings.width]


@kernel(inline=True)
def _write_own(game, settings, viewer, plane):
    for r in range(settings.height):
        owner, out = _row(game.owner, settings, r), plane[r]
        for c in range(owner.size):
            out[c] = _FULL if owner[c] == viewer else _NONE


@kernel(inline=True)
def _write_enemy(game, settings, viewer, plane):
    for r in range(settings.height):
        owner, out = _row(game.owner, settings, r), plane[r]
        for c in range(owner.size):
            out[c] = _NONE if owner[c] == viewer or owner[c] == _NONE else _FULL


@kernel(inline=True)
def _write_unclaimed(game, settings, plane):
    for r in range(settings.height):
        owner, terrain, out = _row(game.owner, settings, r), _row(game.terrain, settings, r), plane[r]
        for c in range(owner.size):
            shade = (_SHADES - terrain[c]) * _SHADE
            out[c] = shade if owner[c] == _NONE and terrain[c] != _NONE else _NONE


@kernel(inline=True)
def _write_troops(game, settings, shades, plane):
    """Each player's shade over the words of cells it ever held: a third of the time that a look-up by cell takes.

    `shades`: scratch uint8 (C,).
    """
    shades[:] = _NONE
    for p in range(1, game.alive.size):
        if game.tiles[p]:
            first, end = _held(game, settings, p)
            owner, out = game.owner[first:end], shades[first:end]
            holder, shade = np.uint8(p), np.uint8(255 * log_density(game, p) + 0.5)
            for c in range(owner.size):
                out[c] = shade if owner[c] == holder else out[c]
    for r in range(settings.height):
        line, out = _row(shades, settings, r), plane[r]
        for c in range(line.size):  # a slice into a slice takes Numba seven times as long
            out[c] = line[c]


@kernel(inline=True)
def _held(game, settings, player):
    """The cells (first, end) among which all of the player's lie."""
    first, end = game.spans[player]
    return max(0, 64 * (first - settings.margin)), min(game.owner.size, 64 * (end - settings.margin))


@kernel(inline=True)
def _write_cities(game, settings, viewer, plane):
    for r in range(settings.height):
        owner, city, out = _row(game.owner, settings, r), _row(game.city, settings, r), plane[r]
        for c in range(owner.size):
            level = _CITY_OWN if owner[c] == viewer else _CITY_ENEMY
            out[c] = level if city[c] != _NONE else _NONE


@kernel(inline=True)
def log_density(game, player):
    """Troops at home per tile on a log scale, 0 to 1; `Plane.TROOPS` has it in bytes, `Stat.LOG_DENSITY` as it is."""
    if game.tiles[player] == 0:
        return 0.0
    return min(1.0, np.log2(1 + game.troops[player] / game.tiles[player]) / LOG_DENSITY_SCALE)
