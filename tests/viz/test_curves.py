"""Curves hold the numbers they were given."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from territory import viz
from territory.errors import BadInput
from territory.profiling import ParameterRecord


def test_the_value_curve_has_a_cursor_at_its_step():
    ax = viz.plot_value(np.array([0.0, 0.5, 2.0]), step=2)
    curve, cursor, dot = ax.lines
    assert curve.get_ydata().tolist() == [0, 0.5, 2]
    assert cursor.get_xdata() == [2, 2]
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (2, 2.0)


def test_learning_curves_from_objects_and_from_dicts():
    numbers = [{"step": 100, "win_rate": 0.1}, {"step": 200, "win_rate": 0.6}]
    for records in (numbers, [SimpleNamespace(**row) for row in numbers]):
        (curve,) = viz.plot_learning_curve(records, ["win_rate"]).lines
        assert curve.get_xydata().tolist() == [[100, 0.1], [200, 0.6]]


def test_a_run_without_records_is_refused():
    with pytest.raises(BadInput, match="no training records"):
        viz.plot_learning_curve([])


def test_intervals_stand_in_groups_around_chance():
    rows = {"a": {"trained": (2, 1.5, 2.6), "untrained": (1, 0.9, 1.1)}, "b": {"trained": (3, 2, 4)}}
    ax = viz.plot_intervals(rows, chance=1)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    trained, untrained = ax.containers
    assert trained.lines[0].get_ydata().tolist() == [2, 3]
    lower, upper = trained.lines[2][0].get_segments()[0][:, 1]
    assert (lower, upper) == (1.5, 2.6)
    assert untrained.lines[0].get_ydata().tolist() == [1]
    assert ax.lines[-1].get_ydata() == [1, 1]


def test_seeds_are_thin_and_their_middle_is_thick_inside_a_band():
    curves = {"one": [[(0, 0.0), (10, 1.0)], [(0, 0.2), (10, 0.6)], [(0, 0.1), (10, 0.8)]], "two": [[(0, 0), (5, 1)]]}
    ax = viz.plot_seeds(curves, goal=0.9)
    thick = [line for line in ax.lines if line.get_linewidth() > 2]
    assert [line.get_label() for line in thick] == ["one", "two"]
    assert thick[0].get_ydata() == pytest.approx([0.1, 0.8])
    assert thick[0].get_xdata().tolist() == [0, 10]
    assert len([line for line in ax.lines if line.get_linewidth() < 0.9]) == 4
    (band,) = ax.collections  # one seed has no spread
    assert band.get_paths()[0].get_extents().y1 <= 1
    assert ax.lines[-1].get_ydata()[0] == 0.9


def test_more_names_than_colours_take_turns_and_a_network_keeps_its_own():
    one = [[(0, 0.0), (10, 1.0)]]
    ax = viz.plot_seeds({name: one for name in ["tokens", *"abcdef"]})
    tokens, *others = [line.get_color() for line in ax.lines if line.get_linewidth() > 2]
    assert tokens not in others and others[:2] == others[4:] and len({*others}) == 4
    directions = np.zeros((3, 8)), {name: np.zeros(3, int) for name in "abcdef"}
    *_, first, _, _, _, _, sixth = viz.plot_directions(*directions).lines
    assert first.get_color() == sixth.get_color()
    bars = viz.plot_shares({name: [ParameterRecord("body", "0", (1,), 1, 1.0)] for name in "abcdef"}).containers
    assert bars[0][0].get_facecolor() == bars[5][0].get_facecolor() != bars[4][0].get_facecolor()


def test_growth_marks_each_player_at_its_ratio():
    ax = viz.plot_growth({"random": 0.0015, "steady": 0.46})
    marks = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 1]
    assert marks == [(0.0015,), (0.46,)]
    assert "steady 46.0%" in [text.get_text() for text in ax.texts]


def test_seeds_apart_have_a_panel_for_each_name_with_the_others_in_grey():
    curve = [(0, 0.0), (10, 1.0)]
    sheet = viz.plot_seed_panels({"tokens": [curve, curve], "attention": [curve]}, goal=0.9, label="won")
    shown = [ax for ax in sheet.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["tokens", "attention"]
    assert [len(ax.lines) for ax in shown] == [2 + 2 + 1 + 1, 2 + 1 + 1 + 1]
    with pytest.raises(BadInput, match="got none"):
        viz.plot_seed_panels({})


def test_a_chart_without_a_grid_has_none_in_a_readers_style_either():
    with plt.rc_context({"axes.grid": True}):
        ax = viz.plot_stats(np.zeros(16))
    assert not any(line.get_visible() for line in (*ax.get_xgridlines(), *ax.get_ygridlines()))
