"""Room to work in: what a tick writes down and forgets, kept between ticks so that none has to ask for memory."""

from typing import NamedTuple

import numpy as np
from numba import njit

from territory.world.params import WorldParams
from territory.world.state import WHOLE_BORDER, board_words

TERRAINS = 4
NEIGHBOURS = 5  # 0 to 4 own cells beside a cell; 0 only across a corner
TAKERS = 12  # a cell has 8 directions to be pushed from and 4 sides to be pressed from
CONTACTS, PAIRS, FALLEN, HOMEWARD = range(4)  # entries of `count`


class Workspace(NamedTuple):
    """The books of one tick, for each of T threads: the first `count` entries of each list are in use.

    An attack's front may touch several owners; each (attack, owner of the cells) pair is one of K contacts. Each
    (contact, cell) pair is one of M pairs.
    """

    count: np.ndarray  # int64   (T, 4)        contacts, pairs, fallen cells, attacks on their way home
    lanes: np.ndarray  # uint8   (T, P+1)      bit d: the player pushes in direction d
    borders: np.ndarray  # uint64  (T, P+1)      bit b: its whole border presses on player b
    front: np.ndarray  # uint64  (T, B)        a board for the front at hand
    front_cells: np.ndarray  # int32   (T, C)        its cells
    contact_of: np.ndarray  # int16   (T, P+1)      the contact of the attack at hand with an owner; -1 if none
    attacker: np.ndarray  # int16   (T, K)
    lane: np.ndarray  # int16   (T, K)
    target: np.ndarray  # int16   (T, K)
    cells: np.ndarray  # int32   (T, K, 5, 4)  front cells by own neighbours and terrain
    chance: np.ndarray  # float64 (T, K, 5, 4)  that such a cell falls this tick
    taken: np.ndarray  # int32   (T, K, 4)     cells that fell, by terrain
    loss: np.ndarray  # float64 (T, K, 4)     troops that such a cell costs the attack
    pair_contact: np.ndarray  # int16   (T, M)
    pair_cell: np.ndarray  # int32   (T, M)
    pair_neighbours: np.ndarray  # int8    (T, M)
    fallen: np.ndarray  # int32   (T, C)        cells that fell
    by: np.ndarray  # int16   (T, C)        the contacts they fell to
    draw: np.ndarray  # float64 (T, C)        the draws that won them
    place: np.ndarray  # int32   (T, C)        where a cell stands in `fallen`; -1 if nowhere
    losses: np.ndarray  # int32   (T, P+1)      cells that each player lost
    home_player: np.ndarray  # int16   (T, K)        attacks with nothing left to take
    home_lane: np.ndarray  # int16   (T, K)
    shades: np.ndarray  # uint8   (T, C)        the plane of troops, with the map's border


def new_workspace(threads: int, params: WorldParams) -> Workspace:
    """Room for `threads` games at a time. Most of it is never touched, so it costs addresses rather than memory."""
    cells, players = (params.height + 2) * (params.width + 2), params.num_players + 1
    contacts = players * players * (WHOLE_BORDER + 1)
    pairs = TAKERS * cells

    def room(*shape: int, dtype=np.int16) -> np.ndarray:
        return np.empty((threads, *shape), dtype)

    return Workspace(
        count=room(4, dtype=np.int64),
        lanes=room(players, dtype=np.uint8),
        borders=room(players, dtype=np.uint64),
        front=room(board_words(params), dtype=np.uint64),
        front_cells=room(cells, dtype=np.int32),
        contact_of=np.full((threads, players), -1, np.int16),
        attacker=room(contacts),
        lane=room(contacts),
        target=room(contacts),
        cells=room(contacts, NEIGHBOURS, TERRAINS, dtype=np.int32),
        chance=room(contacts, NEIGHBOURS, TERRAINS, dtype=np.float64),
        taken=room(contacts, TERRAINS, dtype=np.int32),
        loss=room(contacts, TERRAINS, dtype=np.float64),
        pair_contact=room(pairs),
        pair_cell=room(pairs, dtype=np.int32),
        pair_neighbours=room(pairs, dtype=np.int8),
        fallen=room(cells, dtype=np.int32),
        by=room(cells),
        draw=room(cells, dtype=np.float64),
        place=np.full((threads, cells), -1, np.int32),
        losses=room(players, dtype=np.int32),
        home_player=room(contacts),
        home_lane=room(contacts),
        shades=room(cells, dtype=np.uint8),
    )


@njit(inline="always")
def workspace_of(workspace, thread):
    """The part that one thread works in."""
    return Workspace(
        workspace.count[thread],
        workspace.lanes[thread],
        workspace.borders[thread],
        workspace.front[thread],
        workspace.front_cells[thread],
        workspace.contact_of[thread],
        workspace.attacker[thread],
        workspace.lane[thread],
        workspace.target[thread],
        workspace.cells[thread],
        workspace.chance[thread],
        workspace.taken[thread],
        workspace.loss[thread],
        workspace.pair_contact[thread],
        workspace.pair_cell[thread],
        workspace.pair_neighbours[thread],
        workspace.fallen[thread],
        workspace.by[thread],
        workspace.draw[thread],
        workspace.place[thread],
        workspace.losses[thread],
        workspace.home_player[thread],
        workspace.home_lane[thread],
        workspace.shades[thread],
    )
