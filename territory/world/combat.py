"""Attacks of one tick: what falls, to whom, and what it costs.

All attacks move at once, on the state the tick began with, so that no player is served first.
"""

import numpy as np

from territory.world import rng, rules
from territory.world.chances import set_chances
from territory.world.compiled import kernel
from territory.world.contacts import TERRAINS, attacking, find_contacts, presses
from territory.world.frontier import change_owner
from territory.world.state import WHOLE_BORDER


@kernel
def advance(game, settings, contact_index):
    """One tick of every attack. `contact_index` is scratch, -1 throughout before and after."""
    lanes, borders = attacking(game)
    contacts = find_contacts(game, settings.offsets, lanes, borders, contact_index)
    _cancel_opposing(game, contacts, lanes, borders)
    for k in range(contacts.count[0]):
        set_chances(game, contacts, k)
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
            if presses(borders, a, b):
                _cancel(game, a, WHOLE_BORDER + b, b, WHOLE_BORDER + a)


@kernel
def _cancel(game, a, lane_a, b, lane_b):
    met = min(game.attacks[a, lane_a], game.attacks[b, lane_b])
    if met > 0:
        game.attacks[a, lane_a] -= met
        game.attacks[b, lane_b] -= met


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
        for t in range(1, TERRAINS):
            if contacts.taken[k, t]:
                spent[k] += contacts.taken[k, t] * _loss(game, contacts, k, t)
    for a in range(1, game.alive.size):
        for target in range(game.alive.size):
            if lanes[a]:
                for lane in range(WHOLE_BORDER):
                    defence[target] += _settle(game, contacts, spent, a, lane, target)
            if presses(borders, a, target):
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
