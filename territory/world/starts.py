"""How a game begins: the map, then a disc of land for everyone, spread out."""

import numpy as np

from territory.world import rng, rules, terrain
from territory.world.boards import change_owner, rebuild
from territory.world.compiled import kernel


@kernel
def start(game, settings, kinds, seed, fixed_map):
    """A new game: its map from the seed (unless `fixed_map`, uint8 (C,), is given), then everyone's start."""
    game.seed[0] = seed
    game.tick[0] = 0
    game.step[0] = 0
    game.owner[:] = 0
    game.city[:] = 0
    game.attacks[:] = 0
    if fixed_map.size:
        game.terrain[:] = fixed_map
        game.land[0] = (fixed_map > 0).sum()
    else:
        game.land[0] = terrain.generate(seed, settings, game.terrain)
    rebuild(game, settings)
    game.tiles[:] = 0
    game.tiles[0] = game.land[0]
    game.cities[:] = 0
    for player in range(1, game.alive.size):
        game.kind[player] = kinds[player]
        game.alive[player] = True
        game.troops[player] = rules.START_TROOPS[kinds[player]]
        game.gold[player] = 0
    _settle(game, settings)
    game.tiles_before[:] = game.tiles


@kernel
def _settle(game, settings):
    """Give every player its start, spread out as far as the map allows."""
    key = rng.stream(game.seed[0], rng.SPAWN, 0)
    stride = settings.width + 2
    rows, columns = np.zeros(game.alive.size, np.int64), np.zeros(game.alive.size, np.int64)
    spacing, room, tries = settings.spawn_spacing, 45.0, 0
    player = 1
    while player < game.alive.size:
        tries += 1
        if tries % 64 == 0:  # no room: settle for a little less
            spacing *= 0.9
            room *= 0.97
        rows[player] = 1 + rng.below(key, 2 * tries, settings.height)
        columns[player] = 1 + rng.below(key, 2 * tries + 1, settings.width)
        if _is_free(game, stride, rows, columns, player, spacing, room):
            _claim_disc(game, settings, rows[player] * stride + columns[player], player)
            player += 1


@kernel
def _is_free(game, stride, rows, columns, player, spacing, room):
    for other in range(1, player):
        if abs(rows[other] - rows[player]) + abs(columns[other] - columns[player]) < spacing:
            return False
    free = 0
    for r in range(max(0, rows[player] - 3), min(game.owner.size // stride, rows[player] + 5)):
        for c in range(max(0, columns[player] - 3), min(stride, columns[player] + 5)):
            if _in_disc(r - rows[player], c - columns[player]):
                free += game.terrain[r * stride + c] > 0 and game.owner[r * stride + c] == 0
    return free >= max(room, 1.0)


@kernel
def _in_disc(down, across):
    """The 52 tiles within 4 of the corner between four tiles."""
    return (down - 0.5) ** 2 + (across - 0.5) ** 2 <= 16


@kernel
def _claim_disc(game, settings, centre, player):
    stride = settings.width + 2
    row, column = centre // stride, centre % stride
    for r in range(max(1, row - 3), min(settings.height + 1, row + 5)):
        for c in range(max(1, column - 3), min(settings.width + 1, column + 5)):
            cell = r * stride + c
            if _in_disc(r - row, c - column) and game.terrain[cell] > 0 and game.owner[cell] == 0:
                change_owner(game, settings, cell, player)
