"""The board's picture: the right colour at the right pixel."""

import numpy as np
import pytest
from helpers.builders import board, uniform

from territory.errors import BadInput
from territory.world.actions import Direction
from territory.world.picture import (
    AGENT_COLOUR,
    BOT_COLOURS,
    INK,
    TERRAIN_COLOURS,
    WHITE,
    find_edges,
    find_fronts,
    render_board,
    render_world,
)
from territory.world.state import WHOLE_BORDER

OWNER = np.zeros((6, 6), np.uint8)
OWNER[:, 3:] = 2
OWNER[:3, :3] = 1
TERRAIN = np.ones((6, 6), np.uint8)


def luminance(colour):
    return np.asarray(colour) @ [0.2126, 0.7152, 0.0722]


def test_the_inside_of_a_land_has_its_owners_colour():
    picture = render_board(OWNER, TERRAIN)
    assert tuple(picture[0, 0]) == AGENT_COLOUR
    assert tuple(picture[0, 5]) == BOT_COLOURS[0]
    assert tuple(picture[5, 0]) == TERRAIN_COLOURS[1]  # unclaimed plains


def test_the_agents_edge_is_lighter_and_a_bots_darker_than_its_inside():
    picture = render_board(OWNER, TERRAIN)
    assert luminance(picture[1, 2]) > luminance(AGENT_COLOUR) + 80
    assert luminance(picture[1, 3]) < 0.7 * luminance(BOT_COLOURS[0])


