"""All attacks of a tick, on the state it began with.

A `front` is keyed (attacker, slot, owner): the tiles of one owner that one attack could take now. Slots 0 to 7 are
directions, slot 8 + p is the whole border against player p. Attacks meet and pay in the order of attackers and slots;
within a direction, owners come in the order of their first tile in the front, from the north and then from the west.
"""

import math

import numpy as np

from territory.world import rules

from . import rulebook
from .numbers import (
    CONQUEST,
    budget_player,
    budget_unclaimed,
    loss_player,
    stream,
    total,
    uniform,
    use_player,
    use_unclaimed,
)

WHOLE_BORDER = 8
EXTRA_FRONT = 2.0
RANKS = 12
KINDS = [(own, terrain) for own in range(5) for terrain in (1, 2, 3)]  # of tiles: own neighbours, terrain


def advance(game) -> np.ndarray:
    """Returns how many tiles each player (row) lost to each (column)."""
    game.attacks[game.attacks < 1] = 0  # less than one troop: over
    fronts = find_fronts(game)
    cancel_opposing(game, fronts)
    won = draw(game, fronts)
    lost = pay(game, won)
    for (attacker, _, _), tiles in won.items():
        game.owner[tiles] = attacker
    send_home(game, fronts)
    return lost


def find_fronts(game) -> dict:
    fronts = {}
    for attacker, slot in np.argwhere(game.attacks >= 1).tolist():
        if slot < WHOLE_BORDER:
            reach = rulebook.front_of(game, attacker, slot)
            owners = dict.fromkeys(game.owner[reach].tolist())
        else:
            reach, owners = rulebook.beside(game, attacker), [slot - WHOLE_BORDER]
        for owner in owners:
            front = reach & (game.owner == owner)
            if front.any():
                fronts[attacker, slot, owner] = front
    return fronts


def cancel_opposing(game, fronts: dict) -> None:
    """Meeting attacks cancel one for one: a push against its opposite or a whole border, and two whole borders."""
    for a, slot, b in fronts:
        if b and slot < WHOLE_BORDER:
            cancel(game, (a, slot), (b, (slot + 4) % 8))
        if b:
            cancel(game, (a, slot), (b, WHOLE_BORDER + a))


def cancel(game, one: tuple, other: tuple) -> None:
    met = min(game.attacks[one], game.attacks[other])
    game.attacks[one] -= met
    game.attacks[other] -= met


def draw(game, fronts: dict) -> dict:
    """The tiles that fall, by front. Of several attacks that win a tile, the one with the lowest draw has it."""
    key = stream(game.seed, CONQUEST, game.tick)
    height, width = game.owner.shape
    rows, columns = np.indices((height, width), np.uint64)
    number = (rows + 1) * (width + 2) + columns + 1  # of a tile in the engine: its maps have a rim of water
    lowest, winner = np.ones((height, width)), np.full((height, width), -1)
    for i, ((attacker, slot, owner), front) in enumerate(fronts.items()):
        slot_number = attacker * game.attacks.shape[1] + slot
        drawn = uniform(key, slot_number * (height + 2) * (width + 2) + number[front])
        won = (drawn < chances(game, attacker, slot, owner, front)) & (drawn < lowest[front])
        tiles = np.flatnonzero(front)[won]
        lowest.flat[tiles], winner.flat[tiles] = drawn[won], i
    return {name: winner == i for i, name in enumerate(fronts)}


def own_neighbours(game, player: int) -> np.ndarray:
    """(H, W): on how many of its four sides a tile touches the player's land."""
    return sum((rulebook.one_step_back(game.owner, d) == player).astype(np.uint8) for d in rulebook.CARDINAL)


def chances(game, attacker: int, slot: int, owner: int, front: np.ndarray) -> np.ndarray:
    """For each tile of this front, the chance to fall: what falls costs the budget in the mean."""
    attack = game.attacks[attacker, slot]
    neighbours, terrain = own_neighbours(game, attacker)[front], game.terrain[front]
    if attack < 1:
        return np.zeros(terrain.size)
    price = np.array([0.0, *(price_of(game, attack, owner, terrain) for terrain in (1, 2, 3))])
    cells = np.zeros((5, 4), int)
    np.add.at(cells, (neighbours, terrain), 1)
    by_kind = spread(*budget_and_choice(game, attack, owner, cells, price), cells, price)
    return by_kind[neighbours, terrain]


