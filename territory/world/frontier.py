"""The takeable cells: land with a neighbour (of eight) that another player owns.

Only these can change hands, so a tick looks at a few hundred cells instead of the whole map. The list is kept up
to date whenever a cell changes owner; its order carries no meaning.
"""

from territory.world.compiled import kernel


@kernel
def is_takeable(game, offsets, cell):
    """Whether some player beside this cell could take it."""
    if game.terrain[cell] == 0:
        return False
    owner = game.owner[cell]
    for d in range(8):
        other = game.owner[cell + offsets[d]]
        if other != 0 and other != owner:
            return True
    return False


@kernel
def _refresh(game, offsets, cell):
    position = game.takeable_at[cell]
    if is_takeable(game, offsets, cell):
        if position < 0:
            game.takeable_at[cell] = game.takeable_count[0]
            game.takeable[game.takeable_count[0]] = cell
            game.takeable_count[0] += 1
    elif position >= 0:
        game.takeable_count[0] -= 1
        last = game.takeable[game.takeable_count[0]]
        game.takeable[position] = last
        game.takeable_at[last] = position
        game.takeable_at[cell] = -1


@kernel
def change_owner(game, offsets, cell, new_owner):
    """Give a cell, with the city on it, to a player; the only way a cell changes hands."""
    old_owner = game.owner[cell]
    game.owner[cell] = new_owner
    game.tiles[old_owner] -= 1
    game.tiles[new_owner] += 1
    if game.city[cell]:
        game.cities[old_owner] -= 1
        game.cities[new_owner] += 1
    _refresh(game, offsets, cell)
    for d in range(8):
        neighbour = cell + offsets[d]
        if game.terrain[neighbour]:
            _refresh(game, offsets, neighbour)


@kernel
def rebuild(game, offsets, first, last):
    """List the takeable cells from the owners alone, among cells `first` to `last` (the map without its border)."""
    game.takeable_at[:] = -1
    game.takeable_count[0] = 0
    for cell in range(first, last):
        if game.terrain[cell]:
            _refresh(game, offsets, cell)
