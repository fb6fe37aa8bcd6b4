"""What a player sees: the planes, the statistics and the mask of `layout`, written once, in place.

One loop writes one plane, row by row: simple enough for the compiler to do 16 cells and more at a time. A loop that
writes several planes at once takes more than twice as long.
"""

import numpy as np

from territory.world import cities, rules
from territory.world.actions import NUM_ACTIONS, NUM_BUILDS, NUM_DIRECTIONS, NUM_INTENSITIES, NUM_ORDERS
from territory.world.bitboards import count_beside, has_front
from territory.world.combat import can_commit
from territory.world.compiled import kernel
from territory.world.layout import CITY_ENEMY, CITY_OWN, LOG_DENSITY_SCALE, Plane, Stat
from territory.world.state import WHOLE_BORDER

# Planes and statistics are indexed by the `.value` of their names: Numba before 0.68 takes no member of an IntEnum.
# As bytes, so that the loops over cells stay in bytes.
_NONE, _FULL, _CITY_OWN, _CITY_ENEMY = (np.uint8(level) for level in (0, 255, CITY_OWN, CITY_ENEMY))
_SHADE, _SHADES = np.uint8(85), np.uint8(4)  # unclaimed land: 4 - terrain of them, so that plains are the brightest


@kernel
def observe(game, settings, player, scratch, planes, stats, mask):
    """Fill `planes` uint8 (5, H, W), `stats` float32 (16,) and `mask` bool (90,) with what one player sees."""
    _write_land(game, settings, np.uint8(player), planes)
    _write_troops(game, settings, scratch.troop_level, planes[Plane.TROOPS.value])
    _write_stats(game, settings, player, scratch, stats)
    _write_mask(game, settings, player, scratch, mask)


@kernel(inline=True)
def _row(cells, settings, r):
    """Row `r` of the map in an array of cells, uint8 (W,)."""
    first = (r + 1) * (settings.width + 2) + 1
    return cells[first : first + settings.width]


@kernel(inline=True)
def _write_land(game, settings, viewer, planes):
    """The planes that a tile itself decides: whose it is, what lies there unclaimed, and cities."""
    for r in range(settings.height):
        owner, terrain = _row(game.owner, settings, r), _row(game.terrain, settings, r)
        city, towns = _row(game.city, settings, r), planes[Plane.CITIES.value, r]
        own, enemy = planes[Plane.OWN.value, r], planes[Plane.ENEMY.value, r]
        unclaimed = planes[Plane.UNCLAIMED.value, r]
        for c in range(owner.size):
            own[c] = _FULL if owner[c] == viewer else _NONE
        for c in range(owner.size):
            enemy[c] = _NONE if owner[c] == viewer or owner[c] == _NONE else _FULL
        for c in range(owner.size):
            shade = (_SHADES - terrain[c]) * _SHADE
            unclaimed[c] = shade if owner[c] == _NONE and terrain[c] != _NONE else _NONE
        for c in range(owner.size):
            level = _CITY_OWN if owner[c] == viewer else _CITY_ENEMY
            towns[c] = level if city[c] != _NONE else _NONE


@kernel(inline=True)
def _write_troops(game, settings, troop_level, plane):
    """Each player's level over the words of cells it ever held: a third of the time that a look-up by cell takes.

    `troop_level`: scratch uint8 (C,).
    """
    troop_level[:] = _NONE
    for p in range(1, game.players.size):
        player = game.players[p]
        if player.tiles:
            first = max(0, 64 * (np.int64(player.first_word) - settings.margin))
            end = min(game.owner.size, 64 * (np.int64(player.end_word) - settings.margin))
            owner, out = game.owner[first:end], troop_level[first:end]
            holder, level = np.uint8(p), np.uint8(255 * _log_density(player) + 0.5)
            for c in range(owner.size):
                out[c] = level if owner[c] == holder else out[c]
    for r in range(settings.height):
        line, out = _row(troop_level, settings, r), plane[r]
        for c in range(line.size):  # a slice into a slice takes Numba seven times as long
            out[c] = line[c]


