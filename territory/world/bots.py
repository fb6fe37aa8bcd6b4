"""Scripted opponents: the real game's weak bots, and nations that play to win.

A bot orders attacks with its whole border on one neighbour at a time. Its character (how often it thinks, when it
dares, what it keeps) is drawn from the game's seed and its number, so nothing needs to be remembered.
"""

from typing import NamedTuple

import numpy as np

from territory.world import cities, rng, rules
from territory.world.compiled import kernel
from territory.world.state import WHOLE_BORDER


class Character(NamedTuple):
    """What a scripted player is like. Shares are of its troop cap."""

    interval: int  # ticks between thoughts
    phase: int  # tick of the first thought
    trigger: float  # attacks players above this share
    reserve: float  # keeps this share when attacking a player
    expand: float  # keeps this share when taking unclaimed land


@kernel
def character(game, player):
    """The traits of a player in this game (openfront-rules: 40 to 79 ticks for a bot, 30 to 59 for a nation)."""
    key = rng.stream(game.seed[0], rng.TRAIT, player)
    slowest, span = (40, 40) if game.kind[player] == rules.BOT else (30, 30)
    interval = slowest + rng.below(key, 0, span)
    return Character(
        interval,
        rng.below(key, 1, interval),
        0.50 + 0.01 * rng.below(key, 2, 10),
        0.30 + 0.01 * rng.below(key, 3, 10),
        0.10 + 0.01 * rng.below(key, 4, 10),
    )


@kernel
def think(game, settings, player):
    """Let a scripted player act, if this is a tick on which it thinks."""
    traits = character(game, player)
    if game.tick[0] % traits.interval != traits.phase:
        return
    touching, threat = look_around(game, settings.offsets, player)
    cap = rules.cap(float(game.tiles[player]), float(game.cities[player]), rules.CAP_FACTOR[game.kind[player]])
    if game.kind[player] == rules.NATION and cities.can_build(game, settings, player):
        cities.build(game, settings, player)
    if touching[0]:
        _commit(game, player, 0, game.troops[player] - traits.expand * cap)
    elif game.troops[player] >= traits.trigger * cap or _must_answer(game, player, threat):
        target = _choose(game, player, touching, threat)
        if target:
            _commit(game, player, target, game.troops[player] - traits.reserve * cap)


@kernel
def _commit(game, player, target, troops):
    if troops >= 1:
        game.troops[player] -= troops
        game.attacks[player, WHOLE_BORDER + target] += troops


@kernel
def look_around(game, offsets, player):
    """How many takeable cells of each owner lie beside the player's, and the troops each player sends against it."""
    players = game.alive.size
    touching = np.zeros(players, np.int32)
    pushes = np.zeros(players, np.uint8)  # a bit for each direction in which that player's push meets us
    for i in range(game.takeable_count[0]):
        cell = game.takeable[i]
        owner = game.owner[cell]
        if owner == player:
            for d in range(8):
                pushes[game.owner[cell - offsets[d]]] |= np.uint8(1 << d)
        else:
            for d in range(0, 8, 2):
                if game.owner[cell - offsets[d]] == player:
                    touching[owner] += 1
                    break
    threat = np.zeros(players)
    for other in range(1, players):
        if other != player:
            threat[other] = game.attacks[other, WHOLE_BORDER + player]
            for d in range(WHOLE_BORDER):
                if (pushes[other] >> np.uint8(d)) & 1:
                    threat[other] += game.attacks[other, d]
    return touching, threat


@kernel
def _must_answer(game, player, threat):
    """A nation strikes back below its trigger when an attack is larger than a fifth of its troops at home."""
    return game.kind[player] == rules.NATION and threat.max() > 0.2 * game.troops[player]


@kernel
def _choose(game, player, touching, threat):
    attacker = np.argmax(threat)
    if threat[attacker] > 0 and touching[attacker]:
        return attacker
    if game.kind[player] == rules.NATION:
        return _weakest(game, touching)
    return _any_neighbour(game, player, touching)


@kernel
def _any_neighbour(game, player, touching):
    neighbours = np.flatnonzero(touching)
    if neighbours.size == 0:
        return 0
    key = rng.stream(game.seed[0], rng.THINK, game.tick[0])
    return neighbours[rng.below(key, player, neighbours.size)]


@kernel
def _weakest(game, touching):
    """A neighbouring bot before anyone else, and then the fewest troops per tile."""
    best, target = np.inf, 0
    for other in range(1, touching.size):
        if touching[other]:
            density = game.troops[other] / game.tiles[other] + (0.0 if game.kind[other] == rules.BOT else 1e12)
            if density < best:
                best, target = density, other
    return target
