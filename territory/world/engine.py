"""The game itself: orders, ticks, rewards. Reads like the rulebook; the rules are in `rules`, attacks in `combat`.

A tick is read in five files: this one, `combat`, `bitboards`, `bots` and `rules`.
"""

import numpy as np

from territory.world import bots, cities, combat, rules
from territory.world.actions import INTENSITIES, NUM_BUILDS, NUM_INTENSITIES, NUM_ORDERS, SCRIPTED, Direction
from territory.world.bitboards import change_owner, has_front, list_cells, rebuild
from territory.world.compiled import entry, kernel
from territory.world.observe import observe
from territory.world.start import start
from territory.world.state import game_of, scratch_of

_SHARES = np.array(INTENSITIES)
_NO_SITE = -1


@kernel
def play_step(game, settings, actions, scratch, rewards):
    """One environment step: every order, then ten ticks. `actions` int (P+1,), `rewards` float64 (P+1,)."""
    begin_step(game, settings, actions, scratch)
    for _ in range(settings.ticks_per_step):
        play_tick(game, settings, actions, scratch)
    end_step(game, settings, scratch, rewards)


@kernel(inline=True)
def play_tick(game, settings, actions, scratch):
    """A tenth of a second: players grow, attacks move, small players collapse, scripted players think."""
    game.clock.tick += 1
    grow(game)
    combat.find_targets(game, settings, scratch)
    combat.fight(game, settings, scratch)
    finish_tick(game, settings, actions, scratch)


@kernel(inline=True)
def begin_step(game, settings, actions, scratch):
    """Remember how the step began, and carry out its orders, `actions` int (P+1,); what the mask forbids has no effect.

    Sites are chosen before any city is built, so that nobody's order can spoil another's: every mask stays true.
    """
    for p in range(game.players.size):
        game.players[p].tiles_before = game.players[p].tiles
        scratch.seats[p].was_alive = game.players[p].alive
        scratch.seats[p].site = _NO_SITE
        if game.players[p].alive and actions[p] != SCRIPTED and actions[p] % NUM_BUILDS:
            scratch.seats[p].site = cities.site(game, settings, scratch, p)
    for p in range(1, game.players.size):
        if game.players[p].alive and actions[p] != SCRIPTED:
            _order(game, settings, p, actions[p], scratch.seats[p].site)
    combat.mark_attacks(game, scratch)


@kernel
def _order(game, settings, player, action, site):
    own = game.players[player]
    build, intensity, direction = action % NUM_BUILDS, action // NUM_BUILDS % NUM_INTENSITIES, action // NUM_ORDERS
    if build and site == _NO_SITE:
        return
    if direction == Direction.WAIT:
        if intensity:
            return
    elif not (combat.can_commit(own) and has_front(game, settings, player, direction, game.land_board)):
        return
    if build:
        cities.build(game, settings, player, site)
    if direction != Direction.WAIT:
        troops = _SHARES[intensity] * own.troops
        own.troops -= troops
        game.attacks[player, direction] += troops


@kernel(inline=True)
def grow(game):
    """Troops towards the cap, and gold."""
    for p in range(1, game.players.size):
        player = game.players[p]
        if player.alive:
            power = game.land_power[player.tiles]
            cap = rules.cap_fed(power, float(player.cities), rules.CAP_FACTOR[player.kind])
            gain = rules.growth(player.troops, cap, rules.GROWTH_FACTOR[player.kind])
            player.troops = max(0.0, min(cap, player.troops + gain))
            player.gold += rules.GOLD_PER_TICK[player.kind]


@kernel(inline=True)
def finish_tick(game, settings, actions, scratch):
    """What follows once attacks have moved: collapses, and the thoughts of scripted players whose tick it is."""
    _collapse(game, settings, scratch)
    for p in range(1, game.players.size):
        player = game.players[p]
        scripted = player.alive and actions[p] == SCRIPTED
        if scripted and bots.thinks(game.clock.seed, player.kind, p, game.clock.tick):
            bots.think(game, settings, scratch, p)


@kernel(inline=True)
def _collapse(game, settings, scratch):
    """A player that lost cells and has too few left falls whole to whoever took most of them."""
    for p in range(1, game.players.size):
        player = game.players[p]
        if not player.alive or scratch.seats[p].losses == 0:
            continue
        if player.tiles > 0 and player.tiles < settings.collapse_tiles:
            conqueror = _conqueror(game, scratch, p)
            if conqueror:
                game.players[conqueror].gold += player.gold
                first, end = player.first_word, player.end_word
                for i in range(list_cells(game.bitboards[p], settings, first, end, scratch.cells)):
                    change_owner(game, settings, scratch.cells[i], conqueror)
        if player.tiles == 0:
            player.alive, player.troops, player.gold = False, 0.0, 0.0
            game.attacks[p] = 0.0


@kernel
def _conqueror(game, scratch, player):
    """Who, of those alive and with land, took most of a player's cells in this tick; 0 if nobody did."""
    for p in range(game.players.size):
        scratch.seats[p].taken = 0
    for i in range(scratch.count.fallen):
        target = scratch.targets[scratch.fallen[i].target]
        if target.owner == player:
            scratch.seats[target.attacker].taken += 1
    best, conqueror = 0, 0
    for other in range(1, game.players.size):
        taken, its = scratch.seats[other].taken, game.players[other]
        if its.alive and its.tiles > 0 and taken > best:
            best, conqueror = taken, other
    return conqueror


@kernel(inline=True)
def end_step(game, settings, scratch, rewards):
    """Count the step, and write what it earned everyone."""
    game.clock.step += 1
    time_left = 1 - game.clock.step / settings.max_steps
    alive = 0
    for p in range(1, game.players.size):
        alive += game.players[p].alive
    for p in range(1, game.players.size):
        player = game.players[p]
        change = (player.tiles - player.tiles_before) / game.clock.land
        rewards[p] = settings.land_reward * change
        if player.alive and (player.tiles >= settings.win_share * game.clock.land or alive == 1):
            rewards[p] += settings.win_reward + settings.speed_reward * time_left
        elif scratch.seats[p].was_alive and not player.alive:
            rewards[p] += settings.elimination_reward


# What Python calls for games of a batch: for the `i`th of them, in the scratch buffers of one thread.


@entry
def play_games(i, thread, games, settings, which, actions, scratch, rewards, player, seen):
    """A step of the games in `which` int64, and what one player sees then: who plays a game has its cells at hand.

    `play_step` with `actions` int32 (N, P+1) and `rewards` float64 (N, P+1), unless there are none; `observe` into
    `seen`: planes uint8 (N, 5, H, W), statistics float32 (N, 16) and masks bool (N, 90), unless they have no room.
    """
    n = which[i]
    game, own_scratch = game_of(games, n), scratch_of(scratch, thread)
    if actions.size:
        play_step(game, settings[0], actions[n], own_scratch, rewards[n])
    planes, stats, masks = seen
    if masks.size:
        observe(game, settings[0], player, own_scratch, planes[n], stats[n], masks[n])


@entry
def start_games(i, _thread, games, settings, kinds, seeds, which, fixed_map):
    """`start` for the games in `which` int64, with `seeds` uint64 of the same length."""
    start(game_of(games, which[i]), settings[0], kinds, seeds[i], fixed_map)


@entry
def rebuild_games(n, _thread, games, settings):
    """Draw the bitboards anew, after a state was restored or painted."""
    rebuild(game_of(games, n), settings[0])
