"""What a player sees: the planes, the statistics and the mask of `layout`, written once, in place."""

import numpy as np
from numba import get_thread_id, prange

from territory.world import cities, rules
from territory.world.actions import NUM_ACTIONS, NUM_BUILDS, NUM_DIRECTIONS, NUM_INTENSITIES
from territory.world.boards import count_beside, has_front
from territory.world.compiled import kernel
from territory.world.layout import Stat
from territory.world.orders import can_commit
from territory.world.planes import log_density, write_planes
from territory.world.state import WHOLE_BORDER, game_of
from territory.world.workspace import workspace_of

(
    _TROOPS_OVER_CAP,
    _LOG_CAP,
    _GROWTH,
    _LAND_SHARE,
    _LAND_SHARE_CHANGE,
    _RANK,
    _PLAYERS_ALIVE,
    _TIME,
    _GOLD_OVER_CITY_COST,
    _NUM_CITIES,
    _COMMITTED,
    _LOG_DENSITY,
    _BORDER_ENEMY_SHARE,
    _STRONGEST_NEIGHBOUR,
    _WEAKEST_NEIGHBOUR,
    _ACTIVE_FRONTS,
) = (int(stat) for stat in Stat)


@kernel(parallel=True)
def observe_batch(state, settings, players, which, workspace, planes, stats, masks):
    """Fill row n of `planes` uint8 (N, 5, H, W), `stats` float32 (N, 16) and `masks` bool (N, 90), n in `which`.

    `players` int (N,) says through whose eyes.
    """
    for i in prange(which.size):
        n = which[i]
        game, books = game_of(state, n), workspace_of(workspace, get_thread_id())
        write_planes(game, settings, players[n], books, planes[n])
        write_stats(game, settings, players[n], count_beside(game, settings, players[n], books), stats[n])
        write_mask(game, settings, players[n], open_directions(game, settings, players[n]), masks[n])


@kernel(inline=True)
def open_directions(game, settings, player):
    """bool (8,): in which directions the player has a front."""
    fronts = np.zeros(NUM_DIRECTIONS, np.bool_)
    for d in range(NUM_DIRECTIONS):
        fronts[d] = has_front(game, settings, player, d)
    return fronts


@kernel
def write_mask(game, settings, player, fronts, mask):
    """True where an action has an effect: a direction with a front, WAIT once, a city that can be built."""
    can_build = cities.can_build(game, settings, player)
    has_troops = can_commit(game, player)
    for action in range(NUM_ACTIONS):
        direction = action // (NUM_INTENSITIES * NUM_BUILDS)
        if direction < NUM_DIRECTIONS:
            allowed = fronts[direction] and has_troops
        else:
            allowed = action // NUM_BUILDS % NUM_INTENSITIES == 0
        mask[action] = allowed and (can_build or action % NUM_BUILDS == 0)


@kernel
def write_stats(game, settings, player, beside, stats):
    """The sixteen numbers, in the order and scale of `layout.Stat`. `beside`: from `count_beside`."""
    kind, tiles = game.kind[player], float(game.tiles[player])
    troops, committed = game.troops[player], game.attacks[player].sum()
    cap = rules.cap(tiles, float(game.cities[player]), rules.CAP_FACTOR[kind])
    fastest = rules.growth(rules.BEST_FILL * cap, cap, 1.0)
    strongest, weakest = _neighbour_strengths(game, player, beside)
    stats[_TROOPS_OVER_CAP] = troops / cap
    stats[_LOG_CAP] = np.log10(cap / 100_000) / 1.5
    stats[_GROWTH] = rules.growth(troops, cap, 1.0) / fastest
    stats[_LAND_SHARE] = tiles / game.land[0]
    stats[_LAND_SHARE_CHANGE] = 20 * (game.tiles[player] - game.tiles_before[player]) / game.land[0]
    stats[_RANK] = (rank_of(game, player) - 1) / (game.alive.size - 2)
    stats[_PLAYERS_ALIVE] = game.alive.sum() / (game.alive.size - 1)
    stats[_TIME] = game.step[0] / settings.max_steps
    stats[_GOLD_OVER_CITY_COST] = game.gold[player] / cities.next_price(game, settings, player)
    stats[_NUM_CITIES] = game.cities[player] / 8
    stats[_COMMITTED] = committed / max(1.0, troops + committed)
    stats[_LOG_DENSITY] = log_density(game, player)
    stats[_BORDER_ENEMY_SHARE] = beside[1:].sum() / max(1, beside.sum())
    stats[_STRONGEST_NEIGHBOUR] = strongest
    stats[_WEAKEST_NEIGHBOUR] = weakest
    stats[_ACTIVE_FRONTS] = (game.attacks[player] >= 1).sum() / WHOLE_BORDER
    for i in range(stats.size):
        stats[i] = min(np.float32(1), max(np.float32(-1), stats[i]))


@kernel
def _strength(game, player):
    return 1 + game.troops[player] + game.attacks[player].sum()


@kernel
def _neighbour_strengths(game, player, beside):
    """log2 of the strongest and the weakest neighbour's troops over ours, / 4.

    With nobody there, nothing to fear (-1) and nothing to take (1).
    """
    own = _strength(game, player)
    strongest, weakest = -1.0, 1.0
    for other in range(1, beside.size):
        if beside[other]:
            relative = np.log2(_strength(game, other) / own) / 4
            strongest, weakest = max(strongest, relative), min(weakest, relative)
    return strongest, weakest


@kernel
def rank_of(game, player):
    """1 for the player with the most tiles; a dead one ranks last (the ancestor gave it the first place)."""
    if not game.alive[player]:
        return game.alive.size - 1
    rank = 1
    for other in range(1, game.alive.size):
        rank += game.tiles[other] > game.tiles[player]
    return rank
