"""Attacks of one tick: what falls, to whom, and what it costs.

All attacks move at once, on the state the tick began with, so that no player is served first.
"""

from territory.world import rng, rules
from territory.world.boards import change_owner
from territory.world.chances import set_chances
from territory.world.compiled import kernel
from territory.world.contacts import find_contacts
from territory.world.state import WHOLE_BORDER
from territory.world.workspace import CONTACTS, FALLEN, HOMEWARD, PAIRS, TERRAINS


@kernel
def advance(game, settings, books):
    """One tick of every attack. `books` then says which cells fell, and to whom."""
    find_contacts(game, settings, books)
    _cancel_opposing(game, books)
    for k in range(books.count[CONTACTS]):
        set_chances(game, books, k)
    _draw(game, books)
    _count_losses(game, books)
    _pay(game, books)
    for i in range(books.count[FALLEN]):
        change_owner(game, settings, books.fallen[i], books.attacker[books.by[i]])
    _send_home(game, books)


@kernel
def _cancel_opposing(game, books):
    """Attacks that meet cancel one for one: opposite directions in contact, or a whole border against either."""
    for k in range(books.count[CONTACTS]):
        a, lane, b = books.attacker[k], books.lane[k], books.target[k]
        if b:
            if lane < WHOLE_BORDER:
                _cancel(game, a, lane, b, (lane + 4) % 8)
            _cancel(game, a, lane, b, WHOLE_BORDER + a)


@kernel
def _cancel(game, a, lane_a, b, lane_b):
    met = min(game.attacks[a, lane_a], game.attacks[b, lane_b])
    if met > 0:
        game.attacks[a, lane_a] -= met
        game.attacks[b, lane_b] -= met


@kernel
def _draw(game, books):
    """Draw every pair; a cell that several attacks win goes to the lowest draw."""
    key = rng.stream(game.seed[0], rng.CONQUEST, game.tick[0])
    for m in range(books.count[PAIRS]):
        k, cell = books.pair_contact[m], books.pair_cell[m]
        chance = books.chance[k, books.pair_neighbours[m], game.terrain[cell]]
        lane = books.attacker[k] * game.attacks.shape[1] + books.lane[k]
        draw = rng.uniform(key, lane * game.owner.size + cell)
        if draw < chance:
            _win(books, k, cell, draw)
    for i in range(books.count[FALLEN]):
        books.place[books.fallen[i]] = -1


@kernel
def _win(books, k, cell, draw):
    i = books.place[cell]
    if i < 0:
        i = books.count[FALLEN]
        books.count[FALLEN] += 1
        books.place[cell], books.fallen[i] = i, cell
    elif draw >= books.draw[i]:
        return
    books.by[i], books.draw[i] = k, draw


@kernel
def _count_losses(game, books):
    """What fell, by contact and terrain, and by whose it was."""
    books.losses[:] = 0
    for i in range(books.count[FALLEN]):
        k = books.by[i]
        books.taken[k, game.terrain[books.fallen[i]]] += 1
        books.losses[books.target[k]] += 1


@kernel
def _pay(game, books):
    """Take the price of every fallen cell from its attack and from its defender, at the tick's first prices."""
    for k in range(books.count[CONTACTS]):
        books.spent[k] = 0
        for t in range(1, TERRAINS):
            if books.taken[k, t]:
                books.spent[k] += books.taken[k, t] * _loss(game, books, k, t)
    for k in range(books.count[CONTACTS]):
        a, lane = books.attacker[k], books.lane[k]
        game.attacks[a, lane] = max(0.0, game.attacks[a, lane] - books.spent[k])
    for b in range(1, game.alive.size):
        if books.losses[b]:
            game.troops[b] -= game.troops[b] / game.tiles[b] * books.losses[b]


@kernel
def _loss(game, books, k, terrain):
    attacker, target = books.attacker[k], books.target[k]
    kind = game.kind[attacker]
    if target == 0:
        return rules.MAGNITUDE[terrain] * rules.EXPANSION_LOSS_FACTOR[kind]
    attack = game.attacks[attacker, books.lane[k]]
    loss = rules.loss_player(rules.MAGNITUDE[terrain], attack, game.troops[target], float(game.tiles[target]))
    if game.kind[target] == rules.BOT and kind != rules.BOT:
        loss *= rules.LOSS_AGAINST_BOT
    return loss


@kernel
def _send_home(game, books):
    """An attack with nothing left to take goes home."""
    for i in range(books.count[HOMEWARD]):
        a, lane = books.home_player[i], books.home_lane[i]
        game.troops[a] += game.attacks[a, lane]
        game.attacks[a, lane] = 0
