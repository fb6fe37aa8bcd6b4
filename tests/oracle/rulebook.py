"""A game, a step, a tick. Everything about land is read off the map whenever it is asked for."""

from dataclasses import dataclass

import numpy as np

from territory.world import rules
from territory.world.actions import INTENSITIES, OFFSETS
from territory.world.params import WorldParams

from . import attacks, maps, scripts
from .numbers import cap, city_price, growth

SCRIPTED, WAIT = -1, 8
CARDINAL = (0, 2, 4, 6)  # north, east, south, west


@dataclass
class Game:
    """One game. H x W tiles, P players and nobody (index 0)."""

    params: WorldParams
    seed: int
    terrain: np.ndarray  # (H, W) 0 water, 1 plains, 2 highland, 3 mountain
    owner: np.ndarray  # (H, W) 0 nobody
    city: np.ndarray  # (H, W) 1 where a city stands
    kind: np.ndarray  # (P+1,) human, bot, nation
    alive: np.ndarray  # (P+1,)
    troops: np.ndarray  # (P+1,) at home
    gold: np.ndarray  # (P+1,)
    attacks: np.ndarray  # (P+1, 9+P) troops under way: 8 directions, then the whole border against each player
    tiles_before: np.ndarray  # (P+1,) at the start of the latest step
    tick: int = 0
    step: int = 0

    @property
    def players(self) -> range:
        return range(1, len(self.alive))

    @property
    def land(self) -> int:
        return np.count_nonzero(self.terrain)

    @property
    def tiles(self) -> np.ndarray:
        """(P+1,) land tiles held; entry 0 is unclaimed."""
        return np.bincount(self.owner[self.terrain > 0], minlength=len(self.alive))

    @property
    def cities(self) -> np.ndarray:
        """(P+1,) cities held."""
        return np.bincount(self.owner[self.city > 0], minlength=len(self.alive))

    def cap_of(self, player: int) -> float:
        tiles, cities = float(self.tiles[player]), float(self.cities[player])
        return cap(tiles, cities, rules.CAP_FACTOR[self.kind[player]])


def new_game(params: WorldParams, seed: int, terrain: np.ndarray | None = None) -> Game:
    """The start of a game, on its own map or on a given one."""
    terrain = maps.terrain_of(seed, params) if terrain is None else terrain
    kind = np.full(params.num_players + 1, rules.NATION if params.opponents == "nation" else rules.BOT)
    if params.opponents == "mixed":
        kind[2::2] = rules.NATION
    kind[:2] = rules.HUMAN  # nobody, and the agent
    alive = np.arange(kind.size) > 0
    game = Game(
        params=params,
        seed=seed,
        terrain=terrain,
        owner=maps.starts_of(seed, params, terrain),
        city=np.zeros_like(terrain),
        kind=kind,
        alive=alive,
        troops=rules.START_TROOPS[kind] * alive,
        gold=np.zeros(kind.size),
        attacks=np.zeros((kind.size, attacks.WHOLE_BORDER + kind.size)),
        tiles_before=np.zeros(kind.size, int),
    )
    game.tiles_before = game.tiles
    return game


def one_step_back(field: np.ndarray, direction: int) -> np.ndarray:
    """For every tile, what the tile one step back (against the direction) holds; 0 beyond the rim of the map."""
    (height, width), (down, across) = field.shape, OFFSETS[direction]
    wide = np.zeros((height + 2, width + 2), field.dtype)
    wide[1:-1, 1:-1] = field
    return wide[1 - down : 1 - down + height, 1 - across : 1 - across + width]


def front_of(game: Game, player: int, direction: int) -> np.ndarray:
    """(H, W): land that is not the player's, where the tile one step back is."""
    return (game.terrain > 0) & (game.owner != player) & (one_step_back(game.owner, direction) == player)


def beside(game: Game, player: int) -> np.ndarray:
    """(H, W): land that is not the player's and touches the player's on one of four sides."""
    return np.logical_or.reduce([front_of(game, player, direction) for direction in CARDINAL])


def play_step(game: Game, actions: np.ndarray) -> np.ndarray:
    """All orders, then the ticks. Returns the rewards (P+1,)."""
    game.tiles_before = game.tiles
    was_alive = game.alive.copy()
    carry_out(game, actions)
    for _ in range(game.params.ticks_per_step):
        play_tick(game, actions)
    game.step += 1
    return rewards(game, was_alive)


