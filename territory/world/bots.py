"""Scripted opponents: the real game's weak bots, and nations that play to win.

A bot orders border attacks on one neighbour at a time. Its character (how often it thinks, when it dares, what it
keeps) is drawn from the game's seed and its number, so nothing needs to be remembered.
"""

import numpy as np

from territory.world import cities, rng, rules
from territory.world.bitboards import count_beside, has_front
from territory.world.combat import mark_active
from territory.world.compiled import kernel
from territory.world.state import WHOLE_BORDER


@kernel(inline=True)
def thinks(seed, kind, player, tick):
    """Whether this is its tick: one in 40 to 79 for a bot, in 30 to 59 for a nation, as in the real game."""
    key = rng.stream(seed, rng.TRAIT, player)
    span = 40 if kind == rules.BOT else 30
    interval = span + rng.below(key, 0, span)
    return tick % interval == rng.below(key, 1, interval)


@kernel
def think(game, settings, scratch, player):
    """Let a scripted player act.

    It attacks players above `trigger` and then keeps `reserve`; when it takes unclaimed land, it keeps `expand`: shares
    of its troop cap, which are its character.
    """
    key = rng.stream(game.clock.seed, rng.TRAIT, player)
    trigger, reserve = 0.50 + 0.01 * rng.below(key, 2, 10), 0.30 + 0.01 * rng.below(key, 3, 10)
    expand = 0.10 + 0.01 * rng.below(key, 4, 10)
    own, seats = game.players[player], scratch.seats
    count_beside(game, settings, player, scratch)
    attacker = _find_threats(game, settings, seats, player)
    cap = rules.cap(float(own.tiles), float(own.cities), rules.CAP_FACTOR[own.kind])
    if own.kind == rules.NATION:
        site = cities.site(game, settings, scratch, player)
        if site >= 0:
            cities.build(game, settings, player, site)
    if seats[0].beside:
        _commit(game, seats, player, 0, own.troops - expand * cap)
        return
    # A nation strikes back below its trigger when an attack is larger than a fifth of its troops at home.
    must_answer = own.kind == rules.NATION and seats[attacker].threat > 0.2 * own.troops
    if must_answer or own.troops >= trigger * cap:
        if seats[attacker].threat > 0 and seats[attacker].beside:
            target = attacker
        elif own.kind == rules.NATION:
            target = _weakest(game, seats)
        else:
            target = _any_neighbour(game, seats, player)
        if target:
            _commit(game, seats, player, target, own.troops - reserve * cap)


@kernel(inline=True)
def _commit(game, seats, player, target, troops):
    if troops >= 1:
        game.players[player].troops -= troops
        game.attacks[player, WHOLE_BORDER + target] += troops
        mark_active(seats[player], WHOLE_BORDER + target)


@kernel(inline=True)
def _find_threats(game, settings, seats, player):
    """Write, as `seats[p].threat`, the troops each player sends against this one; returns who sends most (0 nobody)."""
    largest = 0
    for other in range(seats.size):
        threat = 0.0
        if other != 0 and other != player:
            threat = game.attacks[other, WHOLE_BORDER + player]
            for d in range(WHOLE_BORDER):
                if game.attacks[other, d] > 0 and has_front(game, settings, other, d, game.bitboards[player]):
                    threat += game.attacks[other, d]
        seats[other].threat = threat
        if threat > seats[largest].threat:
            largest = other
    return largest


@kernel(inline=True)
def _any_neighbour(game, seats, player):
    neighbours = 0
    for other in range(1, seats.size):
        neighbours += seats[other].beside > 0
    if neighbours == 0:
        return 0
    chosen = rng.below(rng.stream(game.clock.seed, rng.THINK, game.clock.tick), player, neighbours)
    for other in range(1, seats.size):
        if seats[other].beside:
            if chosen == 0:
                return other
            chosen -= 1
    return 0


@kernel(inline=True)
def _weakest(game, seats):
    """A neighbouring bot before anyone else, and then the fewest troops per tile."""
    best, target = np.inf, 0
    for other in range(1, seats.size):
        if seats[other].beside:
            its = game.players[other]
            density = its.troops / its.tiles + (0.0 if its.kind == rules.BOT else 1e12)
            if density < best:
                best, target = density, other
    return target
