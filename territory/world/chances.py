"""How much of a front falls in a tick, and which cells rather than others.

The real game conquers in the order of smallest (10 + random) * (1 - own neighbours / 2 + terrain / 2) + tick of
discovery. Here a cell falls by chance with weight c^(own neighbours - terrain), terrain 1 / 1.5 / 2: the same
preference (pockets first, mountains last), scaled so that the expected price of what falls is the budget.

How choosy a queue is depends on how much of it is served: of a front that falls slowly only the pockets go, of one
that falls fast almost everything. So c is `_CHOICE` over the share that falls, within [2, 9]: fitted to the real
game's expansions (`tests/world/test_trajectories.py`).
"""

import math

import numpy as np

from territory.world import rules
from territory.world.compiled import kernel
from territory.world.workspace import NEIGHBOURS, TERRAINS

_EXTRA_FRONT = 2.0  # the real game adds 0 to 4 at random to a front; this is the mean
_CHOICE, _LEAST_CHOICE, _MOST_CHOICE = 0.9, 2.0, 9.0
_RANKS = 12  # see _rank: 1 .. 11


@kernel(inline=True)
def set_chances(game, books, k):
    """The chance of each kind of front cell, so that what falls costs the budget in the mean."""
    cells, chance, target = books.cells[k], books.chance[k], books.target[k]
    attack = game.attacks[books.attacker[k], books.lane[k]]
    if attack < 1:
        chance[:] = 0
        return
    troops, held = game.troops[target], float(game.tiles[target])
    front, cost = 0, 0.0
    price = np.zeros(TERRAINS)
    for t in range(1, TERRAINS):
        if target == 0:
            price[t] = rules.use_unclaimed(rules.SPEED[t], attack)
        else:
            price[t] = rules.use_player(rules.SPEED[t], attack, troops, held)
        alike = 0
        for n in range(NEIGHBOURS):
            alike += cells[n, t]
        front += alike
        cost += alike * price[t]
    length = front + _EXTRA_FRONT
    budget = rules.budget_unclaimed(length) if target == 0 else rules.budget_player(length, attack, troops)
    mean_price = cost / front
    tiles = np.ceil(budget / mean_price)  # the tile that spends the last of the budget still falls
    choice = rules.within(_CHOICE * front / tiles, _LEAST_CHOICE, _MOST_CHOICE)
    spread(tiles * mean_price, choice, cells, price, chance)


@kernel(inline=True)
def set_losses(game, books, k):
    """What a cell of each terrain costs the attack, at the tick's first prices."""
    attacker, target = books.attacker[k], books.target[k]
    kind, attack = game.kind[attacker], game.attacks[attacker, books.lane[k]]
    troops, held = game.troops[target], float(game.tiles[target])
    share = rules.LOSS_AGAINST_BOT if game.kind[target] == rules.BOT and kind != rules.BOT else 1.0
    for t in range(1, TERRAINS):
        if target == 0:
            books.loss[k, t] = rules.MAGNITUDE[t] * rules.EXPANSION_LOSS_FACTOR[kind]
        elif attack >= 1:
            books.loss[k, t] = rules.loss_player(rules.MAGNITUDE[t], attack, troops, held) * share
        else:
            books.loss[k, t] = 0.0


@kernel(inline=True)
def spread(budget, choice, cells, price, chance):
    """Fill in chances proportional to choice^(rank / 2), none above 1, with an expected price of `budget`."""
    weight, cost = np.empty(_RANKS), np.zeros(_RANKS)
    weight[0] = 1.0
    for r in range(1, _RANKS):
        weight[r] = weight[r - 1] * math.sqrt(choice)
    for n in range(NEIGHBOURS):
        for t in range(1, TERRAINS):
            cost[_rank(n, t)] += cells[n, t] * price[t]
    by_rank = np.zeros(_RANKS)
    certain = _RANKS  # ranks from here up fall for sure
    while True:
        weighted = 0.0
        for r in range(certain):
            weighted += cost[r] * weight[r]
        scale = budget / weighted if weighted > 0 else 0.0
        if certain == 0 or scale * weight[certain - 1] <= 1:
            break
        certain -= 1
        by_rank[certain] = 1.0
        budget = max(0.0, budget - cost[certain])
    for r in range(certain):
        by_rank[r] = scale * weight[r]
    for n in range(NEIGHBOURS):
        for t in range(1, TERRAINS):
            chance[n, t] = by_rank[_rank(n, t)]


@kernel(inline=True)
def _rank(neighbours, terrain):
    """2 * (own neighbours - terrain) + 5: a step of terrain (1 / 1.5 / 2) weighs half a neighbour."""
    return 2 * neighbours + (4 - terrain)
