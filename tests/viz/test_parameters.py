"""The bars of the parameter pictures are the numbers of the records."""

import matplotlib
import pytest
from torch import nn

from territory import profiling, viz
from territory.errors import BadInput
from territory.profiling import MacsRecord, ParameterRecord

matplotlib.use("Agg")

RECORDS = [
    ParameterRecord("body", "0", (9, 9), 90, 0.9),
    ParameterRecord("body", "1", (3, 2), 6, 0.06),
    ParameterRecord("head", "head", (2, 2), 4, 0.04),
]
MACS = [MacsRecord("body", "0", (1, 9), 20, 40, 0.2), MacsRecord("body", "mix", (1, 9), 80, 160, 0.8)]


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


def test_parameters_and_macs_stand_side_by_side_and_small_layers_together():
    ax = viz.plot_parameters_against_macs(RECORDS, MACS, smallest=0.1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["body · 0", "body · mix", "2 smaller layers"]
    parameters, macs = ax.containers
    assert widths(parameters) == [90, 0, 10]
    assert widths(macs) == [20, 80, 0]


def test_the_widgets_figure_names_both_totals():
    figure = viz.parameter_figure(RECORDS, MACS)
    assert figure.axes[0].get_title(loc="left") == "100 parameters, 100 multiply-accumulates"


def test_a_given_axes_is_drawn_on():
    own = matplotlib.figure.Figure().add_subplot()
    assert viz.plot_parameter_shares(RECORDS, ax=own) is own
    assert viz.plot_parameters_against_macs(RECORDS, MACS, ax=own) is own


@pytest.mark.parametrize("draw", [viz.plot_parameter_shares, lambda rows: viz.plot_parameters_against_macs(rows, MACS)])
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(BadInput, match="came none"):
        draw([])
