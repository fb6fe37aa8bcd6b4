"""What a batch of games is made of: arrays with their shape and dtype beside them.

N games, P players and nobody (index 0), C cells, B words of 64 bits. Cells are the map with a border of water one
tile wide, flattened, so that a neighbour is one addition away and never off the map.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from territory.world.actions import NUM_DIRECTIONS
from territory.world.params import WorldParams

# An attack's lane: 0 to 7 are directions; 8 + t is the whole border with player t (t = 0: unclaimed land).
WHOLE_BORDER = NUM_DIRECTIONS


class State(NamedTuple):
    """A batch of games; a single `Game` is the same with the first axis sliced to nothing or to length 1."""

    seed: np.ndarray  # uint64  (N,)       of the map, the starts and every draw
    tick: np.ndarray  # int32   (N,)       ticks played
    step: np.ndarray  # int32   (N,)       environment steps played
    land: np.ndarray  # int32   (N,)       passable tiles
    terrain: np.ndarray  # uint8   (N, C)     0 water, 1 plains, 2 highland, 3 mountain
    owner: np.ndarray  # uint8   (N, C)     0 nobody, 1 the agent, 2.. opponents
    city: np.ndarray  # uint8   (N, C)     1 where a city stands
    kind: np.ndarray  # uint8   (N, P+1)   rules.HUMAN, BOT or NATION
    alive: np.ndarray  # bool    (N, P+1)   index 0 (nobody) never is
    troops: np.ndarray  # float64 (N, P+1)   at home
    gold: np.ndarray  # float64 (N, P+1)
    tiles: np.ndarray  # int32   (N, P+1)   index 0: unclaimed land
    cities: np.ndarray  # int32   (N, P+1)
    tiles_before: np.ndarray  # int32   (N, P+1)   tiles at the start of the latest step
    attacks: np.ndarray  # float64 (N, P+1, 9+P)   troops under way, by lane
    boards: np.ndarray  # uint64  (N, P+1, B) by owner, a bit for each passable cell: see `boards`
    ground: np.ndarray  # uint64  (N, B)     a bit for each passable cell
    spans: np.ndarray  # int32   (N, P+1, 2) the words of each board, first and end, that ever held a cell


DERIVED = ("boards", "ground", "spans")  # rebuilt from the rest, so not saved


def board_words(params: WorldParams) -> int:
    """Words of 64 cells that make a board."""
    cells = (params.height + 2) * (params.width + 2)
    return -(-cells // 64) + 2 * params.board_margin


def empty_state(num_envs: int, params: WorldParams) -> State:
    """Room for `num_envs` games, all zero."""
    cells = (params.height + 2) * (params.width + 2)
    players = params.num_players + 1
    words = board_words(params)
    shapes = {"cells": (num_envs, cells), "players": (num_envs, players), "games": (num_envs,)}

    def zeros(of: str, dtype) -> np.ndarray:
        return np.zeros(shapes[of], dtype)

    return State(
        seed=zeros("games", np.uint64),
        tick=zeros("games", np.int32),
        step=zeros("games", np.int32),
        land=zeros("games", np.int32),
        terrain=zeros("cells", np.uint8),
        owner=zeros("cells", np.uint8),
        city=zeros("cells", np.uint8),
        kind=zeros("players", np.uint8),
        alive=zeros("players", np.bool_),
        troops=zeros("players", np.float64),
        gold=zeros("players", np.float64),
        tiles=zeros("players", np.int32),
        cities=zeros("players", np.int32),
        tiles_before=zeros("players", np.int32),
        attacks=np.zeros((num_envs, players, WHOLE_BORDER + players)),
        boards=np.zeros((num_envs, players, words), np.uint64),
        ground=np.zeros((num_envs, words), np.uint64),
        spans=np.zeros((num_envs, players, 2), np.int32),
    )


@njit(inline="always")
def game_of(state, n):
    """Game `n` of a batch, as views: scalars become arrays of length 1."""
    return State(
        state.seed[n : n + 1],
        state.tick[n : n + 1],
        state.step[n : n + 1],
        state.land[n : n + 1],
        state.terrain[n],
        state.owner[n],
        state.city[n],
        state.kind[n],
        state.alive[n],
        state.troops[n],
        state.gold[n],
        state.tiles[n],
        state.cities[n],
        state.tiles_before[n],
        state.attacks[n],
        state.boards[n],
        state.ground[n],
        state.spans[n],
    )
