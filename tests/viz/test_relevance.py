"""Rival maps stand beside the board, and curves hold the numbers they were given."""

import numpy as np
import pytest
from helpers.known_networks import frames

from territory import viz
from territory.errors import BadInput
from territory.interpret import Curves

FRAME = frames()[5]


def test_each_map_is_laid_over_the_board_under_its_name():
    grids = {"one": np.eye(4), "two": 1 - np.eye(4)}
    ax = viz.plot_relevance(FRAME, grids)
    insets = ax.child_axes
    assert [inset.get_title() for inset in insets] == ["the board", "one", "two"]
    board, one, two = (inset.images[0].get_array() for inset in insets)
    assert (board == viz.board_picture(FRAME, 2)).all()
    assert (one == viz.attention_picture(FRAME, np.eye(4), 0, 1, scale=2)).all()
    assert (one != two).any()


def test_many_maps_take_more_rows_and_none_is_hidden():
    ax = viz.plot_relevance(FRAME, {str(number): np.eye(4) for number in range(6)})
    ax.figure.canvas.draw()
    corners = {(round(x, 2), round(y, 2)) for x, y, *_ in (i.get_window_extent().bounds for i in ax.child_axes)}
    assert len(corners) == 7


def test_a_map_with_signs_is_shown_around_zero_and_every_map_has_a_bar():
    grids = {"signed": np.array([[-1.0, 0.5], [0, 0]]), "plain": np.array([[0.25, 0.5], [1, 2]])}
    signed, plain = viz.plot_relevance(FRAME, grids).child_axes[1:]
    assert (
        signed.images[0].get_array() == viz.attention_picture(FRAME, grids["signed"], -1, 1, 1, 2, palette="RdBu_r")
    ).all()
    bars = [inset.child_axes[0] for inset in (signed, plain)]
    assert [[label.get_text() for label in bar.get_xticklabels()] for bar in bars] == [["-1", "0", "1"], ["0.25", "2"]]


def test_no_map_is_refused():
    with pytest.raises(BadInput, match="got none"):
        viz.plot_relevance(FRAME, {})


def test_a_removal_curve_is_the_mean_over_frames():
    shares = np.array([0, 0.5, 1])
    curve = Curves(shares, np.array([[0, 0.2, 0.4], [0, 0.4, 0.8]]), np.zeros((2, 3)))
    ax = viz.plot_removal({"occlusion": curve, "random": curve})
    first, random = ax.lines
    np.testing.assert_allclose(first.get_xydata(), [[0, 0], [50, 0.3], [100, 0.6]])
    assert first.get_linestyle() == "-" and random.get_linestyle() == "--"


def test_more_curves_than_colours_are_told_apart():
    curve = Curves(np.array([0, 1]), np.zeros((1, 2)), np.zeros((1, 2)))
    lines = viz.plot_removal({str(number): curve for number in range(8)}).lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 8


def test_rows_lie_from_top_to_bottom_with_their_intervals():
    rows = {"rank": {"policy": (0.3, 0.2, 0.5), "asked": (0.1, 0.1, 0.1)}, "time": {"policy": (0.6, 0.4, 0.7)}}
    ax = viz.plot_rows(rows, chance=0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["rank", "time"]
    assert ax.yaxis_inverted()
    policy, asked = ax.containers
    assert policy.lines[0].get_xdata().tolist() == [0.3, 0.6]
    assert policy.lines[2][0].get_segments()[0][:, 0].tolist() == [0.2, 0.5]
    assert asked.lines[0].get_ydata()[0] > policy.lines[0].get_ydata()[0]  # beside each other, not on top