@kernel
def _log_density(player):
    """Troops at home per tile on a log scale, 0 to 1; `Plane.TROOPS` has it in bytes, `Stat.LOG_DENSITY` as it is."""
    if player.tiles == 0:
        return 0.0
    return min(1.0, np.log2(1 + player.troops / player.tiles) / LOG_DENSITY_SCALE)


@kernel(inline=True)
def _write_stats(game, settings, player, scratch, stats):
    """The sixteen numbers, in the order and scale of `layout.Stat`."""
    own, land = game.players[player], game.clock.land
    tiles, troops, committed = float(own.tiles), own.troops, game.attacks[player].sum()
    cap = rules.cap(tiles, float(own.cities), rules.CAP_FACTOR[own.kind])
    fastest = rules.growth(rules.BEST_TROOP_RATIO * cap, cap, 1.0)
    alive, fronts, rank = 0, 0, 1
    for p in range(1, game.players.size):
        alive += game.players[p].alive
        rank += game.players[p].tiles > own.tiles
    rank = rank if own.alive else game.players.size - 1  # a dead player ranks last
    for slot in range(game.attacks.shape[1]):
        fronts += game.attacks[player, slot] >= 1
    stats[Stat.TROOPS_OVER_CAP.value] = troops / cap
    stats[Stat.LOG_CAP.value] = np.log10(cap / 100_000) / 1.5
    stats[Stat.GROWTH.value] = rules.growth(troops, cap, 1.0) / fastest
    stats[Stat.LAND_SHARE.value] = tiles / land
    stats[Stat.LAND_SHARE_CHANGE.value] = 20 * (own.tiles - own.tiles_before) / land
    stats[Stat.RANK.value] = (rank - 1) / (game.players.size - 2)
    stats[Stat.PLAYERS_ALIVE.value] = alive / (game.players.size - 1)
    stats[Stat.TIME.value] = game.clock.step / settings.max_steps
    stats[Stat.GOLD_OVER_CITY_COST.value] = own.gold / cities.next_price(own, settings)
    stats[Stat.CITIES.value] = own.cities / 8
    stats[Stat.COMMITTED.value] = committed / max(1.0, troops + committed)
    stats[Stat.LOG_DENSITY.value] = _log_density(own)
    _write_neighbours(game, settings, player, scratch, stats)
    stats[Stat.ACTIVE_FRONTS.value] = fronts / WHOLE_BORDER
    for i in range(stats.size):
        stats[i] = min(np.float32(1), max(np.float32(-1), stats[i]))


@kernel(inline=True)
def _write_neighbours(game, settings, player, scratch, stats):
    """The share of enemies around, and log2 of the strongest and the weakest neighbour's troops over ours, / 4.

    With nobody there, nothing to fear (-1) and nothing to take (1).
    """
    count_beside(game, settings, player, scratch)
    own = 1 + game.players[player].troops + game.attacks[player].sum()
    strongest, weakest, enemies = -1.0, 1.0, 0
    for other in range(1, scratch.seats.size):
        beside = scratch.seats[other].beside
        enemies += beside
        if beside:
            relative = np.log2((1 + game.players[other].troops + game.attacks[other].sum()) / own) / 4
            strongest, weakest = max(strongest, relative), min(weakest, relative)
    stats[Stat.BORDER_ENEMY_SHARE.value] = enemies / max(1, enemies + scratch.seats[0].beside)
    stats[Stat.STRONGEST_NEIGHBOUR.value] = strongest
    stats[Stat.WEAKEST_NEIGHBOUR.value] = weakest


@kernel(inline=True)
def _write_mask(game, settings, player, scratch, mask):
    """True where an action has an effect: a direction with a front, WAIT once, a city that can be built."""
    can_build = cities.can_build(game, settings, scratch, player)
    has_troops = can_commit(game.players[player])
    for first in range(0, NUM_ACTIONS, NUM_ORDERS):
        direction = first // NUM_ORDERS
        waiting = direction == NUM_DIRECTIONS
        allowed = waiting or (has_front(game, settings, player, direction, game.land_board) and has_troops)
        for intensity in range(NUM_INTENSITIES):
            order = allowed and (intensity == 0 or not waiting)
            mask[first + intensity * NUM_BUILDS] = order
            mask[first + intensity * NUM_BUILDS + 1] = order and can_build
