"""Attacks of one tick: what they could take, what falls, to whom, and what it costs.

All attacks move at once, on the state the tick began with, so that no player is served first. Targets stand in the
order of attacker, slot, and cell; frontier cells likewise.

The real game conquers in the order of smallest (10 + random) * (1 - own neighbours / 2 + terrain / 2) + tick of
discovery. Here a cell falls with a probability of weight c^(own neighbours - terrain), terrain 1 / 1.5 / 2: the same
preference (pockets first, mountains last), scaled so that the expected price of what falls is the budget.

How choosy a queue is depends on how much of it is served: of a front that falls slowly only the pockets go, of one
that falls fast almost everything. So c is `_CHOICE` over the share that falls, within [2, 9]: fitted to the real
game's expansions (`tests/world/test_trajectories.py`).
"""

import math

import numpy as np

from territory.world import rng, rules
from territory.world.actions import INTENSITIES
from territory.world.bitboards import border_front, change_owner, directional_front, list_cells, trailing_zeros
from territory.world.compiled import kernel
from territory.world.state import NEIGHBOURS, NUM_TERRAINS, RANKS, WHOLE_BORDER

_ONE = np.uint64(1)
_LEAST_SHARE = INTENSITIES[0]
_EXTRA_FRONT = 2.0  # the real game adds 0 to 4 at random to a front; this is the mean
_CHOICE, _LEAST_CHOICE, _MOST_CHOICE = 0.9, 2.0, 9.0


@kernel(inline=True)
def can_commit(player):
    """Whether even the smallest order of a player (its record) would send a whole troop."""
    return _LEAST_SHARE * player.troops >= 1


@kernel(inline=True)
def fight(game, settings, scratch):
    """Attacks whose targets are found meet, take cells and pay. `scratch` then says which cells fell, and to whom."""
    _cancel_opposing(game, scratch)
    for k in range(scratch.count.targets):
        target = scratch.targets[k]
        if game.attacks[target.attacker, target.slot] >= 1:
            _set_prices(game, target)
            _set_probabilities(game, target, scratch.ranking)
        else:  # too few were left of it: nothing falls
            target.probability[:], target.loss[:] = 0.0, 0.0
    _draw(game, scratch)
    _count_losses(game, scratch)
    _pay(game, scratch)
    for i in range(scratch.count.fallen):
        fallen = scratch.fallen[i]
        change_owner(game, settings, fallen.cell, scratch.targets[fallen.target].attacker)
    _send_home(game, scratch)


@kernel
def mark_attacks(game, scratch):
    """Note who attacks where, as a step begins; within it, `mark_active` and `is_over` keep the notes true."""
    for a in range(game.players.size):
        scratch.seats[a].active = np.uint64(0)
        for slot in range(game.attacks.shape[1]):
            if game.attacks[a, slot] > 0:
                mark_active(scratch.seats[a], slot)


@kernel(inline=True)
def mark_active(attacker, slot):
    """An attack has begun. `attacker`: its entry in `seats`."""
    attacker.active |= _ONE << np.uint64(slot)


@kernel(inline=True)
def is_over(game, scratch, a, slot):
    """An attack with less than one troop is over."""
    if game.attacks[a, slot] >= 1:
        return False
    game.attacks[a, slot] = 0
    scratch.seats[a].active &= ~(_ONE << np.uint64(slot))
    return True


@kernel(inline=True)
def clear_targets(scratch):
    """Forget the targets of the last tick."""
    count = scratch.count
    count.targets = count.frontier = count.fallen = count.returning = 0


@kernel(inline=True)
def find_targets(game, settings, scratch):
    """List every (attack, owner) target and every (target, cell) of the frontier, and the attacks that have none."""
    clear_targets(scratch)
    for a in range(1, game.players.size):
        active = scratch.seats[a].active
        while active:
            slot = np.int64(trailing_zeros(active))
            active &= active - _ONE
            if is_over(game, scratch, a, slot):
                continue
            if slot < WHOLE_BORDER:
                first, end = directional_front(game, settings, a, slot, scratch.front)
            else:
                first, end = border_front(game, settings, a, game.bitboards[slot - WHOLE_BORDER], scratch.front)
            found = list_cells(scratch.front, settings, first, end, scratch.cells) if first < end else 0
            add_front(game, settings, scratch, a, slot, found)