def test_edges_lie_between_owners_and_not_along_the_rim():
    assert find_edges(OWNER).astype(int).tolist() == [
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize(("scale", "thick"), [(2, 1), (6, 1), (7, 2), (12, 2)])
def test_a_border_is_a_line_on_either_side_whatever_the_scale(scale, thick):
    row = render_board(OWNER, TERRAIN, scale=scale)[0]
    middle = 3 * scale
    assert (row[: middle - thick] == AGENT_COLOUR).all() and (row[middle + thick :] == BOT_COLOURS[0]).all()
    assert (luminance(row[middle - thick : middle]) > 200).all()
    assert (luminance(row[middle : middle + thick]) < 0.7 * luminance(BOT_COLOURS[0])).all()


def test_dearer_terrain_is_darker_and_water_is_water_whoever_is_said_to_own_it():
    for owner in (0, 1, 2):
        plains, highland, mountain, water = (
            render_board(np.full((3, 3), owner, np.uint8), np.full((3, 3), terrain, np.uint8))[1, 1]
            for terrain in (1, 2, 3, 0)
        )
        assert luminance(plains) > luminance(highland) > luminance(mountain)
        assert tuple(water) == TERRAIN_COLOURS[0]


def test_light_falls_from_the_north_west_where_a_tile_has_pixels_for_it():
    terrain = np.ones((1, 6), np.uint8)
    terrain[0, 2:4] = 3  # a mountain rises after column 1 and ends after column 3
    row = luminance(render_board(np.zeros((1, 6), np.uint8), terrain, scale=4)[2])
    plains, (lit, mountain), (shaded, far) = row[0], row[8:10], row[16:18]
    assert lit > mountain and shaded < plains == far
    assert len(np.unique(render_board(np.zeros((1, 6), np.uint8), terrain)[..., 0])) == 2


def test_a_city_is_white_in_a_dark_ring_cut_off_at_the_rim():
    city = np.zeros((6, 6), np.uint8)
    city[0, 0] = 1
    picture = render_board(OWNER, TERRAIN, city)
    assert tuple(picture[0, 0]) == WHITE
    assert tuple(picture[0, 1]) == INK
    assert tuple(picture[0, 2]) != INK and tuple(picture[0, 5]) == BOT_COLOURS[0]


@pytest.mark.parametrize("scale", [3, 4, 8])
def test_a_city_is_round_and_lies_in_the_middle_of_its_tile(scale):
    city = np.zeros((6, 6), np.uint8)
    city[2, 4] = 1
    without, picture = (render_board(OWNER * 0, TERRAIN, shown, scale) for shown in (None, city))
    drawn = (picture != without).any(axis=2)
    spot = drawn[scale : 4 * scale, 3 * scale :]
    assert spot.sum() == drawn.sum() and (spot == spot.T).all() and (spot == spot[::-1]).all()
    assert tuple(picture[2 * scale + scale // 2, 4 * scale + scale // 2]) == WHITE


def test_scale_is_pixels_per_tile():
    picture = render_board(OWNER, TERRAIN, scale=3)
    assert picture.shape == (18, 18, 3) and picture.dtype == np.uint8
    assert (picture[1::3, 1::3][:, :2] == render_board(OWNER * 0 + 1, TERRAIN)[:, :2])[:3].all()


def test_a_front_is_where_the_rules_would_take_land():
    """The tiles that fell in a tick are all among those that were shown as pressed on."""
    owner = np.zeros((32, 32), np.uint8)
    owner[8:16, 8:16], owner[8:16, 16:24] = 1, 2
    world = board(owner, uniform(), max_steps=50, ticks_per_step=1)
    world.state.troops[0, 1:] = 60_000, 20_000
    world.state.attacks[0, 1, Direction.NE] = 20_000
    world.state.attacks[0, 2, WHOLE_BORDER + 0] = 5_000
    before = world.map_of("owner")[0].copy()
    fronts = find_fronts(before, uniform(), world.state.attacks[0])
    world.step(np.full((1, 3), 80))
    fell = world.map_of("owner")[0] != before
    assert fell.sum() > 5 and (fronts[fell] == world.map_of("owner")[0][fell]).mean() > 0.9
    assert (fronts[fell] > 0).all()


def test_a_front_belongs_to_the_largest_attack_and_keeps_off_water_and_own_land():
    owner = np.array([[1, 0, 2], [1, 0, 2]], np.uint8)
    terrain = np.array([[1, 1, 1], [1, 0, 1]], np.uint8)
    attacks = np.zeros((3, 11))
    assert not find_fronts(owner, terrain, attacks).any()
    attacks[1, Direction.E] = 100
    assert find_fronts(owner, terrain, attacks).tolist() == [[0, 1, 0], [0, 0, 0]]
    attacks[2, WHOLE_BORDER + 0] = 200
    assert find_fronts(owner, terrain, attacks).tolist() == [[0, 2, 0], [0, 0, 0]]
    attacks[2, WHOLE_BORDER + 0] = 0.5  # under one troop an attack is over
    assert find_fronts(owner, terrain, attacks)[0, 1] == 1


def test_a_front_is_tinted_with_the_attackers_colour():
    fronts = np.zeros((6, 6), np.uint8)
    fronts[5, 0] = 1
    picture = render_board(OWNER, TERRAIN, fronts=fronts)
    assert np.abs(picture[5, 0] - (np.array(AGENT_COLOUR) + TERRAIN_COLOURS[1]) / 2).max() <= 1
    assert tuple(picture[5, 1]) == TERRAIN_COLOURS[1]


def test_a_world_is_drawn_as_it_stands():
    owner = np.ones((32, 32), np.uint8)
    owner[:, 20:] = 0
    world = board(owner, games=2)
    world.state.attacks[1, 1, Direction.E] = 500
    quiet, pressed = (render_world(world, game, scale=2) for game in (0, 1))
    assert (quiet == render_board(owner, uniform(), np.zeros_like(owner), 2)).all()
    assert (pressed[:, 40:42] != quiet[:, 40:42]).any(axis=2).all() and (pressed[:, 42:] == quiet[:, 42:]).all()


@pytest.mark.parametrize(
    ("owner", "terrain", "scale", "message"),
    [
        (OWNER[None], TERRAIN[None], 1, "batch dimension"),
        (OWNER, TERRAIN[:3], 1, "of one shape"),
        (OWNER, TERRAIN, 0, "pixels per tile"),
        (OWNER, TERRAIN, 1.5, "pixels per tile"),
    ],
)
def test_bad_boards_are_refused(owner, terrain, scale, message):
    with pytest.raises(BadInput, match=message):
        render_board(owner, terrain, scale=scale)
