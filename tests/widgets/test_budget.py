"""The budget widget without a browser: what its controls say and what it shows for them."""

import io

import pytest
from PIL import Image

from territory.errors import BadInput
from territory.profiling import LatencyRecord
from territory.widgets import NetworkBudget, budget

SMALL = {"strides": (8, 2, 1), "features": 128, "channels": (16, 32, 32)}


@pytest.fixture
def view():
    return NetworkBudget(max_parameters=500_000)


def set_to(view, channels, strides, features):
    for controls, values in ((view.channels, channels), (view.strides, strides), ([view.features], [features])):
        for control, value in zip(controls, values, strict=True):
            control.value = value


def measured(monkeypatch, mine, rival):
    """Stands in for the stopwatch, and remembers what it was to time."""
    asked = []

    def compare(networks, inputs, mode, repeats, warmup):
        asked.append((networks, len(inputs[0]), mode))
        return [
            LatencyRecord(name, t, 0.9 * t, 1.1 * t, repeats) for name, t in zip(networks, (mine, rival), strict=True)
        ]

    monkeypatch.setattr(budget, "compare_latency", compare)
    return asked


def test_it_begins_with_the_old_network_over_budget(view):
    assert "<b>6,763,387</b> parameters: 13.5 times the budget of 500,000" in view.status.value
    assert "<b>32,781,696</b> multiply-accumulates: 2.18 times attention's" in view.status.value
    assert "14 × 14 cells, each sees <b>36 × 36</b> tiles" in view.status.value
    assert "Not timed yet" in view.goal.value and not view.reached


def test_every_control_changes_what_is_said_and_shown(view):
    values = [16, 32, 32, 16, 8, 4, 8, 1, 2, "max", "mean", 128]
    for control, value in zip(view.controls, values, strict=True):
        before = view.status.value, view.picture.value
        control.value = value
        assert view.status.value != before[0] and view.picture.value != before[1], control.description


def test_the_controls_are_the_design(view):
    set_to(view, **SMALL)
    view.pooling.value, view.reading.value = "average", "mean"
    assert (view.design.channels, view.design.strides, view.design.features) == tuple(
        SMALL[name] for name in ("channels", "strides", "features")
    )
    assert (view.design.kernels, view.design.pooling, view.design.reading) == ((8, 4, 3), "average", "mean")


def test_within_the_budget_is_said(view):
    set_to(view, **SMALL)
    assert "parameters: within the budget" in view.status.value


def test_a_small_network_that_was_measured_faster_reaches_the_goal(view, monkeypatch):
    asked = measured(monkeypatch, mine=1.0, rival=3.0)
    set_to(view, **SMALL)
    assert not asked  # only on demand
    view.button.click()
    ((networks, batch, mode),) = asked
    assert networks["this"].design == view.design and networks["attention"].options["norm"] == "group"
    assert (batch, mode) == (12, "train")
    assert view.reached and "<b>3.00</b> times as fast" in view.goal.value and "Goal reached" in view.goal.value


@pytest.mark.parametrize(
    "small, mine", [(True, 3.1), (True, 2.9), (False, 1.0)], ids=["slower", "hardly faster", "fast but large"]
)
def test_slower_or_within_the_noise_or_too_large_does_not_reach_it(view, monkeypatch, small, mine):
    measured(monkeypatch, mine, rival=3.0)
    if small:
        set_to(view, **SMALL)
    view.time()
    assert not view.reached and "The goal is not reached" in view.goal.value


def test_a_measurement_is_forgotten_when_the_design_changes(view, monkeypatch):
    measured(monkeypatch, mine=1.0, rival=3.0)
    set_to(view, **SMALL)
    view.time()
    view.reading.value = "mean"
    assert not view.reached and "Not timed yet" in view.goal.value


def test_it_really_measures(view):
    set_to(view, **SMALL)
    view.button.click()
    assert [record.name for record in view.measured] == ["this", "attention"]
    assert all(record.median > 0 for record in view.measured)


def test_an_impossible_design_is_explained_cannot_be_timed_and_can_be_left_again(view):
    picture = view.picture.value
    view.strides[0].value = 16
    assert "Impossible:" in view.status.value and "never be seen" in view.status.value and view.button.disabled
    assert not view.reached
    view.kernels[0].value, view.strides[1].value = 16, 4
    assert "finds a smaller grid" in view.status.value
    view.kernels[0].value, view.strides[0].value, view.strides[1].value = 8, 4, 2
    assert "6,763,387" in view.status.value and view.picture.value == picture and not view.button.disabled


def test_it_leaves_a_picture_behind(view):
    assert Image.open(io.BytesIO(view.static_png())).size > (400, 200)
    assert "image/png" in view._repr_mimebundle_()


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(BadInput, match="at least 1; came 0"):
        NetworkBudget(0)