@kernel(inline=True)
def add_front(game, settings, scratch, a, slot, found):
    """List the first `found` of `cells` as the front of an attack; without any, it goes home."""
    if found == 0:
        returning = scratch.returning[scratch.count.returning]
        returning.player, returning.slot = a, slot
        scratch.count.returning += 1
        return
    known = scratch.count.targets
    for i in range(found):
        owner = game.owner[scratch.cells[i]]
        if scratch.seats[owner].target < 0:
            scratch.seats[owner].target = _new_target(scratch, a, slot, owner)
    _add_cells(game, settings, scratch, a, found)
    for k in range(known, scratch.count.targets):
        scratch.seats[scratch.targets[k].owner].target = -1


@kernel(inline=True)
def _new_target(scratch, attacker, slot, owner):
    k = scratch.count.targets
    scratch.count.targets += 1
    target = scratch.targets[k]
    target.attacker, target.slot, target.owner = attacker, slot, owner
    for t in range(NUM_TERRAINS):
        target.taken[t] = 0
        for n in range(NEIGHBOURS):
            target.cells[n, t] = 0
    return k


@kernel(inline=True)
def _add_cells(game, settings, scratch, attacker, found):
    """Add the front at hand to the frontier, each cell with the target that its owner is."""
    owner, first = game.owner, scratch.count.frontier
    north, east, south, west = settings.offsets[0], settings.offsets[2], settings.offsets[4], settings.offsets[6]
    for i in range(found):
        cell = scratch.cells[i]
        k = scratch.seats[owner[cell]].target
        neighbours = np.int64(owner[cell + north] == attacker) + np.int64(owner[cell + east] == attacker)
        neighbours += np.int64(owner[cell + south] == attacker) + np.int64(owner[cell + west] == attacker)
        scratch.targets[k].cells[neighbours, game.terrain[cell]] += 1
        frontier = scratch.frontier[first + i]
        frontier.cell, frontier.target, frontier.neighbours = cell, k, neighbours
    scratch.count.frontier = first + found


@kernel(inline=True)
def _cancel_opposing(game, scratch):
    """Attacks that meet cancel one for one: opposite directions in contact, or a whole border against either."""
    for k in range(scratch.count.targets):
        target = scratch.targets[k]
        a, slot, b = target.attacker, target.slot, target.owner
        if b:
            if slot < WHOLE_BORDER:
                _cancel(game, a, slot, b, (slot + 4) % 8)
            _cancel(game, a, slot, b, WHOLE_BORDER + a)


@kernel(inline=True)
def _cancel(game, a, slot_a, b, slot_b):
    met = min(game.attacks[a, slot_a], game.attacks[b, slot_b])
    if met > 0:
        game.attacks[a, slot_a] -= met
        game.attacks[b, slot_b] -= met


@kernel(inline=True)
def _set_prices(game, target):
    """What a cell of each terrain takes from the budget, and what it costs the attack, as the tick begins."""
    attacker, defender = game.players[target.attacker], game.players[target.owner]
    attack, troops, held = game.attacks[target.attacker, target.slot], defender.troops, float(defender.tiles)
    against_bot = defender.kind == rules.BOT and attacker.kind != rules.BOT
    share = rules.LOSS_AGAINST_BOT if against_bot else 1.0
    for t in range(1, NUM_TERRAINS):
        speed, magnitude = rules.SPEED[t], rules.MAGNITUDE[t]
        if target.owner == 0:
            target.price[t] = rules.use_unclaimed(speed, attack)
            target.loss[t] = magnitude * rules.EXPANSION_LOSS_FACTOR[attacker.kind]
        else:
            target.price[t] = rules.use_player(speed, attack, troops, held)
            target.loss[t] = rules.loss_player(magnitude, attack, troops, held) * share


@kernel(inline=True)
def _set_probabilities(game, target, ranking):
    """The probability of each kind of front cell, so that what falls costs the budget in the mean."""
    attack = game.attacks[target.attacker, target.slot]
    front, cost = 0, 0.0
    for t in range(1, NUM_TERRAINS):
        alike = 0
        for n in range(NEIGHBOURS):
            alike += target.cells[n, t]
        front += alike
        cost += alike * target.price[t]
    length = front + _EXTRA_FRONT
    if target.owner == 0:
        budget = rules.budget_unclaimed(length)
    else:
        budget = rules.budget_player(length, attack, game.players[target.owner].troops)
    mean_price = cost / front
    tiles = np.ceil(budget / mean_price)  # the tile that spends the last of the budget still falls
    choice = rules.within(_CHOICE * front / tiles, _LEAST_CHOICE, _MOST_CHOICE)
    spread(tiles * mean_price, choice, target, ranking)


