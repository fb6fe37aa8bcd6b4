"""An action becomes an order: what it needs, and what it does."""

import numpy as np

from territory.world import cities
from territory.world.actions import INTENSITIES, NUM_BUILDS, NUM_INTENSITIES
from territory.world.compiled import kernel

_SHARES = np.array(INTENSITIES)
_WAIT = 8


@kernel
def can_commit(game, player):
    """Whether even the smallest order would send a whole troop."""
    return _SHARES[0] * game.troops[player] >= 1


@kernel
def order(game, settings, player, action):
    """Carry out an action if the mask allows it; otherwise it has no effect."""
    build, intensity = action % NUM_BUILDS, action // NUM_BUILDS % NUM_INTENSITIES
    direction = action // (NUM_BUILDS * NUM_INTENSITIES)
    if build and not cities.can_build(game, settings, player):
        return
    if direction == _WAIT:
        if intensity:
            return
    elif not has_front(game, settings.offsets, player, direction) or not can_commit(game, player):
        return
    if build:
        cities.build(game, settings, player)
    if direction != _WAIT:
        troops = _SHARES[intensity] * game.troops[player]
        game.troops[player] -= troops
        game.attacks[player, direction] += troops


@kernel
def has_front(game, offsets, player, direction):
    """Whether some cell one step in this direction from the player's land could be taken."""
    for i in range(game.takeable_count[0]):
        cell = game.takeable[i]
        if game.owner[cell] != player and game.owner[cell - offsets[direction]] == player:
            return True
    return False
