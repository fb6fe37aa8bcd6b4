"""What a batch of games is made of, and the scratch buffers that its ticks write to.

Two faces of the same memory. Kernels take few arguments, since each array that a compiled function is handed costs
seconds of compilation over all of them: so what belongs to a player lies together in one record, and so on. Python
reads and writes `State`: one array for each thing, with its shape and dtype beside it.

N games, P players and nobody (index 0), C cells, B words of 64 bits, T threads. Cells are the map with a border of
water one tile wide, flattened, so that a neighbour is one addition away and never off the map.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from territory.errors import BadInput, shown
from territory.world.actions import NUM_DIRECTIONS
from territory.world.compiled import kernel
from territory.world.params import WorldParams
from territory.world.rules import KINDS, LAND_POWER, MOUNTAIN

# An attack's slot: 0 to 7 are directions; 8 + t is the whole border with player t (t = 0: unclaimed land).
WHOLE_BORDER = NUM_DIRECTIONS

NUM_TERRAINS = 4
NEIGHBOURS = 5  # 0 to 4 own cells beside a cell; 0 only across a corner
RANKS = 12  # of a frontier cell, by own neighbours and terrain: see `combat`
_ATTACKS_ON_A_CELL = 12  # a cell has 8 directions to be attacked from, and 4 sides that border attacks cross

CLOCK = np.dtype([("seed", "u8"), ("tick", "i4"), ("step", "i4"), ("land", "i4")], align=True)
PLAYER = np.dtype(
    [
        ("troops", "f8"),  # at home
        ("gold", "f8"),
        ("tiles", "i4"),
        ("cities", "i4"),
        ("tiles_before", "i4"),
        ("first_word", "i4"),  # the words of its bitboard, first and end, that ever held a cell
        ("end_word", "i4"),
        ("kind", "u1"),
        ("alive", "?"),
    ],
    align=True,
)


class Game(NamedTuple):
    """A batch of games as kernels take it; for a single game, from `game_of`, the first axis is gone."""

    clock: np.ndarray  # CLOCK   (N,)
    players: np.ndarray  # PLAYER  (N, P+1)
    terrain: np.ndarray  # uint8   (N, C)
    owner: np.ndarray  # uint8   (N, C)
    city: np.ndarray  # uint8   (N, C)
    attacks: np.ndarray  # float64 (N, P+1, 9+P)
    bitboards: np.ndarray  # uint64  (N, P+1, B) by owner, a bit for each passable cell: see `bitboards`
    land_board: np.ndarray  # uint64  (N, B)     a bit for each passable cell
    land_power: np.ndarray  # float64 (H*W+1,)   tiles^0.6 by tiles, which a tick needs of every player


def owned(value: Any) -> Any:
    """An array, or each of a tuple, as its owner may write to it; anything else as it is.

    What comes out of shared memory (Ray, joblib) is read-only, and to a kernel that is another type too.
    """
    if isinstance(value, tuple):
        parts = [owned(each) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return np.require(value, requirements="W") if isinstance(value, np.ndarray) else value


class OwnsArrays:
    """Whose copy, wherever it was sent, may write to its arrays as the original may."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({name: owned(value) for name, value in state.items()})


class State:
    """A batch of games as Python sees it: views, so what is written here is what the kernels play on."""

    def __init__(self, game: Game):
        self.game = game = owned(game)
        self.seed = game.clock["seed"]  # uint64  (N,)       of the map, the starts and every draw
        self.tick = game.clock["tick"]  # int32   (N,)       ticks played
        self.step = game.clock["step"]  # int32   (N,)       environment steps played
        self.land = game.clock["land"]  # int32   (N,)       passable tiles
        self.terrain = game.terrain  # uint8   (N, C)     0 water, 1 plains, 2 highland, 3 mountain
        self.owner = game.owner  # uint8   (N, C)     0 nobody, 1 the agent, 2.. opponents
        self.city = game.city  # uint8   (N, C)     1 where a city stands
        self.kind = game.players["kind"]  # uint8   (N, P+1)   rules.HUMAN, BOT or NATION
        self.alive = game.players["alive"]  # bool    (N, P+1)   index 0 (nobody) never is
        self.troops = game.players["troops"]  # float64 (N, P+1)   at home
        self.gold = game.players["gold"]  # float64 (N, P+1)
        self.tiles = game.players["tiles"]  # int32   (N, P+1)   index 0: unclaimed land
        self.cities = game.players["cities"]  # int32   (N, P+1)
        self.tiles_before = game.players["tiles_before"]  # int32   (N, P+1)   tiles at the start of the latest step
        self.attacks = game.attacks  # float64 (N, P+1, 9+P)   troops under way, by slot

    def __reduce__(self):
        return State, (self.game,)  # copied as a whole, so that a copy's views are of the copy

    def saved(self) -> dict[str, np.ndarray]:
        """What a game is made of, by name: everything but the bitboards, which are rebuilt from the rest."""
        return {name: value for name, value in vars(self).items() if name != "game"}


