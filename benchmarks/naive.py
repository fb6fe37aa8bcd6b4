"""The yardstick for the world: the very same game, finding every front by looking at every cell of the map every tick.

It is compiled and parallel too and shares all other rules and the observation, so that the one difference is how
fronts are found: here as one would first write it down, in `territory.world.boards` by bits.
"""

import numba
import numpy as np
from numba import get_thread_id, prange

from territory.world import combat, contacts, engine
from territory.world.compiled import kernel
from territory.world.orders import SCRIPTED, carry_out
from territory.world.state import WHOLE_BORDER, game_of
from territory.world.workspace import CONTACTS, workspace_of
from territory.world.world import AGENT, World


class NaiveWorld(World):
    """A `World` whose ticks begin with a look at the whole map."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `World.step`."""
        rewards = np.zeros((self.num_envs, self.params.num_players + 1))
        threads = numba.get_num_threads()
        numba.set_num_threads(min(threads, self.num_envs))  # as World does it
        _step_batch(self.state, self.settings, self.orders(actions), self._workspace, rewards)
        numba.set_num_threads(threads)
        terminated = ~self.state.alive[:, AGENT] | self.has_won()
        return rewards, terminated, ~terminated & (self.state.step >= self.params.max_steps)


@kernel(inline=True)
def _find_contacts(game, settings, books):
    """`contacts.find_contacts` without boards: one pass over the map for the border cells, then one for each attack."""
    books.count[:] = 0
    border = _border_cells(game, settings)
    for a in range(1, game.alive.size):
        for lane in range(game.attacks.shape[1]):
            if game.attacks[a, lane] > 0 and not contacts._is_over(game, books, a, lane):
                _meet(game, settings, books, border, a, lane)


@kernel(inline=True)
def _border_cells(game, settings):
    """Every passable cell with a neighbour (of eight) that another player owns."""
    cells, found = np.empty(game.owner.size, np.int32), 0
    for cell in range(game.owner.size):
        if game.terrain[cell]:
            for d in range(8):
                other = game.owner[cell - settings.offsets[d]]
                if other != 0 and other != game.owner[cell]:
                    cells[found] = cell
                    found += 1
                    break
    return cells[:found]


@kernel(inline=True)
def _meet(game, settings, books, border, a, lane):
    found, known = 0, books.count[CONTACTS]
    for cell in border:
        if game.owner[cell] != a and _faces(game.owner, settings.offsets, cell, a, lane):
            books.front_cells[found] = cell
            found += 1
            target = game.owner[cell]
            if books.contact_of[target] < 0:
                books.contact_of[target] = contacts._new_contact(books, a, lane, target)
    if found == 0:
        contacts._go_home(books, a, lane)
    contacts._add_pairs(game, settings, books, a, found)
    for k in range(known, books.count[CONTACTS]):
        books.contact_of[books.target[k]] = -1


@kernel(inline=True)
def _faces(owner, offsets, cell, a, lane):
    if lane < WHOLE_BORDER:
        return owner[cell - offsets[lane]] == a
    if owner[cell] != lane - WHOLE_BORDER:
        return False
    beside = False
    for d in range(0, 8, 2):
        beside |= owner[cell - offsets[d]] == a
    return beside


@kernel
def _play_step(game, settings, actions, books, rewards):
    """`engine.play_step` and `engine.play_tick`, with the fronts found in another way."""
    game.tiles_before[:] = game.tiles
    was_alive = game.alive.copy()
    carry_out(game, settings, actions)
    contacts.note_attacks(game, books)
    for _ in range(settings.ticks_per_step):
        game.tick[0] += 1
        engine.grow(game, settings)
        _find_contacts(game, settings, books)
        combat.fight(game, settings, books)
        engine.collapse(game, settings, books)
        for player in range(1, game.alive.size):
            scripted = game.alive[player] and actions[player] == SCRIPTED
            if scripted and engine.bots.thinks(game.seed[0], game.kind[player], player, game.tick[0]):
                engine.bots.think(game, settings, books, player)
    game.step[0] += 1
    engine._reward(game, settings, was_alive, rewards)


@kernel(parallel=True)
def _step_batch(state, settings, actions, workspace, rewards):
    for n in prange(state.tick.size):
        _play_step(game_of(state, n), settings, actions[n], workspace_of(workspace, get_thread_id()), rewards[n])