def play_tick(game: Game, actions: np.ndarray) -> None:
    game.tick += 1
    grow(game)
    lost = attacks.advance(game)
    collapse(game, lost)
    for player in game.players:
        if game.alive[player] and actions[player] == SCRIPTED:
            scripts.think(game, player)


def grow(game: Game) -> None:
    for player in game.players:
        if game.alive[player]:
            kind, most = game.kind[player], game.cap_of(player)
            grown = game.troops[player] + growth(game.troops[player], most, rules.GROWTH_FACTOR[kind])
            game.troops[player] = max(0.0, min(most, grown))
            game.gold[player] += rules.GOLD_PER_TICK[kind]


def carry_out(game: Game, actions: np.ndarray) -> None:
    """The orders of a step. All sites are chosen before any city is built."""
    orders = {p: int(actions[p]) for p in game.players if game.alive[p] and actions[p] != SCRIPTED}
    sites = {player: site_of(game, player) for player in orders}
    for player, action in orders.items():
        order(game, player, action, sites[player])


def order(game: Game, player: int, action: int, site: int | None) -> None:
    """What is not allowed has no effect, not even its other half."""
    direction, intensity, build = action // 10, action // 2 % 5, action % 2
    if build and site is None:
        return
    if direction == WAIT and intensity:
        return
    if direction != WAIT and not (can_commit(game, player) and front_of(game, player, direction).any()):
        return
    if build:
        build_city(game, player, site)
    if direction != WAIT:
        troops = INTENSITIES[intensity] * game.troops[player]
        game.troops[player] -= troops
        game.attacks[player, direction] += troops


def can_commit(game: Game, player: int) -> bool:
    """The smallest order sends a whole troop at least."""
    return INTENSITIES[0] * game.troops[player] >= 1


def next_city_price(game: Game, player: int) -> float:
    return city_price(float(game.cities[player]), game.params.city_price, game.params.city_price_limit)


def free_for_city(game: Game, player: int) -> np.ndarray:
    """(H, W): the player's tiles that are far enough from every city."""
    free = game.owner == player
    rows, columns = np.indices(free.shape)
    for row, column in np.argwhere(game.city):
        free &= (rows - row) ** 2 + (columns - column) ** 2 >= game.params.city_spacing**2
    return free


def site_of(game: Game, player: int) -> int | None:
    """Where the player would build now: its deepest free tile, of equals the first from the north, then the west."""
    free = free_for_city(game, player)
    if game.alive[player] and game.gold[player] >= next_city_price(game, player) and free.any():
        return int(np.argmax(depth(game, player) * free))
    return None


def build_city(game: Game, player: int, site: int) -> None:
    game.gold[player] -= next_city_price(game, player)
    game.city.flat[site] = 1


def depth(game: Game, player: int) -> np.ndarray:
    """(H, W): how often the player's land can be peeled, a layer of four sides at a time, until the tile is gone."""
    left = game.owner == player
    layers = np.zeros(left.shape, int)
    while left.any():
        layers += left
        left = np.logical_and.reduce([left, *(one_step_back(left, direction) for direction in CARDINAL)])
    return layers


def collapse(game: Game, lost: np.ndarray) -> None:
    """A player that lost tiles and has too few falls whole to whoever took most; `lost` (P+1, P+1) says to whom."""
    for player in game.players:
        if not game.alive[player] or not lost[player].any():
            continue
        takers = np.where(game.alive & (game.tiles > 0), lost[player], 0)
        if 0 < game.tiles[player] < game.params.collapse_tiles and takers.any():
            conqueror = np.argmax(takers)  # the first of equals
            game.gold[conqueror] += game.gold[player]
            game.owner[game.owner == player] = conqueror
        if game.tiles[player] == 0:
            game.alive[player] = False
            game.troops[player] = game.gold[player] = 0
            game.attacks[player] = 0


def has_won(game: Game, player: int) -> bool:
    is_last = game.alive.sum() == 1
    return bool(game.alive[player] and (is_last or game.tiles[player] >= game.params.win_share * game.land))


def rewards(game: Game, was_alive: np.ndarray) -> np.ndarray:
    params, earned = game.params, np.zeros(len(game.alive))
    tiles, land = game.tiles, game.land
    for player in game.players:
        earned[player] = params.land_reward * (int(tiles[player] - game.tiles_before[player]) / land)
        if has_won(game, player):
            earned[player] += params.win_reward + params.speed_reward * (1 - game.step / params.max_steps)
        elif was_alive[player] and not game.alive[player]:
            earned[player] += params.elimination_reward
    return earned
