"""The board's picture: the right colour at the right pixel."""

import numpy as np
import pytest

from territory.errors import BadInput
from territory.world.picture import (
    AGENT_COLOUR,
    BOT_COLOURS,
    INK,
    TERRAIN_COLOURS,
    WHITE,
    find_edges,
    player_colours,
    render_board,
)

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


def test_dearer_terrain_is_darker_and_water_is_water_whoever_is_said_to_own_it():
    terrain = np.array([[1, 2, 3, 0]], np.uint8)
    for owner in (0, 1, 2):
        picture = render_board(np.full((1, 4), owner, np.uint8), terrain)[0]
        assert luminance(picture[0]) > luminance(picture[1]) > luminance(picture[2])
        assert tuple(picture[3]) == TERRAIN_COLOURS[0]


def test_a_city_is_white_in_a_dark_ring_cut_off_at_the_rim():
    city = np.zeros((6, 6), np.uint8)
    city[0, 0] = 1
    picture = render_board(OWNER, TERRAIN, city)
    assert tuple(picture[0, 0]) == WHITE
    assert tuple(picture[0, 1]) == tuple(picture[1, 1]) == INK
    assert tuple(picture[0, 5]) == BOT_COLOURS[0]


def test_scale_repeats_every_pixel():
    small, large = render_board(OWNER, TERRAIN), render_board(OWNER, TERRAIN, scale=3)
    assert large.shape == (18, 18, 3) and large.dtype == np.uint8
    assert (large[1::3, 1::3] == small).all() and (large[::3, 2::3] == small).all()


def test_fifty_bots_have_fifty_colours():
    colours = player_colours()[1:52].astype(int)
    distance = np.abs(colours[:, None] - colours[None]).sum(axis=2) + 1000 * np.eye(51, dtype=int)
    assert distance.min() >= 12


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
