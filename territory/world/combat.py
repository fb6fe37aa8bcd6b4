"""Attacks of one tick: what falls, to whom, and what it costs.

All attacks move at once, on the state the tick began with, so that no player is served first.
"""

from territory.world import rng
from territory.world.boards import change_owner
from territory.world.chances import set_chances, set_losses
from territory.world.compiled import kernel
from territory.world.contacts import find_contacts
from territory.world.state import WHOLE_BORDER
from territory.world.workspace import CONTACTS, FALLEN, HOMEWARD, PAIRS, TERRAINS


@kernel(inline=True)
def advance(game, settings, books):
    """One tick of every attack. `books` then says which cells fell, and to whom."""
    find_contacts(game, settings, books)
    fight(game, settings, books)


@kernel(inline=True)
def fight(game, settings, books):
    """Attacks whose contacts are found meet, take cells and pay."""
    _cancel_opposing(game, books)
    for k in range(books.count[CONTACTS]):
        set_chances(game, books, k)
        set_losses(game, books, k)
    _draw(game, books)
    _count_losses(game, books)
    _pay(game, books)
    for i in range(books.count[FALLEN]):
        change_owner(game, settings, books.fallen[i], books.attacker[books.by[i]])
    _send_home(game, books)


@kernel(inline=True)
def _cancel_opposing(game, books):
    """Attacks that meet cancel one for one: opposite directions in contact, or a whole border against either."""
    for k in range(books.count[CONTACTS]):
        a, lane, b = books.attacker[k], books.lane[k], books.target[k]
        if b:
            if lane < WHOLE_BORDER:
                _cancel(game, a, lane, b, (lane + 4) % 8)
            _cancel(game, a, lane, b, WHOLE_BORDER + a)


@kernel(inline=True)
def _cancel(game, a, lane_a, b, lane_b):
    met = min(game.attacks[a, lane_a], game.attacks[b, lane_b])
    if met > 0:
        game.attacks[a, lane_a] -= met
        game.attacks[b, lane_b] -= met


@kernel(inline=True)
def _draw(game, books):
    """Draw every pair; a cell that several attacks win goes to the lowest draw."""
    key = rng.stream(game.seed[0], rng.CONQUEST, game.tick[0])
    lanes, cells, fallen = game.attacks.shape[1], game.owner.size, 0
    for m in range(books.count[PAIRS]):
        k, cell = books.pair_contact[m], books.pair_cell[m]
        draw = rng.uniform(key, (books.attacker[k] * lanes + books.lane[k]) * cells + cell)
        if draw < books.chance[k, books.pair_neighbours[m], game.terrain[cell]]:
            i = books.place[cell]
            if i < 0:
                i = fallen
                books.place[cell], books.fallen[i], books.draw[i] = i, cell, 1.0
                fallen += 1
            if draw < books.draw[i]:
                books.by[i], books.draw[i] = k, draw
    for i in range(fallen):
        books.place[books.fallen[i]] = -1
    books.count[FALLEN] = fallen


@kernel(inline=True)
def _count_losses(game, books):
    """What fell, by contact and terrain, and by whose it was."""
    books.losses[:] = 0
    for i in range(books.count[FALLEN]):
        k = books.by[i]
        books.taken[k, game.terrain[books.fallen[i]]] += 1
        books.losses[books.target[k]] += 1


@kernel(inline=True)
def _pay(game, books):
    """Take the price of every fallen cell from its attack and from its defender."""
    for k in range(books.count[CONTACTS]):
        a, lane, spent = books.attacker[k], books.lane[k], 0.0
        for t in range(1, TERRAINS):
            spent += books.taken[k, t] * books.loss[k, t]
        game.attacks[a, lane] = max(0.0, game.attacks[a, lane] - spent)
    for b in range(1, game.alive.size):
        if books.losses[b]:
            left = game.troops[b] - game.troops[b] / game.tiles[b] * books.losses[b]
            game.troops[b] = max(0.0, left)  # who loses all its tiles is not left with a rounding error below nothing


@kernel(inline=True)
def _send_home(game, books):
    """An attack with nothing left to take goes home."""
    for i in range(books.count[HOMEWARD]):
        a, lane = books.home_player[i], books.home_lane[i]
        game.troops[a] += game.attacks[a, lane]
        game.attacks[a, lane] = 0