def board_words(params: WorldParams) -> int:
    """Words of 64 cells that make a bitboard."""
    cells = (params.height + 2) * (params.width + 2)
    return -(-cells // 64) + 2 * params.board_margin


def empty_state(num_envs: int, params: WorldParams) -> State:
    """Room for `num_envs` games, all zero."""
    cells, players, words = (params.height + 2) * (params.width + 2), params.num_players + 1, board_words(params)
    game = Game(
        clock=np.zeros(num_envs, CLOCK),
        players=np.zeros((num_envs, players), PLAYER),
        terrain=np.zeros((num_envs, cells), np.uint8),
        owner=np.zeros((num_envs, cells), np.uint8),
        city=np.zeros((num_envs, cells), np.uint8),
        attacks=np.zeros((num_envs, players, WHOLE_BORDER + players)),
        bitboards=np.zeros((num_envs, players, words), np.uint64),
        land_board=np.zeros((num_envs, words), np.uint64),
        land_power=np.array([tiles**LAND_POWER for tiles in range(params.height * params.width + 1)]),
    )
    return State(game)


@kernel(inline=True)
def game_of(games, n):
    """Game `n` of a batch, as views."""
    return Game(
        games.clock[n],
        games.players[n],
        games.terrain[n],
        games.owner[n],
        games.city[n],
        games.attacks[n],
        games.bitboards[n],
        games.land_board[n],
        games.land_power,
    )


COUNT = np.dtype([("targets", "i8"), ("frontier", "i8"), ("fallen", "i8"), ("returning", "i8")])
SEAT = np.dtype(
    [
        ("active", "u8"),  # bit s: it has an attack in slot s
        ("threat", "f8"),  # troops that it sends against the bot that thinks
        ("beside", "i8"),  # its cells beside the land of the player at hand
        ("site", "i8"),  # where it will build in this step
        ("target", "i4"),  # the target of the attack at hand that it is; -1 if none
        ("losses", "i4"),  # cells that it lost in this tick
        ("taken", "i4"),  # cells that it took of the player that collapses
        ("was_alive", "?"),  # when the step began
    ],
    align=True,
)
TARGET = np.dtype(
    [
        ("probability", "f8", (NEIGHBOURS, NUM_TERRAINS)),  # that such a cell falls this tick
        ("loss", "f8", (NUM_TERRAINS,)),  # troops that such a cell costs the attack
        ("price", "f8", (NUM_TERRAINS,)),  # what such a cell takes from the budget
        ("cells", "i4", (NEIGHBOURS, NUM_TERRAINS)),  # front cells by own neighbours and terrain
        ("taken", "i4", (NUM_TERRAINS,)),  # cells that fell, by terrain
        ("attacker", "i2"),
        ("slot", "i2"),
        ("owner", "i2"),
    ],
    align=True,
)
FRONTIER_CELL = np.dtype([("cell", "i4"), ("target", "i2"), ("neighbours", "i1")], align=True)
FALLEN_CELL = np.dtype([("draw", "f8"), ("cell", "i4"), ("target", "i2")], align=True)
RETURNING = np.dtype([("player", "i2"), ("slot", "i2")])
RANKING = np.dtype([("weight", "f8", (RANKS,)), ("cost", "f8", (RANKS,)), ("probability", "f8", (RANKS,))])


class Scratch(NamedTuple):
    """What a tick writes down and forgets, for each of T threads: kept, so that no tick has to ask for memory.

    An attack's front may touch several owners; each (attack, owner of the cells) is one of K attack targets. Each
    (target, cell) is one of M frontier cells. The first `count` entries of the lists are in use.
    """

    count: np.ndarray  # COUNT         (T,)    attack targets, frontier cells, fallen cells, attacks on their way home
    seats: np.ndarray  # SEAT          (T, P+1)
    targets: np.ndarray  # TARGET        (T, K)
    frontier: np.ndarray  # FRONTIER_CELL (T, M)
    fallen: np.ndarray  # FALLEN_CELL   (T, C)  cells that fell, with the target they fell to and the draw that won them
    returning: np.ndarray  # RETURNING     (T, K)  attacks with nothing left to take
    ranking: np.ndarray  # RANKING       (T,)
    front: np.ndarray  # uint64        (T, B)  a bitboard for the front at hand
    cells: np.ndarray  # int32         (T, C)  its cells
    place: np.ndarray  # int32         (T, C)  where a cell stands in `fallen`; -1 if nowhere
    depth: np.ndarray  # int32         (T, C)  steps from a cell to the border of its owner's land
    troop_level: np.ndarray  # uint8         (T, C)  the plane of troops, with the map's border


def new_scratch(threads: int, params: WorldParams) -> Scratch:
    """Room for `threads` games at a time. Most of it is never touched, so it costs addresses rather than memory."""
    cells, players = (params.height + 2) * (params.width + 2), params.num_players + 1
    targets = players * players * (WHOLE_BORDER + 1)
    seats = np.zeros((threads, players), SEAT)
    seats["target"] = -1
    return Scratch(
        count=np.zeros(threads, COUNT),
        seats=seats,
        targets=np.empty((threads, targets), TARGET),
        frontier=np.empty((threads, _ATTACKS_ON_A_CELL * cells), FRONTIER_CELL),
        fallen=np.empty((threads, cells), FALLEN_CELL),
        returning=np.empty((threads, targets), RETURNING),
        ranking=np.empty(threads, RANKING),
        front=np.empty((threads, board_words(params)), np.uint64),
        cells=np.empty((threads, cells), np.int32),
        place=np.full((threads, cells), -1, np.int32),
        depth=np.empty((threads, cells), np.int32),
        troop_level=np.empty((threads, cells), np.uint8),
    )


@kernel(inline=True)
def scratch_of(scratch, thread):
    """The part that one thread works in."""
    return Scratch(
        scratch.count[thread],
        scratch.seats[thread],
        scratch.targets[thread],
        scratch.frontier[thread],
        scratch.fallen[thread],
        scratch.returning[thread],
        scratch.ranking[thread],
        scratch.front[thread],
        scratch.cells[thread],
        scratch.place[thread],
        scratch.depth[thread],
        scratch.troop_level[thread],
    )


def check_arrays(wanted: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray], what: str) -> None:
    """Refuse arrays unless they have the names, dtypes and shapes of those of another state; ``what`` they are of."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise BadInput(f"saved state of another {what}: it should be a dictionary of arrays, got {shown(given)}")
    for name in sorted(wanted.keys() | given.keys()):
        own, other = wanted.get(name), given.get(name)
        kinds = [f"{each.dtype} {each.shape}" if isinstance(each, np.ndarray) else "nothing" for each in (own, other)]
        if kinds[0] != kinds[1]:
            raise BadInput(f"saved state of another {what}: {name} should be {kinds[0]}, got {kinds[1]}")


MOST = 1e12  # troops or gold: far beyond what a game can reach, far below what loses precision


def check_state(arrays: dict[str, np.ndarray], params: WorldParams) -> None:
    """Refuse a saved state that breaks a rule of the game: BadInput names the first, and in which game.

    ``arrays``: as `World.state_dict` gives them, of the right shapes and dtypes.
    """
    for broken, rule in _rules(arrays, params):
        games = np.flatnonzero(np.asarray(broken).reshape(len(arrays["step"]), -1).any(axis=1))
        if games.size:
            raise BadInput(f"saved state of no possible world: {rule}, which does not hold in game {games[0]}")


def _rules(s: dict[str, np.ndarray], params: WorldParams) -> Iterator[tuple[np.ndarray, str]]:
    """Where a rule is broken (bool, one row a game), and the rule in words; later ones rely on earlier ones."""
    players = params.num_players
    border = np.pad(np.zeros((params.height, params.width), bool), 1, constant_values=True).reshape(-1)
    yield (s["step"] < 0) | (s["step"] > params.max_steps), f"step is 0 to {params.max_steps}"
    yield s["tick"] != s["step"].astype(np.int64) * params.ticks_per_step, "tick is ticks_per_step times step"
    yield s["terrain"] > MOUNTAIN, f"terrain is 0 to {MOUNTAIN}"
    yield s["terrain"][:, border] > 0, "beyond the map there is water"
    land = s["terrain"] > 0
    yield s["land"] != land.sum(axis=1), "land is the number of passable tiles"
    yield s["land"] < 1, "there is land"
    yield s["owner"] > players, f"an owner is 0 to {players}"
    yield (s["owner"] > 0) & ~land, "nobody owns water"
    yield (s["city"] > 1) | ((s["city"] > 0) & ~land), "a city is 0 or 1, and stands on land"
    yield s["kind"] >= len(KINDS), f"a kind is one of {', '.join(KINDS)}"
    seats = np.arange(len(land))[:, None] * (players + 1) + s["owner"]  # of all games, counted through
    for name, counted in (("tiles", land), ("cities", s["city"] > 0)):
        counts = np.bincount(seats[counted], minlength=len(land) * (players + 1)).reshape(len(land), -1)
        yield s[name] != counts, f"{name} is the number of a player's own"
    yield s["alive"][:, 0], "nobody is no player"
    yield s["alive"][:, 1:] != (s["tiles"][:, 1:] > 0), "a player lives as long as it has land"
    yield (s["tiles_before"] < 0) | (s["tiles_before"] > s["land"][:, None]), "tiles_before are of the land"
    for name in ("troops", "gold", "attacks"):
        yield ~((s[name] >= 0) & (s[name] <= MOST)), f"{name} are finite numbers of at least 0"
    yield s["attacks"].sum(axis=2) * ~s["alive"] > 0, "the dead don't attack"
    own = np.arange(players + 1)
    yield s["attacks"][:, own, WHOLE_BORDER + own] > 0, "nobody attacks itself"
