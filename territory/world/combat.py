"""Attacks of one tick: who could take which cell, what it costs, what falls.

All attacks move at once, on the state the tick began with, so that no player is served first. An attack's front
may touch several owners; each (attack, owner of the cells) pair is a `contact` with a budget of its own.

The real game conquers in the order of smallest (10 + random) * (1 - own neighbours / 2 + terrain / 2). Here a cell
falls by chance with weight 3^(own neighbours - terrain), terrain 1 / 1.5 / 2: the same preference (pockets first,
mountains last), scaled so that the expected price of what falls is the budget.
"""

from typing import NamedTuple

import numpy as np

from territory.world import rng, rules
from territory.world.compiled import kernel
from territory.world.frontier import change_owner
from territory.world.state import WHOLE_BORDER

_TERRAINS = 4
_NEIGHBOURS = 5  # 0 to 4 own cells beside a cell; 0 only across a corner
_EXTRA_FRONT = 2.0  # the real game adds 0 to 4 at random to a front; this is the mean
_RANKS = 12  # see _rank: 1 .. 11


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
def _no_contacts(game, index):
    pairs = 12 * game.takeable_count[0] + 1  # a cell has 8 directions and 4 sides to be taken from
    most = min(pairs, index.size)
    return Contacts(
        np.zeros(2, np.int64),
        index,
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty((most, _NEIGHBOURS, _TERRAINS), np.int32),
        np.empty((most, _NEIGHBOURS, _TERRAINS), np.float64),
        np.empty((most, _TERRAINS), np.int32),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.int8),
    )


@kernel
def advance(game, settings, contact_index):
    """One tick of every attack. `contact_index` is scratch, -1 throughout before and after."""
    lanes, borders = _attacking(game)
    contacts = _find_contacts(game, settings.offsets, lanes, borders, contact_index)
    _cancel_opposing(game, contacts, lanes, borders)
    for k in range(contacts.count[0]):
        _set_chances(game, contacts, k)
    fallen, by = _draw(game, contacts)
    _pay(game, contacts, lanes, borders)
    for i in range(fallen.size):
        change_owner(game, settings.offsets, fallen[i], contacts.attacker[by[i]])
    _send_home(game, contacts, lanes, borders)
    losers = _losses(contacts, game.alive.size)
    for k in range(contacts.count[0]):
        contact_index[contacts.attacker[k], contacts.lane[k], contacts.target[k]] = -1
    return losers


@kernel
def _attacking(game):
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
def _find_contacts(game, offsets, lanes, borders, index):
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
            if a != 0 and a != target and _presses(borders, a, target) and not _seen_before(beside, d):
                _add_pair(game, contacts, a, WHOLE_BORDER + target, target, cell, beside)
    return contacts


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
def _cancel_opposing(game, contacts, lanes, borders):
    """Attacks that meet cancel one for one: opposite directions in contact, or a whole border against either."""
    players = game.alive.size
    for a in range(1, players):
        for d in range(WHOLE_BORDER):
            if (lanes[a] >> np.uint8(d)) & 1:
                for b in range(1, players):
                    if b != a and contacts.index[a, d, b] >= 0:
                        _cancel(game, a, d, b, (d + 4) % 8)
                        _cancel(game, a, d, b, WHOLE_BORDER + a)
        for b in range(a + 1, players):
            if _presses(borders, a, b):
                _cancel(game, a, WHOLE_BORDER + b, b, WHOLE_BORDER + a)


@kernel
def _presses(borders, a, b):
    """Whether the whole border of `a` attacks `b`."""
    return (borders[a] >> np.uint64(b)) & np.uint64(1) != 0


@kernel
def _cancel(game, a, lane_a, b, lane_b):
    met = min(game.attacks[a, lane_a], game.attacks[b, lane_b])
    if met > 0:
        game.attacks[a, lane_a] -= met
        game.attacks[b, lane_b] -= met


@kernel
def _set_chances(game, contacts, k):
    """The chance of each kind of front cell, so that what falls costs the budget in the mean."""
    contacts.chance[k] = 0
    attack = game.attacks[contacts.attacker[k], contacts.lane[k]]
    if attack < 1:
        return
    target = contacts.target[k]
    troops, held = game.troops[target], float(game.tiles[target])
    cells = contacts.cells[k]
    price = np.zeros(_TERRAINS)
    for t in range(1, _TERRAINS):
        if target == 0:
            price[t] = rules.use_unclaimed(rules.SPEED[t], attack)
        else:
            price[t] = rules.use_player(rules.SPEED[t], attack, troops, held)
    front = cells.sum() + _EXTRA_FRONT
    budget = rules.budget_unclaimed(front) if target == 0 else rules.budget_player(front, attack, troops)
    mean_price = (cells * price).sum() / cells.sum()
    tiles = np.ceil(budget / mean_price)  # the tile that spends the last of the budget still falls
    _spread(tiles * mean_price, cells, price, contacts.chance[k])


