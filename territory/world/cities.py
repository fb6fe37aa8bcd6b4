"""Cities: where one may stand, what it costs, and building it."""

import numpy as np

from territory.world import rules
from territory.world.compiled import kernel


@kernel
def next_price(game, settings, player):
    """Gold for this player's next city."""
    return rules.city_price(float(game.cities[player]), settings.city_price, settings.city_price_limit)


@kernel
def can_pay(game, settings, player):
    """Whether the player is alive and has the gold for its next city."""
    return game.alive[player] and game.gold[player] >= next_price(game, settings, player)


@kernel
def can_build(game, settings, player):
    """Whether the player can pay for a city and has a cell for it."""
    if not can_pay(game, settings, player):
        return False
    standing = _standing(game)
    for cell in range(game.owner.size):
        if game.owner[cell] == player and _far_enough(cell, standing, settings):
            return True
    return False


@kernel
def site(game, settings, player):
    """Where the player would build now: its deepest cell far enough from any city (the first of equals), or -1."""
    if not can_pay(game, settings, player):
        return -1
    standing = _standing(game)
    depth = _depths(game, settings, player)
    best, deepest = 0, -1
    for cell in range(depth.size):
        if depth[cell] > best and _far_enough(cell, standing, settings):
            best, deepest = depth[cell], cell
    return deepest


@kernel
def build(game, settings, player, site):
    """Pay for a city and set it on its site."""
    game.gold[player] -= next_price(game, settings, player)
    game.city[site] = 1
    game.cities[player] += 1


@kernel
def _standing(game):
    total = game.cities.sum()
    standing = np.empty(total, np.int32)
    found = 0
    for cell in range(game.city.size):
        if game.city[cell]:
            standing[found] = cell
            found += 1
    return standing


@kernel
def _far_enough(cell, standing, settings):
    stride = settings.width + 2
    row, column = cell // stride, cell % stride
    for other in standing:
        down, across = other // stride - row, other % stride - column
        if down * down + across * across < settings.city_spacing**2:
            return False
    return True


@kernel
def _depths(game, settings, player):
    """Steps (Manhattan) from each own cell to the nearest cell that is not the player's; two sweeps."""
    stride = settings.width + 2
    depth = np.zeros(game.owner.size, np.int32)
    for cell in range(stride, depth.size - stride):
        if game.owner[cell] == player:
            depth[cell] = min(depth[cell - 1], depth[cell - stride]) + 1
    for cell in range(depth.size - stride - 1, stride, -1):
        if game.owner[cell] == player:
            depth[cell] = min(depth[cell], min(depth[cell + 1], depth[cell + stride]) + 1)
    return depth
