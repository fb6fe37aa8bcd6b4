"""The bars of the parameter pictures are the numbers of the records."""

from itertools import pairwise

import matplotlib
import pytest
from torch import nn

from territory import profiling, viz
from territory.errors import BadInput
from territory.profiling import MacsRecord, ParameterRecord, TimeRecord

matplotlib.use("Agg")

RECORDS = [
    ParameterRecord("body", "0", (9, 9), 90, 0.9),
    ParameterRecord("body", "1", (3, 2), 6, 0.06),
    ParameterRecord("head", "head", (2, 2), 4, 0.04),
]
MACS = [MacsRecord("body", "0", (1, 9), 20, 40, 0.2, 20, 40), MacsRecord("body", "mix", (1, 9), 80, 160, 0.8, 0, 0)]
TIMES = [TimeRecord("body", "mix", 0.1, 0.2, 0.3), TimeRecord("head", "head", 0.7, 0.0, 0.7)]
TABLES = {"parameters": RECORDS, "work": MACS, "time": TIMES}


def widths(container):
    return [pytest.approx(bar.get_width()) for bar in container]


def test_one_bar_per_layer_in_the_networks_order():
    ax = viz.plot_parameter_shares(RECORDS)
    assert widths(ax.containers[0]) == [90, 6, 4]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["body · 0", "body · 1", "head"]
    assert "90  (90.0%)" in [text.get_text() for text in ax.texts]
    assert ax.yaxis_inverted()  # the first layer on top


def test_parts_can_be_drawn_too():
    ax = viz.plot_parameter_shares(profiling.part_table(nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1"]


def test_each_layer_has_a_bar_per_table_and_small_layers_stand_together():
    ax = viz.plot_shares({"parameters": RECORDS, "work": MACS}, smallest=0.1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["body · 0", "body · mix", "2 smaller layers"]
    parameters, macs = ax.containers
    assert widths(parameters) == [90, 0, 10]
    assert widths(macs) == [20, 80, 0]


def test_the_bars_of_a_row_stand_in_the_order_of_the_tables_and_do_not_overlap():
    ax = viz.plot_shares(TABLES)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["parameters", "work", "time"]
    for row in range(4):
        bars = [container[row] for container in ax.containers]
        assert all(a.get_y() + a.get_height() == pytest.approx(b.get_y()) for a, b in pairwise(bars))
        assert row - 0.4 < bars[0].get_y() and bars[-1].get_y() + bars[-1].get_height() < row + 0.4


def test_the_widgets_figure_has_the_title_it_is_given():
    assert viz.shares_figure(TABLES, "all of it").axes[0].get_title(loc="left") == "all of it"


def test_a_given_axes_is_drawn_on():
    own = matplotlib.figure.Figure().add_subplot()
    assert viz.plot_parameter_shares(RECORDS, ax=own) is own
    assert viz.plot_shares(TABLES, ax=own) is own


@pytest.mark.parametrize(
    "draw", [lambda: viz.plot_parameter_shares([]), lambda: viz.plot_shares({"a": []}), lambda: viz.plot_shares({})]
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(BadInput, match="got none"):
        draw()
