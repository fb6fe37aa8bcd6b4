"""The budget widget without a browser: what its controls say and what it reports for them."""

import io

import pytest
import traitlets
from PIL import Image

from territory import profiling
from territory.errors import BadInput
from territory.profiling import LatencyRecord, NetworkDesign
from territory.widgets import NetworkBudget

SMALL = {"strides": [8, 2, 1], "features": 128, "channels": [16, 32, 32]}


@pytest.fixture
def view():
    return NetworkBudget(max_parameters=500_000)


def ask(view, what, **changes):
    """As the browser would; what the widget answers."""
    said = []
    view.send = lambda content, buffers=None: said.append(content)
    view._handle_custom_msg({"id": 1, "ask": what, "set": changes}, [])
    return said[0]


def measured(monkeypatch, mine, rival):
    """Stands in for the stopwatch, and remembers what it was to time."""
    asked = []

    def compare(networks, inputs, mode, repeats, warmup):
        asked.append((networks, len(inputs[0]), mode))
        return [
            LatencyRecord(name, t, 0.9 * t, 1.1 * t, repeats) for name, t in zip(networks, (mine, rival), strict=True)
        ]

    monkeypatch.setattr(profiling, "compare_latency", compare)
    return asked


def test_it_begins_with_baseline_over_budget(view):
    report = view.report
    assert (report["parameters"], report["macs"]) == (6_763_387, 32_781_696)
    assert report["macs"] / report["rival_macs"] == pytest.approx(2.18, abs=0.005)
    assert (report["cells"], report["field"], report["step"]) == ((14, 14), (36, 36), (8, 8))
    assert [grid["side"] for grid in report["grids"]] == [128, 32, 16, 14, 0]
    assert report["timed"] is None and not view.reached


def test_the_layers_add_up_to_the_totals(view):
    for kind in ("parameters", "macs"):
        assert sum(layer[kind] for layer in view.report["layers"]) == view.report[kind]


CHANGES = {
    "channels": [16, 64, 64],
    "kernels": [8, 4, 4],
    "strides": [8, 2, 1],
    "pooling": "max",
    "reading": "mean",
    "features": 128,
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_control_changes_the_report_and_the_picture(view, name):
    report, picture = view.report, view.static_png()
    assert ask(view, "design", **{name: CHANGES[name]}) == {"re": 1}
    assert view.report != report and view.static_png() != picture


def test_the_controls_are_the_design_that_the_exercise_asks_for(view):
    ask(view, "design", **SMALL, pooling="average", reading="mean")
    assert view.design == NetworkDesign((16, 32, 32), (8, 4, 3), (8, 2, 1), "average", "mean", 128)


def test_a_small_network_that_was_measured_faster_reaches_the_goal(view, monkeypatch):
    asked = measured(monkeypatch, mine=1.0, rival=3.0)
    ask(view, "design", **SMALL)
    assert not asked  # only on demand
    assert ask(view, "time") == {"re": 1}
    ((networks, batch, mode),) = asked
    assert networks["this"].design == view.design and networks["attention"].options["norm"] == "group"
    assert (batch, mode) == (12, "train")
    assert view.reached and view.report["reached"] and view.report["timed"] == {"ratio": 3.0, "faster": True}


@pytest.mark.parametrize(
    "small, mine", [(True, 3.1), (True, 2.9), (False, 1.0)], ids=["slower", "hardly faster", "fast but large"]
)
def test_slower_or_within_the_noise_or_too_large_does_not_reach_it(view, monkeypatch, small, mine):
    measured(monkeypatch, mine, rival=3.0)
    if small:
        ask(view, "design", **SMALL)
    view.time()
    assert not view.reached and not view.report["reached"]


def test_a_measurement_is_forgotten_when_the_design_changes(view, monkeypatch):
    measured(monkeypatch, mine=1.0, rival=3.0)
    ask(view, "design", **SMALL)
    view.time()
    view.reading = "mean"
    assert not view.reached and view.report["timed"] is None


def test_it_really_measures(view):
    ask(view, "design", **SMALL)
    ask(view, "time")
    assert [record.name for record in view.measured] == ["this", "attention"]
    assert all(record.median > 0 for record in view.measured)


def test_an_impossible_design_is_explained_cannot_be_timed_and_can_be_left_again(view):
    report = view.report
    view.strides = [16, 2, 1]
    assert "never be seen" in view.report["problem"] and not view.reached
    assert "never be seen" in ask(view, "time")["error"]
    ask(view, "design", kernels=[16, 4, 3], strides=[16, 4, 1])
    assert "finds a smaller grid" in view.report["problem"]
    ask(view, "design", kernels=[8, 4, 3], strides=[4, 2, 1])
    assert view.report == report


@pytest.mark.parametrize("change", [{"channels": [1, 2]}, {"channels": [0, 1, 1]}])
def test_sizes_of_another_kind_are_explained(view, change):
    ask(view, "design", **change)
    assert "got" in view.report["problem"] or "came" in view.report["problem"]


@pytest.mark.parametrize("change", [{"features": True}, {"channels": [True, 32, 64]}, {"kernels": [8, 4, 2.5]}])
def test_a_control_that_is_set_to_no_whole_number_stays_as_it_was(view, change):
    (name, value), before = *change.items(), view.design
    with pytest.raises(BadInput, match=f"{name if name == 'features' else 'each entry'} must be a whole number"):
        setattr(view, name, value)
    assert view.design == before


def test_a_pooling_that_is_unknown_is_refused(view):
    with pytest.raises(traitlets.TraitError):
        view.pooling = "median"


def test_it_leaves_a_picture_behind(view):
    assert Image.open(io.BytesIO(view.static_png())).size > (400, 200)
    bundle = view._repr_mimebundle_()
    assert "image/png" in (bundle[0] if isinstance(bundle, tuple) else bundle)


@pytest.mark.parametrize("budget", [0, -1, 2.5, "x", None, float("inf"), True])
def test_a_budget_that_is_no_count_is_refused(budget):
    with pytest.raises(BadInput, match="the budget, must be a whole number of at least 1, got"):
        NetworkBudget(budget)


def test_an_impossible_design_still_leaves_a_picture(view):
    before = view.static_png()
    ask(view, "design", strides=[16, 2, 1])
    assert view.report["problem"] and view.static_png().startswith(b"\x89PNG") and view.static_png() != before


def test_a_design_too_large_for_the_machine_is_drawn_and_not_built(view):
    ask(view, "design", channels=[10**6, 10**6, 128])
    assert view.report["parameters"] > 10**13
    assert "at most 200,000,000 parameters to build and time" in ask(view, "time")["error"]
