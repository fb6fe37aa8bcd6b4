"""Cities: where one may stand, what it costs, and building it."""

from territory.world import rules
from territory.world.compiled import kernel


@kernel(inline=True)
def next_price(player, settings):
    """Gold for the next city of a player (its record)."""
    return rules.city_price(float(player.cities), settings.city_price, settings.city_price_limit)


@kernel(inline=True)
def _can_pay(player, settings):
    """Whether a player (its record) is alive and has the gold for its next city."""
    return player.alive and player.gold >= next_price(player, settings)


@kernel
def can_build(game, settings, scratch, player):
    """Whether the player can pay for a city and has a cell for it."""
    if not _can_pay(game.players[player], settings):
        return False
    standing = _list_cities(game, scratch)
    for cell in range(game.owner.size):
        if game.owner[cell] == player and _far_enough(cell, scratch.cells, standing, settings):
            return True
    return False


@kernel
def site(game, settings, scratch, player):
    """Where the player would build now: its deepest cell far enough from any city (the first of equals), or -1."""
    if not _can_pay(game.players[player], settings):
        return -1
    standing, depth = _list_cities(game, scratch), scratch.depth
    _measure_depths(game, settings, player, depth)
    best, deepest = 0, -1
    for cell in range(depth.size):
        if depth[cell] > best and _far_enough(cell, scratch.cells, standing, settings):
            best, deepest = depth[cell], cell
    return deepest


@kernel(inline=True)
def build(game, settings, player, site):
    """Pay for a city and set it on its site."""
    owner = game.players[player]
    owner.gold -= next_price(owner, settings)
    owner.cities += 1
    game.city[site] = 1


@kernel(inline=True)
def _list_cities(game, scratch):
    """Write the cells of all cities into `scratch.cells`; returns how many."""
    found = 0
    for cell in range(game.city.size):
        if game.city[cell]:
            scratch.cells[found] = cell
            found += 1
    return found


@kernel(inline=True)
def _far_enough(cell, cities, standing, settings):
    """Whether a cell is `city_spacing` away from the first `standing` entries of `cities`."""
    stride = settings.width + 2
    row, column = cell // stride, cell % stride
    for i in range(standing):
        down, across = cities[i] // stride - row, cities[i] % stride - column
        if down * down + across * across < settings.city_spacing * settings.city_spacing:
            return False
    return True


@kernel(inline=True)
def _measure_depths(game, settings, player, depth):
    """Steps (Manhattan) from each own cell to the nearest cell that is not the player's; two sweeps."""
    stride = settings.width + 2
    depth[:] = 0
    for cell in range(stride, depth.size - stride):
        if game.owner[cell] == player:
            depth[cell] = min(depth[cell - 1], depth[cell - stride]) + 1
    for cell in range(depth.size - stride - 1, stride, -1):
        if game.owner[cell] == player:
            depth[cell] = min(depth[cell], min(depth[cell + 1], depth[cell + stride]) + 1)
