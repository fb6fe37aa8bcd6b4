"""An action becomes an order: what it needs, and what it does."""

import numpy as np

from territory.world import cities
from territory.world.actions import INTENSITIES, NUM_BUILDS, NUM_INTENSITIES
from territory.world.boards import has_front
from territory.world.compiled import kernel

SCRIPTED = -1  # in place of an action: the player's own script decides

_SHARES = np.array(INTENSITIES)
_WAIT = 8
_NO_SITE = -1


@kernel
def carry_out(game, settings, actions):
    """Carry out the orders of a step, `actions` int (P+1,); what the mask forbids has no effect.

    Sites are chosen before any city is built, so that nobody's order can spoil another's: every mask stays true.
    """
    sites = np.full(game.alive.size, _NO_SITE, np.int64)
    for player in range(1, game.alive.size):
        if game.alive[player] and actions[player] != SCRIPTED and actions[player] % NUM_BUILDS:
            sites[player] = cities.site(game, settings, player)
    for player in range(1, game.alive.size):
        if game.alive[player] and actions[player] != SCRIPTED:
            _order(game, settings, player, actions[player], sites[player])


@kernel
def _order(game, settings, player, action, site):
    build, intensity = action % NUM_BUILDS, action // NUM_BUILDS % NUM_INTENSITIES
    direction = action // (NUM_BUILDS * NUM_INTENSITIES)
    if build and site == _NO_SITE:
        return
    if direction == _WAIT:
        if intensity:
            return
    elif not can_commit(game, player) or not has_front(game, settings, player, direction):
        return
    if build:
        cities.build(game, settings, player, site)
    if direction != _WAIT:
        troops = _SHARES[intensity] * game.troops[player]
        game.troops[player] -= troops
        game.attacks[player, direction] += troops


@kernel(inline=True)
def can_commit(game, player):
    """Whether even the smallest order would send a whole troop."""
    return _SHARES[0] * game.troops[player] >= 1