@kernel
def spread(budget, choice, target, ranking):
    """Fill in probabilities proportional to choice^(rank / 2), none above 1, with an expected price of `budget`.

    Of `target`, `cells` and `price` are read and `probability` is written.
    """
    weight, cost, probability = ranking.weight, ranking.cost, ranking.probability
    weight[0], cost[0] = 1.0, 0.0
    for r in range(1, RANKS):
        weight[r], cost[r] = weight[r - 1] * math.sqrt(choice), 0.0
    for n in range(NEIGHBOURS):
        for t in range(1, NUM_TERRAINS):
            cost[_rank(n, t)] += target.cells[n, t] * target.price[t]
    certain = RANKS  # ranks from here up fall for sure
    while True:
        weighted = 0.0
        for r in range(certain):
            weighted += cost[r] * weight[r]
        scale = budget / weighted if weighted > 0 else 0.0
        if certain == 0 or scale * weight[certain - 1] <= 1:
            break
        certain -= 1
        probability[certain] = 1.0
        budget = max(0.0, budget - cost[certain])
    for r in range(certain):
        probability[r] = scale * weight[r]
    for n in range(NEIGHBOURS):
        for t in range(1, NUM_TERRAINS):
            target.probability[n, t] = probability[_rank(n, t)]


@kernel(inline=True)
def _rank(neighbours, terrain):
    """2 * (own neighbours - terrain) + 5: a step of terrain (1 / 1.5 / 2) counts half a neighbour."""
    return 2 * neighbours + (4 - terrain)


@kernel(inline=True)
def _draw(game, scratch):
    """Draw for every frontier cell; one that several attacks win goes to the lowest draw."""
    key = rng.stream(game.clock.seed, rng.CONQUEST, game.clock.tick)
    slots, cells, fallen = game.attacks.shape[1], game.owner.size, 0
    place = scratch.place
    for m in range(scratch.count.frontier):
        frontier = scratch.frontier[m]
        cell, target = frontier.cell, scratch.targets[frontier.target]
        draw = rng.uniform(key, (target.attacker * slots + target.slot) * cells + cell)
        if draw < target.probability[frontier.neighbours, game.terrain[cell]]:
            i = np.int64(place[cell])
            if i < 0:
                i = fallen
                place[cell] = i
                scratch.fallen[i].cell, scratch.fallen[i].draw = cell, 1.0
                fallen += 1
            if draw < scratch.fallen[i].draw:
                scratch.fallen[i].target, scratch.fallen[i].draw = frontier.target, draw
    for i in range(fallen):
        place[scratch.fallen[i].cell] = -1
    scratch.count.fallen = fallen


@kernel(inline=True)
def _count_losses(game, scratch):
    """What fell, by target and terrain, and by whose it was."""
    for p in range(scratch.seats.size):
        scratch.seats[p].losses = 0
    for i in range(scratch.count.fallen):
        target = scratch.targets[scratch.fallen[i].target]
        target.taken[game.terrain[scratch.fallen[i].cell]] += 1
        scratch.seats[target.owner].losses += 1


@kernel(inline=True)
def _pay(game, scratch):
    """Take the price of every fallen cell from its attack and from its defender."""
    for k in range(scratch.count.targets):
        target, spent = scratch.targets[k], 0.0
        for t in range(1, NUM_TERRAINS):
            spent += target.taken[t] * target.loss[t]
        left = game.attacks[target.attacker, target.slot] - spent
        game.attacks[target.attacker, target.slot] = max(0.0, left)
    for b in range(1, game.players.size):
        if scratch.seats[b].losses:
            defender = game.players[b]
            left = defender.troops - defender.troops / defender.tiles * scratch.seats[b].losses
            defender.troops = max(0.0, left)  # who loses all its tiles is not left with a rounding error below nothing


@kernel(inline=True)
def _send_home(game, scratch):
    """An attack with nothing left to take goes home."""
    for i in range(scratch.count.returning):
        a, slot = scratch.returning[i].player, scratch.returning[i].slot
        game.players[a].troops += game.attacks[a, slot]
        game.attacks[a, slot] = 0
