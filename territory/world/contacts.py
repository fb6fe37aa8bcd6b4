"""Where attacks meet land they could take: the contacts of a tick, found on the state it began with.

Contacts stand in the order of attacker, lane, and cell; pairs likewise.
"""

import numpy as np

from territory.world.bits import trailing_zeros
from territory.world.boards import list_cells, press_front, push_front
from territory.world.compiled import kernel
from territory.world.state import WHOLE_BORDER
from territory.world.workspace import CONTACTS, HOMEWARD, PAIRS

_ONE = np.uint64(1)


@kernel
def note_attacks(game, books):
    """Note who pushes where and who presses on whom. Within a step, `note` and `end_spent` keep it true."""
    for a in range(game.alive.size):
        books.lanes[a], books.borders[a] = np.uint8(0), np.uint64(0)
        for lane in range(game.attacks.shape[1]):
            if game.attacks[a, lane] > 0:
                note(books, a, lane)


@kernel(inline=True)
def note(books, a, lane):
    """An attack has begun."""
    if lane < WHOLE_BORDER:
        books.lanes[a] |= np.uint8(1 << lane)
    else:
        books.borders[a] |= _ONE << np.uint64(lane - WHOLE_BORDER)


@kernel(inline=True)
def find_contacts(game, settings, books):
    """List every (attack, owner) contact and every (contact, cell) pair, and the attacks that have none."""
    books.count[:] = 0
    for a in range(1, game.alive.size):
        if books.lanes[a]:
            for d in range(WHOLE_BORDER):
                if (books.lanes[a] >> np.uint8(d)) & 1:
                    _meet_push(game, settings, books, a, d)
        pressed = books.borders[a]
        while pressed:
            _meet_press(game, settings, books, a, np.int64(trailing_zeros(pressed)))
            pressed &= pressed - _ONE


@kernel(inline=True)
def _meet_push(game, settings, books, a, d):
    if _is_over(game, books, a, d):
        return
    first, end = push_front(game, settings, a, d, books.front)
    if first == end:
        return _go_home(books, a, d)
    found = list_cells(books.front, settings, first, end, books.front_cells)
    known = books.count[CONTACTS]
    for i in range(found):
        target = game.owner[books.front_cells[i]]
        if books.contact_of[target] < 0:
            books.contact_of[target] = _new_contact(books, a, d, target)
    _add_pairs(game, settings, books, a, found)
    for k in range(known, books.count[CONTACTS]):
        books.contact_of[books.target[k]] = -1


@kernel(inline=True)
def _meet_press(game, settings, books, a, target):
    lane = WHOLE_BORDER + target
    if _is_over(game, books, a, lane):
        return
    first, end = press_front(game, settings, a, game.boards[target], books.front)
    if first == end:
        return _go_home(books, a, lane)
    books.contact_of[target] = _new_contact(books, a, lane, target)
    _add_pairs(game, settings, books, a, list_cells(books.front, settings, first, end, books.front_cells))
    books.contact_of[target] = -1


@kernel(inline=True)
def _is_over(game, books, a, lane):
    """An attack with less than one troop is over."""
    if game.attacks[a, lane] >= 1:
        return False
    game.attacks[a, lane] = 0
    if lane < WHOLE_BORDER:
        books.lanes[a] &= ~np.uint8(1 << lane)
    else:
        books.borders[a] &= ~(_ONE << np.uint64(lane - WHOLE_BORDER))
    return True


@kernel(inline=True)
def _go_home(books, a, lane):
    i = books.count[HOMEWARD]
    books.count[HOMEWARD] += 1
    books.home_player[i], books.home_lane[i] = a, lane


@kernel(inline=True)
def _new_contact(books, attacker, lane, target):
    k = books.count[CONTACTS]
    books.count[CONTACTS] += 1
    books.attacker[k], books.lane[k], books.target[k] = attacker, lane, target
    books.cells[k] = 0
    books.taken[k] = 0
    return k


@kernel(inline=True)
def _add_pairs(game, settings, books, attacker, found):
    """Pair the first `found` cells of the front at hand with the contacts of their owners."""
    owner, offsets, first = game.owner, settings.offsets, books.count[PAIRS]
    for i in range(found):
        cell = books.front_cells[i]
        k = books.contact_of[owner[cell]]
        neighbours = 0
        for d in range(0, WHOLE_BORDER, 2):
            neighbours += owner[cell + offsets[d]] == attacker
        books.cells[k, neighbours, game.terrain[cell]] += 1
        books.pair_contact[first + i], books.pair_cell[first + i] = k, cell
        books.pair_neighbours[first + i] = neighbours
    books.count[PAIRS] = first + found
