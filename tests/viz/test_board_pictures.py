"""Pictures of the board and of attention over it, at chosen pixels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colormaps

from territory import viz
from territory.errors import BadInput
from territory.world.picture import AGENT_COLOUR, BOT_COLOURS, WHITE, render_board
from territory.world.replay import Frame

SIDE = 8
INFERNO = [tuple((np.array(colormaps["inferno"](level)[:3]) * 255).round().astype(int)) for level in (0, 255)]


def frame(city_at=None):
    """The agent holds the west, bot 1 the east, of an 8 x 8 map of plains."""
    owner = np.ones((SIDE, SIDE), np.uint8)
    owner[:, 4:] = 2
    city = np.zeros_like(owner)
    if city_at:
        city[city_at] = 1
    planes = np.arange(5 * SIDE * SIDE, dtype=np.uint8).reshape(5, SIDE, SIDE)
    observation = {"map": planes, "global": np.linspace(-1, 1, 16, dtype=np.float32)}
    tiles = np.array([0, 32, 32], np.int32)
    at_peace = np.zeros((3, 11))
    return Frame(
        5, observation, np.ones(90, bool), owner, np.ones_like(owner), city, tiles * 1.0, tiles, 3, 0.0, at_peace
    )


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def test_attention_at_full_strength_is_the_colour_scale_itself():
    picture = viz.attention_picture(frame(), np.array([[0.2, 0.7]]), low=0.2, high=0.7)
    assert tuple(picture[0, 0]) == INFERNO[0]
    assert tuple(picture[0, 7]) == INFERNO[1]


@pytest.mark.parametrize("strength", [1, 0.6])
def test_one_weight_is_one_colour_whoever_owns_the_land(strength):
    picture = viz.attention_picture(frame(), np.array([[0.3]]), 0, 1, strength, scale=8, borders=False)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1
    assert tuple(picture[0, 0]) == tuple(viz.blended("inferno", strength)[int(0.3 * 255)])


def test_owners_are_outlines_in_their_colours_and_the_agent_is_white():
    now = frame(city_at=(2, 1))
    picture = viz.attention_picture(now, np.zeros((2, 2)), 0, 1, scale=8)
    border = np.flatnonzero(np.diff(now.owner[0].astype(int)))[0]  # the last column of the agent
    assert tuple(picture[4, 8 * (border + 1) - 1]) == WHITE
    assert tuple(picture[4, 8 * (border + 1)]) == BOT_COLOURS[0]
    assert tuple(picture[8 * 2 + 4, 8 * 1 + 4]) == WHITE  # the city
    assert tuple(picture[8 * 7 + 4, 4]) == INFERNO[0]


def test_with_the_owners_colours_no_strength_is_the_board():
    picture = viz.attention_picture(frame(), np.ones((2, 2)), 0, 1, strength=0, scale=2, owners=True)
    now = frame()
    assert (picture == render_board(now.owner, now.terrain, now.city, 2)).all()


def test_with_the_owners_colours_half_strength_lies_half_way():
    picture = viz.attention_picture(frame(), np.array([[0.0, 1.0]]), 0, 1, strength=0.5, owners=True)
    for pixel, colour, heat in ((picture[0, 0], AGENT_COLOUR, INFERNO[0]), (picture[0, 7], BOT_COLOURS[0], INFERNO[1])):
        assert np.abs(pixel - (np.array(colour) + heat) / 2).max() <= 1


def test_over_the_owners_colours_borders_and_cities_stay_on_top_unless_asked_away():
    now = frame(city_at=(2, 1))
    board = render_board(now.owner, now.terrain, now.city)
    picture = viz.attention_picture(now, np.zeros((2, 2)), 0, 1, strength=1, owners=True)
    assert (picture[:, 3:5] == board[:, 3:5]).all()  # the two columns along the border
    assert tuple(picture[2, 1]) == WHITE
    without = viz.attention_picture(now, np.zeros((2, 2)), 0, 1, strength=1, borders=False, owners=True)
    assert (without == INFERNO[0]).all()


def test_attention_outside_the_scale_and_a_scale_of_one_value_are_drawn():
    outside = viz.attention_picture(frame(), np.array([[-5.0, 5.0]]), 0, 1, strength=1)
    assert (tuple(outside[0, 0]), tuple(outside[0, 7])) == (INFERNO[0], INFERNO[1])
    flat = viz.attention_picture(frame(), np.full((2, 2), 0.5), 0.5, 0.5, strength=1)
    assert tuple(flat[0, 0]) == INFERNO[0]


def test_a_grid_that_does_not_divide_the_board_is_refused():
    with pytest.raises(BadInput, match="does not divide"):
        viz.attention_picture(frame(), np.zeros((3, 3)), 0, 1, 1)


def test_the_board_is_drawn_on_the_axes_that_are_given_with_every_living_player():
    ax = plt.figure().add_subplot()
    assert viz.plot_board(frame(), ax) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["agent  50%", "bot 1  50%"]
    shown = np.asarray(ax.images[0].get_array())
    assert shown.shape == (32, 32, 3) and tuple(shown[0, 0]) == AGENT_COLOUR


def test_the_planes_stand_side_by_side_on_one_scale():
    ax = viz.plot_planes(frame().obs["map"])
    insets = ax.child_axes
    assert [inset.get_title().split("\n")[0] for inset in insets] == [
        "own land",
        "enemy land",
        "unclaimed land",
        "troop density",
        "cities",
    ]
    assert (np.asarray(insets[3].images[0].get_array()) == frame().obs["map"][3]).all()
    assert {inset.images[0].get_clim() for inset in insets} == {(0, 255)}


def test_attention_has_its_scale_beside_it():
    ax = viz.plot_attention(frame(), np.array([[0.25, 0.75]]), title="spatial.1")
    bar = ax.figure.axes[1]
    assert bar.get_ylim() == (0.25, 0.75)
    assert ax.get_title(loc="left") == "spatial.1"


def test_the_same_record_gives_the_same_pixels():
    first, second = (pixels(viz.plot_attention(frame(), np.eye(4)).figure) for _ in range(2))
    assert (first == second).all()


def test_statistics_are_bars_by_name():
    ax = viz.plot_stats(frame().obs["global"])
    assert [bar.get_width() for bar in ax.containers[0]] == pytest.approx(np.linspace(-1, 1, 16))
    assert ax.get_yticklabels()[0].get_text() == "troops over cap"