def price_of(game, attack: float, owner: int, terrain: int) -> float:
    """What a tile takes from the budget."""
    if owner == 0:
        return use_unclaimed(rules.SPEED[terrain], attack)
    return use_player(rules.SPEED[terrain], attack, game.troops[owner], float(game.tiles[owner]))


def budget_and_choice(game, attack: float, owner: int, cells: np.ndarray, price: np.ndarray) -> tuple[float, float]:
    """The budget, rounded up to whole tiles of the mean price; and how choosy the attack is: more, if few fall."""
    front = int(cells.sum())
    length = front + EXTRA_FRONT
    budget = budget_unclaimed(length) if owner == 0 else budget_player(length, attack, game.troops[owner])
    mean_price = total(cells.sum(axis=0) * price) / front
    tiles = math.ceil(budget / mean_price)
    return tiles * mean_price, max(2.0, min(9.0, 0.9 * front / tiles))


def spread(budget: float, choice: float, cells: np.ndarray, price: np.ndarray) -> np.ndarray:
    """(5, 4): chances in proportion to choice^(own neighbours - terrain), none above 1, that spend the budget."""
    weight, cost = np.multiply.accumulate([1.0] + (RANKS - 1) * [math.sqrt(choice)]), np.zeros(RANKS)
    for own, terrain in KINDS:
        cost[rank_of(own, terrain)] += cells[own, terrain] * price[terrain]
    certain, scale = RANKS, 0.0
    while certain:
        worth = total(cost[:certain] * weight[:certain])
        scale = budget / worth if worth else 0.0
        if scale * weight[certain - 1] <= 1:
            break
        certain -= 1  # the ranks from here up fall for sure; what is left of the budget goes to those below
        budget = max(0.0, budget - cost[certain])
    by_rank = np.where(np.arange(RANKS) < certain, scale * weight, 1.0)
    chance = np.zeros((5, 4))
    for own, terrain in KINDS:
        chance[own, terrain] = by_rank[rank_of(own, terrain)]
    return chance


def rank_of(own_neighbours: int, terrain: int) -> int:
    """Terrain weighs 1 / 1.5 / 2 neighbours; doubled to whole numbers, 1 to 11."""
    return 2 * own_neighbours - (terrain + 1) + 5


def pay(game, won: dict) -> np.ndarray:
    """Attackers and defenders pay for every tile at the prices that stood before anybody paid."""
    lost = np.zeros((len(game.alive), len(game.alive)), int)
    bills = {}
    for (attacker, slot, owner), tiles in won.items():
        lost[owner, attacker] += tiles.sum()
        bills[attacker, slot, owner] = 0.0
        for terrain in (1, 2, 3):
            fallen = int((game.terrain[tiles] == terrain).sum())
            if fallen:
                bills[attacker, slot, owner] += fallen * loss_of(game, attacker, slot, owner, terrain)
    for (attacker, slot, _), bill in bills.items():
        game.attacks[attacker, slot] = max(0.0, game.attacks[attacker, slot] - bill)
    tiles = game.tiles
    for player in game.players:
        if lost[player].any():
            gone = game.troops[player] / tiles[player] * lost[player].sum()
            game.troops[player] = max(0.0, game.troops[player] - gone)  # all its tiles may round to more than all
    return lost


def loss_of(game, attacker: int, slot: int, owner: int, terrain: int) -> float:
    """Troops that the attack loses for one tile."""
    kind, magnitude = game.kind[attacker], rules.MAGNITUDE[terrain]
    if owner == 0:
        return magnitude * rules.EXPANSION_LOSS_FACTOR[kind]
    tiles = float(game.tiles[owner])
    loss = loss_player(magnitude, game.attacks[attacker, slot], game.troops[owner], tiles)
    against_bot = game.kind[owner] == rules.BOT and kind != rules.BOT
    return loss * rules.LOSS_AGAINST_BOT if against_bot else loss


def send_home(game, fronts: dict) -> None:
    """An attack that had nothing to take goes home."""
    busy = {(attacker, slot) for attacker, slot, _ in fronts}
    for attacker, slot in np.argwhere(game.attacks > 0).tolist():
        if (attacker, slot) not in busy:
            game.troops[attacker] += game.attacks[attacker, slot]
            game.attacks[attacker, slot] = 0
