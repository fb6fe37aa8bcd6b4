"""The map as bits, one bitboard for each owner, as chess programs have it: a front is a shift and an AND.

Bit ``64 * margin + cell`` of a bitboard stands for a cell. One step in a direction moves every bit by the same number
of places; the map's border of water catches what would leave a side, and `margin` empty words at both ends what would
leave the board. So 64 cells are looked at with one instruction, and a tick never walks the map.
"""

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from territory.world.compiled import kernel

_ONE = np.uint64(1)


@cast(Any, intrinsic)  # Numba turns the two parameters into one
def trailing_zeros(typingctx, word):
    """The index of the lowest set bit of a uint64, 64 if none is set: one instruction that Python has no name for."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@kernel
def rebuild(game, settings):
    """Draw the bitboards from terrain and owners alone."""
    game.land_board[:] = 0
    game.bitboards[:] = 0
    for p in range(game.players.size):
        game.players[p].first_word, game.players[p].end_word = game.land_board.size, 0
    for cell in range(game.terrain.size):
        if game.terrain[cell]:
            _flip(game.land_board, settings, cell)
            _flip(game.bitboards[game.owner[cell]], settings, cell)
            _widen(game.players[game.owner[cell]], settings, cell)


@kernel
def change_owner(game, settings, cell, new_owner):
    """Give a cell, with the city on it, to a player; the only way a cell changes hands."""
    old_owner = game.owner[cell]
    loser, winner = game.players[old_owner], game.players[new_owner]
    game.owner[cell] = new_owner
    _flip(game.bitboards[old_owner], settings, cell)
    _flip(game.bitboards[new_owner], settings, cell)
    _widen(winner, settings, cell)
    loser.tiles -= 1
    winner.tiles += 1
    if game.city[cell]:
        loser.cities -= 1
        winner.cities += 1


@kernel(inline=True)
def _flip(board, settings, cell):
    bit = 64 * settings.margin + cell
    board[bit >> 6] ^= _ONE << np.uint64(bit & 63)


@kernel(inline=True)
def _widen(player, settings, cell):
    """Spans only ever widen: a word too many costs a little time, a word too few would lose land."""
    word = settings.margin + (cell >> 6)
    player.first_word, player.end_word = min(player.first_word, word), max(player.end_word, word + 1)


@kernel(inline=True)
def _reach(game, settings, player):
    """The words (first, end) in which a front of the player can lie; empty if it never had land."""
    first, end = np.int64(game.players[player].first_word), np.int64(game.players[player].end_word)
    if first >= end:
        return 0, 0
    step = (settings.width + 3) // 64 + 1
    inside = game.land_board.size - settings.margin
    return max(settings.margin, first - step), min(inside, end + step)


@kernel(inline=True)
def _shifted(board, by, first, end):
    """The two stretches of words of which a bitboard moved up by `by` places is made, and how far each is shifted.

    Cut to size here, so that the loops below have nothing to check and run several words at a time.
    """
    words, up = by >> 6, np.uint64(by & 63)
    return board[first - words : end - words], board[first - words - 1 : end - words - 1], up, np.uint64(63) - up


@kernel
def directional_front(game, settings, player, direction, front):
    """Write the cells one step in a direction from the player's land that it could take.

    Returns the words (first, end) written, empty if there are no such cells.
    """
    first, end = _reach(game, settings, player)
    board = game.bitboards[player]
    own, land, out = board[first:end], game.land_board[first:end], front[first:end]
    high, low, up, down = _shifted(board, settings.offsets[direction], first, end)
    found = np.uint64(0)
    for i in range(out.size):
        out[i] = ((high[i] << up) | (low[i] >> _ONE >> down)) & land[i] & ~own[i]
        found |= out[i]
    return first, end if found else first


@kernel
def border_front(game, settings, player, among, front):
    """Write the cells of the bitboard `among` that lie beside (N, E, S, W) the player's land and are not its own.

    Returns the words (first, end) written, empty if there are no such cells.
    """
    first, end = _reach(game, settings, player)
    board = game.bitboards[player]
    own, others, out = board[first:end], among[first:end], front[first:end]
    for i in range(out.size):
        out[i] = np.uint64(0)
    for d in range(0, 8, 2):
        high, low, up, down = _shifted(board, settings.offsets[d], first, end)
        for i in range(out.size):
            out[i] |= (high[i] << up) | (low[i] >> _ONE >> down)
    found = np.uint64(0)
    for i in range(out.size):
        out[i] &= others[i] & ~own[i]
        found |= out[i]
    return first, end if found else first


@kernel
def has_front(game, settings, player, direction, among):
    """Whether `directional_front` would write any cell of the bitboard `among`; looks no further than the first."""
    first, end = _reach(game, settings, player)
    board = game.bitboards[player]
    own, others = board[first:end], among[first:end]
    high, low, up, down = _shifted(board, settings.offsets[direction], first, end)
    for i in range(own.size):
        if ((high[i] << up) | (low[i] >> _ONE >> down)) & others[i] & ~own[i]:
            return True
    return False


@kernel
def count_beside(game, settings, player, scratch):
    """Count, as `seats[owner].beside`, each owner's cells (nobody's too) beside (N, E, S, W) the player's land."""
    for p in range(scratch.seats.size):
        scratch.seats[p].beside = 0
    first, end = border_front(game, settings, player, game.land_board, scratch.front)
    for i in range(list_cells(scratch.front, settings, first, end, scratch.cells)):
        scratch.seats[game.owner[scratch.cells[i]]].beside += 1


@kernel
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
