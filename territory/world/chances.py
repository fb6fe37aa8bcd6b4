"""How much of a front falls in a tick, and which cells rather than others.

The real game conquers in the order of smallest (10 + random) * (1 - own neighbours / 2 + terrain / 2). Here a cell
falls by chance with weight 3^(own neighbours - terrain), terrain 1 / 1.5 / 2: the same preference (pockets first,
mountains last), scaled so that the expected price of what falls is the budget.
"""

import numpy as np

from territory.world import rules
from territory.world.compiled import kernel
from territory.world.contacts import NEIGHBOURS, TERRAINS

_EXTRA_FRONT = 2.0  # the real game adds 0 to 4 at random to a front; this is the mean
_RANKS = 12  # see _rank: 1 .. 11


@kernel
def set_chances(game, contacts, k):
    """The chance of each kind of front cell, so that what falls costs the budget in the mean."""
    contacts.chance[k] = 0
    attack = game.attacks[contacts.attacker[k], contacts.lane[k]]
    if attack < 1:
        return
    target = contacts.target[k]
    troops, held = game.troops[target], float(game.tiles[target])
    cells = contacts.cells[k]
    price = np.zeros(TERRAINS)
    for t in range(1, TERRAINS):
        if target == 0:
            price[t] = rules.use_unclaimed(rules.SPEED[t], attack)
        else:
            price[t] = rules.use_player(rules.SPEED[t], attack, troops, held)
    front = cells.sum() + _EXTRA_FRONT
    budget = rules.budget_unclaimed(front) if target == 0 else rules.budget_player(front, attack, troops)
    mean_price = (cells * price).sum() / cells.sum()
    tiles = np.ceil(budget / mean_price)  # the tile that spends the last of the budget still falls
    spread(tiles * mean_price, cells, price, contacts.chance[k])


@kernel
def spread(budget, cells, price, chance):
    """Fill in chances proportional to 3^(rank / 2), none above 1, with an expected price of `budget`."""
    cost = np.zeros(_RANKS)
    for n in range(NEIGHBOURS):
        for t in range(1, TERRAINS):
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
    for n in range(NEIGHBOURS):
        for t in range(1, TERRAINS):
            chance[n, t] = by_rank[_rank(n, t)]


@kernel
def _rank(neighbours, terrain):
    """2 * (own neighbours - terrain) + 5: a step of terrain (1 / 1.5 / 2) weighs half a neighbour."""
    return 2 * neighbours + (4 - terrain)