@kernel
def _spread(budget, cells, price, chance):
    """Chances proportional to 3^(rank / 2), none above 1, with an expected price of `budget`."""
    cost = np.zeros(_RANKS)
    for n in range(_NEIGHBOURS):
        for t in range(1, _TERRAINS):
            cost[_rank(n, t)] += cells[n, t] * price[t]
    by_rank = np.zeros(_RANKS)
    certain = _RANKS  # ranks from here up fall for sure
    while True:
        weighted = 0.0
        for r in range(certain):
            weighted += cost[r] * 3.0 ** (0.5 * r)
        scale = budget / weighted if weighted > 0 else 0.0
        if certain == 0 or scale * 3.0 ** (0.5 * (certain - 1)) <= 1:
            break
        certain -= 1
        by_rank[certain] = 1.0
        budget = max(0.0, budget - cost[certain])
    for r in range(certain):
        by_rank[r] = scale * 3.0 ** (0.5 * r)
    for n in range(_NEIGHBOURS):
        for t in range(1, _TERRAINS):
            chance[n, t] = by_rank[_rank(n, t)]


@kernel
def _rank(neighbours, terrain):
    """2 * (own neighbours - terrain) + 5: a step of terrain (1 / 1.5 / 2) weighs half a neighbour."""
    return 2 * neighbours + (4 - terrain)


@kernel
def _draw(game, contacts):
    """Draw every pair; a cell that several attacks win goes to the lowest draw. Returns cells and their contacts."""
    fallen = np.empty(contacts.count[1], np.int32)
    by = np.empty(contacts.count[1], np.int32)
    count = 0
    best = 1.0
    key = rng.stream(game.seed[0], rng.CONQUEST, game.tick[0])
    for m in range(contacts.count[1]):
        k, cell = contacts.pair_contact[m], contacts.pair_cell[m]
        chance = contacts.chance[k, contacts.pair_neighbours[m], game.terrain[cell]]
        if chance <= 0:
            continue
        lane = contacts.attacker[k] * game.attacks.shape[1] + contacts.lane[k]
        draw = rng.uniform(key, lane * game.owner.size + cell)
        if draw >= chance:
            continue
        if count == 0 or fallen[count - 1] != cell:
            fallen[count], by[count], best = cell, k, draw
            count += 1
        elif draw < best:
            by[count - 1], best = k, draw
    for i in range(count):
        contacts.taken[by[i], game.terrain[fallen[i]]] += 1
    return fallen[:count], by[:count]


@kernel
def _pay(game, contacts, lanes, borders):
    """Take the price of every fallen cell from its attack and from its defender, at the tick's first prices."""
    defence = np.zeros(game.alive.size)
    spent = np.zeros(contacts.count[0])
    for k in range(contacts.count[0]):
        for t in range(1, _TERRAINS):
            if contacts.taken[k, t]:
                spent[k] += contacts.taken[k, t] * _loss(game, contacts, k, t)
    for a in range(1, game.alive.size):
        for target in range(game.alive.size):
            if lanes[a]:
                for lane in range(WHOLE_BORDER):
                    defence[target] += _settle(game, contacts, spent, a, lane, target)
            if _presses(borders, a, target):
                defence[target] += _settle(game, contacts, spent, a, WHOLE_BORDER + target, target)
    for b in range(1, game.alive.size):
        if defence[b]:
            game.troops[b] -= game.troops[b] / game.tiles[b] * defence[b]


@kernel
def _settle(game, contacts, spent, a, lane, target):
    k = contacts.index[a, lane, target]
    if k < 0:
        return 0
    game.attacks[a, lane] = max(0.0, game.attacks[a, lane] - spent[k])
    return contacts.taken[k].sum()


@kernel
def _loss(game, contacts, k, terrain):
    attacker, target = contacts.attacker[k], contacts.target[k]
    kind = game.kind[attacker]
    if target == 0:
        return rules.MAGNITUDE[terrain] * rules.EXPANSION_LOSS_FACTOR[kind]
    attack = game.attacks[attacker, contacts.lane[k]]
    loss = rules.loss_player(rules.MAGNITUDE[terrain], attack, game.troops[target], float(game.tiles[target]))
    if game.kind[target] == rules.BOT and kind != rules.BOT:
        loss *= rules.LOSS_AGAINST_BOT
    return loss


@kernel
def _send_home(game, contacts, lanes, borders):
    """An attack with nothing left to take goes home."""
    for a in range(1, game.alive.size):
        if not lanes[a] and not borders[a]:
            continue
        for lane in range(game.attacks.shape[1]):
            if game.attacks[a, lane] > 0 and not _in_contact(contacts, a, lane):
                game.troops[a] += game.attacks[a, lane]
                game.attacks[a, lane] = 0


@kernel
def _in_contact(contacts, a, lane):
    if lane >= WHOLE_BORDER:
        return contacts.index[a, lane, lane - WHOLE_BORDER] >= 0
    for target in range(contacts.index.shape[2]):
        if contacts.index[a, lane, target] >= 0:
            return True
    return False


@kernel
def _losses(contacts, players):
    """Cells that each player (row) lost to each player (column) this tick."""
    lost = np.zeros((players, players), np.int32)
    for k in range(contacts.count[0]):
        lost[contacts.target[k], contacts.attacker[k]] += contacts.taken[k].sum()
    return lost
