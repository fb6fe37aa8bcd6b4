"""The roofline picture: dots where the records say, a roof where the machine says."""

import pytest

from territory import viz
from territory.errors import BadInput
from territory.profiling import Machine, RooflineRecord

MACHINE = Machine(flops=100.0, bandwidth=10.0)  # they meet at 10 FLOPs per byte
RECORDS = [
    RooflineRecord("body", "conv", 400, 20, 20.0, 8.0, 50.0, 100.0),
    RooflineRecord("body", "wide", 20, 20, 1.0, 2.0, 10.0, 10.0),
    RooflineRecord("head", "head", 1, 2, 0.5, 0.1, 10.0, 5.0),
]


def test_dots_stand_at_intensity_and_achieved_speed_as_large_as_their_time():
    ax = viz.plot_roofline(RECORDS, MACHINE)
    (dots,) = ax.collections
    assert dots.get_offsets().tolist() == [[20, 50], [1, 10], [0.5, 10]]
    sizes = dots.get_sizes()
    assert sizes[0] / sizes[1] == pytest.approx(4)


def test_the_roof_rises_with_the_memory_and_ends_at_the_arithmetic():
    (roof,) = viz.plot_roofline(RECORDS, MACHINE).lines
    assert roof.get_xdata().tolist() == [0.25, 10, 40]
    assert list(roof.get_ydata()) == [2.5, 100, 100]


def test_only_layers_that_take_time_are_named():
    words = [text.get_text() for text in viz.plot_roofline(RECORDS, MACHINE).texts]
    assert words == ["arithmetic", "memory", "body · wide", "body · conv"]  # by intensity


def test_nothing_to_draw_is_refused():
    with pytest.raises(BadInput, match="got none"):
        viz.plot_roofline([], MACHINE)
