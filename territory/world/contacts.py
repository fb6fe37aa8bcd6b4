"""Where attacks meet land they could take.

An attack's front may touch several owners; each (attack, owner of the cells) pair is a `contact`. All contacts of a
tick are found on the state the tick began with.
"""

from typing import NamedTuple

import numpy as np

from territory.world.compiled import kernel
from territory.world.state import WHOLE_BORDER

TERRAINS = 4
NEIGHBOURS = 5  # 0 to 4 own cells beside a cell; 0 only across a corner


class Contacts(NamedTuple):
    """The fronts of one tick, for K contacts and M (contact, cell) pairs; the first `count` entries are in use."""

    count: np.ndarray  # int64 (2,): K and M
    index: np.ndarray  # int16 (P+1, 9+P, P+1): the contact of attacker, lane and owner; -1 if none
    attacker: np.ndarray  # int32 (K,)
    lane: np.ndarray  # int32 (K,)
    target: np.ndarray  # int32 (K,)
    cells: np.ndarray  # int32 (K, 5, 4): front cells by own neighbours and terrain
    chance: np.ndarray  # float64 (K, 5, 4): that such a cell falls this tick
    taken: np.ndarray  # int32 (K, 4): cells that fell, by terrain
    pair_contact: np.ndarray  # int32 (M,)
    pair_cell: np.ndarray  # int32 (M,): pairs with the same cell stand together
    pair_neighbours: np.ndarray  # int8 (M,)


@kernel
def attacking(game):
    """Per player: a bit for each direction with an attack, a bit for each player its whole border presses on.

    Attacks with less than one troop are over.
    """
    players = game.alive.size
    lanes = np.zeros(players, np.uint8)
    borders = np.zeros(players, np.uint64)
    for a in range(1, players):
        for lane in range(game.attacks.shape[1]):
            if game.attacks[a, lane] >= 1:
                if lane < WHOLE_BORDER:
                    lanes[a] |= np.uint8(1 << lane)
                else:
                    borders[a] |= np.uint64(1) << np.uint64(lane - WHOLE_BORDER)
            else:
                game.attacks[a, lane] = 0
    return lanes, borders


@kernel
def find_contacts(game, offsets, lanes, borders, index):
    contacts = _no_contacts(game, index)
    beside = np.empty(8, np.uint8)
    for i in range(game.takeable_count[0]):
        cell = game.takeable[i]
        target = game.owner[cell]
        for d in range(8):
            beside[d] = game.owner[cell - offsets[d]]
        for d in range(8):
            a = beside[d]
            if a != 0 and a != target and (lanes[a] >> np.uint8(d)) & 1:
                _add_pair(game, contacts, a, d, target, cell, beside)
        for d in range(0, 8, 2):
            a = beside[d]
            if a != 0 and a != target and presses(borders, a, target) and not _seen_before(beside, d):
                _add_pair(game, contacts, a, WHOLE_BORDER + target, target, cell, beside)
    return contacts


@kernel
def _no_contacts(game, index):
    pairs = 12 * game.takeable_count[0] + 1  # a cell has 8 directions and 4 sides to be taken from
    most = min(pairs, index.size)
    return Contacts(
        np.zeros(2, np.int64),
        index,
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty((most, NEIGHBOURS, TERRAINS), np.int32),
        np.empty((most, NEIGHBOURS, TERRAINS), np.float64),
        np.empty((most, TERRAINS), np.int32),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.int8),
    )


@kernel
def _seen_before(beside, d):
    for earlier in range(0, d, 2):
        if beside[earlier] == beside[d]:
            return True
    return False


@kernel
def _add_pair(game, contacts, attacker, lane, target, cell, beside):
    k = contacts.index[attacker, lane, target]
    if k < 0:
        k = contacts.count[0]
        contacts.count[0] += 1
        contacts.index[attacker, lane, target] = k
        contacts.attacker[k], contacts.lane[k], contacts.target[k] = attacker, lane, target
        contacts.cells[k] = 0
        contacts.taken[k] = 0
    neighbours = 0
    for d in range(0, 8, 2):
        neighbours += beside[d] == attacker
    contacts.cells[k, neighbours, game.terrain[cell]] += 1
    m = contacts.count[1]
    contacts.count[1] += 1
    contacts.pair_contact[m], contacts.pair_cell[m] = k, cell
    contacts.pair_neighbours[m] = neighbours


@kernel
def presses(borders, a, b):
    """Whether the whole border of `a` attacks `b`."""
    return (borders[a] >> np.uint64(b)) & np.uint64(1) != 0
