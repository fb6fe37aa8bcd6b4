"""Maps and starts."""

import numpy as np
import pytest
from helpers.builders import uniform

from territory.errors import BadInput
from territory.world import World, WorldParams


def _pieces(land):
    """Number of 4-connected pieces of land."""
    left, pieces = {tuple(tile) for tile in np.argwhere(land)}, 0
    while left:
        pieces += 1
        edge = [left.pop()]
        while edge:
            row, column = edge.pop()
            for beside in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if beside in left:
                    left.remove(beside)
                    edge.append(beside)
    return pieces


@pytest.mark.parametrize("water_share", [0.0, 0.2, 0.4])
def test_a_map_has_the_water_asked_for_and_connected_land(water_share):
    world = World(8, WorldParams(water_share=water_share))
    world.reset(np.arange(8))
    terrain = world.map_of("terrain")
    assert (terrain == 0).mean() == pytest.approx(water_share, abs=0.05 + 0.1 * water_share)
    land = terrain[terrain > 0]
    assert (land == 3).mean() == pytest.approx(0.1, abs=0.02)
    assert (land == 2).mean() == pytest.approx(0.25, abs=0.02)
    assert all(_pieces(terrain[n] > 0) == 1 for n in range(8))
    assert world.state.land.tolist() == (terrain > 0).sum(axis=(1, 2)).tolist()


@pytest.mark.parametrize(("height", "width", "num_bots"), [(32, 32, 2), (64, 96, 10), (128, 128, 5), (128, 128, 50)])
def test_everyone_starts_on_land_of_their_own(height, width, num_bots):
    world = World(4, WorldParams(height=height, width=width, num_bots=num_bots))
    world.reset(np.arange(4))
    tiles = world.state.tiles[:, 1:]
    assert (tiles > 0).all() and tiles.max() <= 52 and tiles.mean() > 35


def test_starts_keep_their_distance_where_there_is_room():
    world = World(16, WorldParams())
    world.reset(np.arange(16))
    for owner in world.map_of("owner"):
        middles = [np.argwhere(owner == player).mean(axis=0) for player in range(1, 7)]
        apart = [np.abs(a - b).sum() for i, a in enumerate(middles) for b in middles[:i]]
        assert min(apart) > 24  # 30 between the centres; a start cut by the coast shifts its middle


def test_a_map_from_an_array_is_played_as_it_is():
    terrain = uniform(32, 2)
    terrain[:4] = 0
    world = World(3, WorldParams(height=32, width=32, num_bots=2), terrain)
    world.reset([1, 2, 3])
    assert all(np.array_equal(world.map_of("terrain")[n], terrain) for n in range(3))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"height": 100}, "height must be a multiple of 32"),
        ({"width": 0}, "width must be a multiple of 32"),
        ({"num_bots": 0}, "num_bots must be a whole number from 1 to 50"),
        ({"num_bots": 51}, "num_bots must be a whole number from 1 to 50"),
        ({"num_bots": 2.5}, "num_bots must be a whole number"),
        ({"opponents": "dragons"}, "opponents must be one of bot, nation, mixed"),
        ({"height": 32, "width": 32, "num_bots": 20}, "take fewer bots, a larger map or less water"),
        ({"water_share": 0.9}, "water_share must be a number from 0 to 0.6"),
        ({"max_steps": 0}, "max_steps must be a whole number"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused(arguments, said):
    with pytest.raises(BadInput, match=said):
        WorldParams(**arguments)


@pytest.mark.parametrize("terrain", [np.ones((32, 64)), np.full((32, 32), 4), np.zeros((32, 32))])
def test_a_map_that_cannot_be_played_is_refused(terrain):
    with pytest.raises(BadInput, match=r"a map is an array|this map has about"):
        World(1, WorldParams(height=32, width=32, num_bots=2), terrain)


@pytest.mark.parametrize("actions", [np.array([90]), np.array([-2]), np.array([0.5]), np.zeros((2,), int)])
def test_a_wrong_action_is_refused_before_anything_moves(actions):
    world = World(1, WorldParams())
    world.reset([0])
    with pytest.raises(BadInput, match=r"actions must be integers of shape \(1,\) or \(1, 7\), -1 to 89, got"):
        world.step(actions)
    assert world.state.tick[0] == 0
