"""The yardstick for the world: the very same game, finding the front by looking at every cell of the map every tick.

It is compiled and parallel too and shares all rules, so that the one difference is the list of takeable cells that
`territory.world.frontier` keeps up to date. (The list is still updated here while cells fall: a few cells a tick
against all 16,384.)
"""

import numba
import numpy as np
from numba import prange

from territory.world import engine
from territory.world.compiled import kernel
from territory.world.frontier import rebuild
from territory.world.orders import order
from territory.world.state import game_of
from territory.world.world import AGENT, World


class NaiveWorld(World):
    """A `World` whose ticks begin with a look at the whole map."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `World.step`."""
        orders = self._orders(np.asarray(actions))
        rewards = np.zeros((self.num_envs, self.params.num_players + 1))
        threads = numba.get_num_threads()
        numba.set_num_threads(min(threads, self.num_envs))  # as World does it
        _step_batch(self.state, self.settings, orders, rewards)
        numba.set_num_threads(threads)
        terminated = ~self.state.alive[:, AGENT] | self.has_won()
        return rewards, terminated, ~terminated & (self.state.step >= self.params.max_steps)


@kernel
def _play_step(game, settings, actions, contact_index, rewards):
    """`engine.play_step` with one line more."""
    stride = settings.width + 2
    game.tiles_before[:] = game.tiles
    was_alive = game.alive.copy()
    for player in range(1, game.alive.size):
        if game.alive[player] and actions[player] != engine.SCRIPTED:
            order(game, settings, player, actions[player])
    for _ in range(settings.ticks_per_step):
        rebuild(game, settings.offsets, stride, game.owner.size - stride)
        engine.play_tick(game, settings, actions, contact_index)
    game.step[0] += 1
    engine._reward(game, settings, was_alive, rewards)


@kernel(parallel=True)
def _step_batch(state, settings, actions, rewards):
    players, lanes = state.attacks.shape[1], state.attacks.shape[2]
    for n in prange(state.tick.size):
        contact_index = np.full((players, lanes, players), -1, np.int16)
        _play_step(game_of(state, n), settings, actions[n], contact_index, rewards[n])
