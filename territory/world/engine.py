"""The game itself: a tick, a step, a start. Reads like the rulebook; the rules are in `rules`, attacks in `combat`."""

import numpy as np
from numba import get_thread_id, prange

from territory.world import bots, combat, rules
from territory.world.boards import change_owner, list_cells, rebuild
from territory.world.compiled import kernel
from territory.world.contacts import note_attacks
from territory.world.orders import SCRIPTED, carry_out
from territory.world.starts import start
from territory.world.state import game_of
from territory.world.workspace import FALLEN, workspace_of


@kernel
def play_step(game, settings, actions, books, rewards):
    """One environment step: every order, then ten ticks. `actions` int (P+1,), `rewards` float64 (P+1,)."""
    game.tiles_before[:] = game.tiles
    was_alive = game.alive.copy()
    carry_out(game, settings, actions)
    note_attacks(game, books)
    for _ in range(settings.ticks_per_step):
        play_tick(game, settings, actions, books)
    game.step[0] += 1
    _reward(game, settings, was_alive, rewards)


@kernel(inline=True)
def play_tick(game, settings, actions, books):
    """A tenth of a second: players grow, attacks move, small players collapse, scripted players think."""
    game.tick[0] += 1
    grow(game, settings)
    combat.advance(game, settings, books)
    collapse(game, settings, books)
    for player in range(1, game.alive.size):
        scripted = game.alive[player] and actions[player] == SCRIPTED
        if scripted and bots.thinks(game.seed[0], game.kind[player], player, game.tick[0]):
            bots.think(game, settings, books, player)


@kernel(inline=True)
def grow(game, settings):
    """Troops towards the cap, and gold."""
    for player in range(1, game.alive.size):
        if game.alive[player]:
            kind, power = game.kind[player], settings.land_power[game.tiles[player]]
            cap = rules.cap_fed(power, float(game.cities[player]), rules.CAP_FACTOR[kind])
            gain = rules.growth(game.troops[player], cap, rules.GROWTH_FACTOR[kind])
            game.troops[player] = max(0.0, min(cap, game.troops[player] + gain))
            game.gold[player] += rules.GOLD_PER_TICK[kind]


@kernel(inline=True)
def collapse(game, settings, books):
    """A player that lost cells and has too few left falls whole to whoever took most of them."""
    for player in range(1, game.alive.size):
        if not game.alive[player] or books.losses[player] == 0:
            continue
        if game.tiles[player] > 0 and game.tiles[player] < settings.collapse_tiles:
            conqueror = _conqueror(game, books, player)
            if conqueror:
                _hand_over(game, settings, books, player, conqueror)
        if game.tiles[player] == 0:
            game.alive[player] = False
            game.troops[player] = 0
            game.gold[player] = 0
            game.attacks[player] = 0


@kernel
def _conqueror(game, books, player):
    taken_by = np.zeros(game.alive.size, np.int64)
    for i in range(books.count[FALLEN]):
        k = books.by[i]
        if books.target[k] == player:
            taken_by[books.attacker[k]] += 1
    best, conqueror = 0, 0
    for other in range(1, taken_by.size):
        if game.alive[other] and game.tiles[other] > 0 and taken_by[other] > best:
            best, conqueror = taken_by[other], other
    return conqueror


@kernel
def _hand_over(game, settings, books, player, conqueror):
    game.gold[conqueror] += game.gold[player]
    first, end = game.spans[player]
    for i in range(list_cells(game.boards[player], settings, first, end, books.front_cells)):
        change_owner(game, settings, books.front_cells[i], conqueror)


@kernel
def has_won(game, settings, player):
    """Owns 80 % of the land, or is the last one."""
    if not game.alive[player]:
        return False
    return game.tiles[player] >= settings.win_share * game.land[0] or game.alive.sum() == 1


@kernel
def _reward(game, settings, was_alive, rewards):
    land, win, speed, elimination = settings.rewards
    time_left = 1 - game.step[0] / settings.max_steps
    for player in range(1, game.alive.size):
        change = (game.tiles[player] - game.tiles_before[player]) / game.land[0]
        rewards[player] = land * change
        if has_won(game, settings, player):
            rewards[player] += win + speed * time_left
        elif was_alive[player] and not game.alive[player]:
            rewards[player] += elimination


@kernel(parallel=True)
def step_batch(state, settings, actions, workspace, rewards):
    """`play_step` for every game of a batch, in parallel. `actions` int32 (N, P+1), `rewards` float64 (N, P+1)."""
    for n in prange(state.tick.size):
        play_step(game_of(state, n), settings, actions[n], workspace_of(workspace, get_thread_id()), rewards[n])


@kernel(parallel=True)
def start_batch(state, settings, kinds, seeds, which, fixed_map):
    """`start` for the games listed in `which`, with `seeds` uint64 of the same length."""
    for i in prange(which.size):
        start(game_of(state, which[i]), settings, kinds, seeds[i], fixed_map)


@kernel(parallel=True)
def rebuild_batch(state, settings):
    """Draw the boards of every game anew, after a state was restored or painted."""
    for n in prange(state.tick.size):
        rebuild(game_of(state, n), settings)
