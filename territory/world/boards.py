"""The map as bits, one board for each owner, as chess programs have it: a front is a shift and an AND.

Bit ``64 * margin + cell`` of a board stands for a cell. One step in a direction moves every bit by the same number of
places; the map's border of water catches what would leave a side, and `margin` empty words at both ends what would
leave the board. So 64 cells are looked at with one instruction, and a tick never walks the map.
"""

import numpy as np

from territory.world.bits import popcount, trailing_zeros
from territory.world.compiled import kernel

_ONE = np.uint64(1)


@kernel
def rebuild(game, settings):
    """Draw the boards from terrain and owners alone."""
    game.ground[:] = 0
    game.boards[:] = 0
    for cell in range(game.terrain.size):
        if game.terrain[cell]:
            _flip(game.ground, settings, cell)
            _flip(game.boards[game.owner[cell]], settings, cell)


@kernel
def change_owner(game, settings, cell, new_owner):
    """Give a cell, with the city on it, to a player; the only way a cell changes hands."""
    old_owner = game.owner[cell]
    game.owner[cell] = new_owner
    _flip(game.boards[old_owner], settings, cell)
    _flip(game.boards[new_owner], settings, cell)
    game.tiles[old_owner] -= 1
    game.tiles[new_owner] += 1
    if game.city[cell]:
        game.cities[old_owner] -= 1
        game.cities[new_owner] += 1


@kernel
def _flip(board, settings, cell):
    bit = 64 * settings.margin + cell
    board[bit >> 6] ^= _ONE << np.uint64(bit & 63)


@kernel
def _moved(board, i, by):
    """Word `i` of a board whose bits all moved up by `by` places."""
    words, bits = by >> 6, np.uint64(by & 63)
    return (board[i - words] << bits) | (board[i - words - 1] >> _ONE >> (np.uint64(63) - bits))


@kernel
def push_front(game, settings, player, direction, front):
    """Write the cells one step in a direction from the player's land that it could take; false if there are none."""
    own, by = game.boards[player], settings.offsets[direction]
    found = np.uint64(0)
    for i in range(settings.margin, front.size - settings.margin):
        front[i] = _moved(own, i, by) & game.ground[i] & ~own[i]
        found |= front[i]
    return found != 0


@kernel
def meets(game, settings, attacker, direction, player):
    """Whether a push of the attacker in this direction would meet the player's land."""
    own, other, by = game.boards[attacker], game.boards[player], settings.offsets[direction]
    found = np.uint64(0)
    for i in range(settings.margin, own.size - settings.margin):
        found |= _moved(own, i, by) & other[i]
    return found != 0


@kernel
def press_front(game, settings, player, among, front):
    """Write the cells of a board that lie beside (N, E, S, W) the player's land; false if there are none."""
    own = game.boards[player]
    north, east, south, west = (
        settings.offsets[0],
        settings.offsets[2],
        settings.offsets[4],
        settings.offsets[6],
    )
    found = np.uint64(0)
    for i in range(settings.margin, front.size - settings.margin):
        beside = _moved(own, i, north) | _moved(own, i, east) | _moved(own, i, south) | _moved(own, i, west)
        front[i] = beside & among[i] & ~own[i]
        found |= front[i]
    return found != 0


@kernel
def count(front, settings):
    """How many cells a front has."""
    total = np.uint64(0)
    for i in range(settings.margin, front.size - settings.margin):
        total += popcount(front[i])
    return np.int64(total)


@kernel
def list_cells(front, settings, cells):
    """Write the cells of a front into `cells`, in the map's order; returns how many."""
    found = 0
    for i in range(settings.margin, front.size - settings.margin):
        word = front[i]
        while word:
            cells[found] = 64 * (i - settings.margin) + np.int64(trailing_zeros(word))
            found += 1
            word &= word - _ONE
    return found
