"""The map as bits, one board for each owner, as chess programs have it: a front is a shift and an AND.

Bit ``64 * margin + cell`` of a board stands for a cell. One step in a direction moves every bit by the same number of
places; the map's border of water catches what would leave a side, and `margin` empty words at both ends what would
leave the board. So 64 cells are looked at with one instruction, and a tick never walks the map.
"""

import numpy as np

from territory.world.bits import trailing_zeros
from territory.world.compiled import kernel

_ONE = np.uint64(1)


@kernel
def rebuild(game, settings):
    """Draw the boards from terrain and owners alone."""
    game.ground[:] = 0
    game.boards[:] = 0
    game.spans[:, 0], game.spans[:, 1] = game.ground.size, 0
    for cell in range(game.terrain.size):
        if game.terrain[cell]:
            _flip(game.ground, settings, cell)
            _flip(game.boards[game.owner[cell]], settings, cell)
            _widen(game.spans[game.owner[cell]], settings, cell)


@kernel(inline=True)
def change_owner(game, settings, cell, new_owner):
    """Give a cell, with the city on it, to a player; the only way a cell changes hands."""
    old_owner = game.owner[cell]
    game.owner[cell] = new_owner
    _flip(game.boards[old_owner], settings, cell)
    _flip(game.boards[new_owner], settings, cell)
    _widen(game.spans[new_owner], settings, cell)
    game.tiles[old_owner] -= 1
    game.tiles[new_owner] += 1
    if game.city[cell]:
        game.cities[old_owner] -= 1
        game.cities[new_owner] += 1


@kernel(inline=True)
def _flip(board, settings, cell):
    bit = 64 * settings.margin + cell
    board[bit >> 6] ^= _ONE << np.uint64(bit & 63)


@kernel(inline=True)
def _widen(span, settings, cell):
    """Spans only ever widen: a word too many costs a little time, a word too few would lose land."""
    word = settings.margin + (cell >> 6)
    span[0], span[1] = min(span[0], word), max(span[1], word + 1)


@kernel(inline=True)
def reach(game, settings, player):
    """The words (first, end) in which a front of the player can lie; empty if it never had land."""
    first, end = game.spans[player]
    if first >= end:
        return 0, 0
    step = (settings.width + 3) // 64 + 1
    inside = game.ground.size - settings.margin
    return max(settings.margin, first - step), min(inside, end + step)


@kernel(inline=True)
def _moved(board, by, first, end):
    """The two stretches of words of which a board moved up by `by` places is made, and how far each is shifted.

    Cut to size here, so that the loops below have nothing to check and run several words at a time.
    """
    words, up = by >> 6, np.uint64(by & 63)
    return board[first - words : end - words], board[first - words - 1 : end - words - 1], up, np.uint64(63) - up


@kernel(inline=True)
def push_front(game, settings, player, direction, front):
    """Write the cells one step in a direction from the player's land that it could take.

    Returns the words (first, end) written, empty if there are no such cells.
    """
    first, end = reach(game, settings, player)
    own, ground, out = game.boards[player, first:end], game.ground[first:end], front[first:end]
    high, low, up, down = _moved(game.boards[player], settings.offsets[direction], first, end)
    found = np.uint64(0)
    for i in range(out.size):
        out[i] = ((high[i] << up) | (low[i] >> _ONE >> down)) & ground[i] & ~own[i]
        found |= out[i]
    return first, end if found else first


@kernel(inline=True)
def press_front(game, settings, player, among, front):
    """Write the cells of the board `among` that lie beside (N, E, S, W) the player's land and are not its own.

    Returns the words (first, end) written, empty if there are no such cells.
    """
    first, end = reach(game, settings, player)
    own, board, out = game.boards[player, first:end], among[first:end], front[first:end]
    out[:] = 0
    for d in range(0, 8, 2):
        high, low, up, down = _moved(game.boards[player], settings.offsets[d], first, end)
        for i in range(out.size):
            out[i] |= (high[i] << up) | (low[i] >> _ONE >> down)
    found = np.uint64(0)
    for i in range(out.size):
        out[i] &= board[i] & ~own[i]
        found |= out[i]
    return first, end if found else first


@kernel(inline=True)
def has_front(game, settings, player, direction):
    """Whether `push_front` would write any cell; looks no further than the first."""
    first, end = reach(game, settings, player)
    own, ground = game.boards[player, first:end], game.ground[first:end]
    high, low, up, down = _moved(game.boards[player], settings.offsets[direction], first, end)
    for i in range(own.size):
        if ((high[i] << up) | (low[i] >> _ONE >> down)) & ground[i] & ~own[i]:
            return True
    return False


@kernel(inline=True)
def meets(game, settings, attacker, direction, player):
    """Whether a push of the attacker in this direction would meet the player's land."""
    first, end = reach(game, settings, attacker)
    land = game.boards[player, first:end]
    high, low, up, down = _moved(game.boards[attacker], settings.offsets[direction], first, end)
    for i in range(land.size):
        if ((high[i] << up) | (low[i] >> _ONE >> down)) & land[i]:
            return True
    return False


@kernel(inline=True)
def count_beside(game, settings, player, books):
    """int64 (P+1,): how many cells of each owner, nobody included, lie beside (N, E, S, W) the player's land."""
    beside = np.zeros(game.alive.size, np.int64)
    first, end = press_front(game, settings, player, game.ground, books.front)
    for i in range(list_cells(books.front, settings, first, end, books.front_cells)):
        beside[game.owner[books.front_cells[i]]] += 1
    return beside


@kernel(inline=True)
def list_cells(board, settings, first, end, cells):
    """Write the cells that the words from `first` to `end` hold into `cells`, in the map's order; returns how many."""
    found = 0
    for i in range(first, end):
        word, start = board[i], 64 * (i - settings.margin)
        while word:
            cells[found] = start + np.int64(trailing_zeros(word))
            found += 1
            word &= word - _ONE
    return found
