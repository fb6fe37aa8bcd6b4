"""The yardstick for the world: the very same game, finding every front by looking at every cell of the map every tick.

It is compiled too, shared by the same threads, and has all other rules and the observation in common, so that the one
difference is how fronts are found: here as one would first write it down, in `territory.world.bitboards` by bits.
"""

import numpy as np

from territory.world import combat, engine
from territory.world.compiled import entry, kernel
from territory.world.observe import observe
from territory.world.state import WHOLE_BORDER, game_of, scratch_of


@kernel
def _find_targets(game, settings, scratch):
    """`combat.find_targets` without bitboards: one pass over the map for the border cells, then one for each attack."""
    combat.clear_targets(scratch)
    border = _border_cells(game, settings)
    for a in range(1, game.players.size):
        for slot in range(game.attacks.shape[1]):
            if game.attacks[a, slot] > 0 and not combat.is_over(game, scratch, a, slot):
                found = 0
                for cell in border:
                    if game.owner[cell] != a and _faces(game.owner, settings.offsets, cell, a, slot):
                        scratch.cells[found] = cell
                        found += 1
                combat.add_front(game, settings, scratch, a, slot, found)


@kernel
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


@kernel
def _faces(owner, offsets, cell, a, slot):
    if slot < WHOLE_BORDER:
        return owner[cell - offsets[slot]] == a
    if owner[cell] != slot - WHOLE_BORDER:
        return False
    beside = False
    for d in range(0, 8, 2):
        beside |= owner[cell - offsets[d]] == a
    return beside


@entry
def play_games(i, thread, games, settings, which, actions, scratch, rewards, player, seen):
    """`engine.play_games`, with the fronts found in another way."""
    n = which[i]
    game, own, own_scratch = game_of(games, n), settings[0], scratch_of(scratch, thread)
    if actions.size:
        engine.begin_step(game, own, actions[n], own_scratch)
        for _ in range(own.ticks_per_step):
            game.clock.tick += 1  # pyright: ignore[reportAttributeAccessIssue] -- a record array's field
            engine.grow(game)
            _find_targets(game, own, own_scratch)
            combat.fight(game, own, own_scratch)
            engine.finish_tick(game, own, actions[n], own_scratch)
        engine.end_step(game, own, own_scratch, rewards[n])
    planes, stats, masks = seen
    if masks.size:
        observe(game, own, player, own_scratch, planes[n], stats[n], masks[n])
