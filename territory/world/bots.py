"""Scripted opponents: the real game's weak bots, and nations that play to win.

A bot orders attacks with its whole border on one neighbour at a time. Its character (how often it thinks, when it
dares, what it keeps) is drawn from the game's seed and its number, so nothing needs to be remembered.
"""

from typing import NamedTuple

import numpy as np

from territory.world import cities, rng, rules
from territory.world.boards import count_beside, meets
from territory.world.compiled import kernel
from territory.world.contacts import note
from territory.world.state import WHOLE_BORDER


class Character(NamedTuple):
    """What a scripted player is like, in shares of its troop cap."""

    trigger: float  # attacks players above this share
    reserve: float  # keeps this share when attacking a player
    expand: float  # keeps this share when taking unclaimed land


@kernel(inline=True)
def thinks(seed, kind, player, tick):
    """Whether this is its tick: one in 40 to 79 for a bot, in 30 to 59 for a nation (openfront-rules)."""
    key = rng.stream(seed, rng.TRAIT, player)
    span = 40 if kind == rules.BOT else 30
    interval = span + rng.below(key, 0, span)
    return tick % interval == rng.below(key, 1, interval)


@kernel
def character(game, player):
    """The traits of a player in this game."""
    key = rng.stream(game.seed[0], rng.TRAIT, player)
    return Character(
        0.50 + 0.01 * rng.below(key, 2, 10),
        0.30 + 0.01 * rng.below(key, 3, 10),
        0.10 + 0.01 * rng.below(key, 4, 10),
    )


@kernel
def think(game, settings, books, player):
    """Let a scripted player act."""
    traits = character(game, player)
    beside, threat = count_beside(game, settings, player, books), _threats(game, settings, player)
    cap = rules.cap(float(game.tiles[player]), float(game.cities[player]), rules.CAP_FACTOR[game.kind[player]])
    if game.kind[player] == rules.NATION and cities.can_pay(game, settings, player):
        _build(game, settings, player)
    if beside[0]:
        _commit(game, books, player, 0, game.troops[player] - traits.expand * cap)
    elif game.troops[player] >= traits.trigger * cap or _must_answer(game, player, threat):
        target = _choose(game, player, beside, threat)
        if target:
            _commit(game, books, player, target, game.troops[player] - traits.reserve * cap)


@kernel
def _build(game, settings, player):
    site = cities.site(game, settings, player)
    if site >= 0:
        cities.build(game, settings, player, site)


@kernel
def _commit(game, books, player, target, troops):
    if troops >= 1:
        game.troops[player] -= troops
        game.attacks[player, WHOLE_BORDER + target] += troops
        note(books, player, WHOLE_BORDER + target)


@kernel
def _threats(game, settings, player):
    """float64 (P+1,): the troops that each player sends against this one."""
    threat = np.zeros(game.alive.size)
    for other in range(1, game.alive.size):
        if other != player:
            threat[other] = game.attacks[other, WHOLE_BORDER + player]
            for d in range(WHOLE_BORDER):
                if game.attacks[other, d] > 0 and meets(game, settings, other, d, player):
                    threat[other] += game.attacks[other, d]
    return threat


@kernel
def _must_answer(game, player, threat):
    """A nation strikes back below its trigger when an attack is larger than a fifth of its troops at home."""
    return game.kind[player] == rules.NATION and threat.max() > 0.2 * game.troops[player]


@kernel
def _choose(game, player, beside, threat):
    attacker = np.argmax(threat)
    if threat[attacker] > 0 and beside[attacker]:
        return attacker
    if game.kind[player] == rules.NATION:
        return _weakest(game, beside)
    return _any_neighbour(game, player, beside)


@kernel
def _any_neighbour(game, player, beside):
    neighbours = np.flatnonzero(beside)
    if neighbours.size == 0:
        return 0
    key = rng.stream(game.seed[0], rng.THINK, game.tick[0])
    return neighbours[rng.below(key, player, neighbours.size)]


@kernel
def _weakest(game, beside):
    """A neighbouring bot before anyone else, and then the fewest troops per tile."""
    best, target = np.inf, 0
    for other in range(1, beside.size):
        if beside[other]:
            density = game.troops[other] / game.tiles[other] + (0.0 if game.kind[other] == rules.BOT else 1e12)
            if density < best:
                best, target = density, other
    return target
