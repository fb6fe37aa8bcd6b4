"""The budget widget without a browser: what its controls say and what it shows for them."""

import io

import pytest
from PIL import Image

from territory.errors import BadInput
from territory.widgets import NetworkBudget


@pytest.fixture
def budget():
    return NetworkBudget(max_parameters=500_000, max_macs=20_000_000)


def test_it_begins_with_the_old_network_over_budget(budget):
    assert "<b>6,763,387</b> parameters: 13.5 times the budget of 500,000" in budget.status.value
    assert "<b>32,781,696</b> multiply-accumulates: 1.6 times the budget of 20,000,000" in budget.status.value
    assert "14 × 14 cells" in budget.status.value


def test_every_control_changes_what_is_said_and_shown(budget):
    changes = [(budget.width, 16), (budget.reading, "mean"), (budget.features, 128)]
    for control, value in [*changes, *zip(budget.strides, (8, 1, 2), strict=True)]:
        before = budget.status.value, budget.picture.value
        control.value = value
        assert budget.status.value != before[0] and budget.picture.value != before[1], control.description


def test_within_the_budget_is_said(budget):
    budget.reading.value, budget.features.value = "mean", 256
    assert "parameters: within the budget" in budget.status.value
    assert "multiply-accumulates: 1.3 times the budget" in budget.status.value


def test_an_impossible_design_is_explained_and_can_be_left_again(budget):
    picture = budget.picture.value
    budget.strides[0].value = 16
    budget.strides[1].value = 4
    assert "Impossible:" in budget.status.value and "smaller grid" in budget.status.value
    budget.strides[0].value, budget.strides[1].value = 4, 2
    assert "6,763,387" in budget.status.value and budget.picture.value == picture


def test_it_leaves_a_picture_behind(budget):
    assert Image.open(io.BytesIO(budget.static_png())).size > (400, 200)
    assert "image/png" in budget._repr_mimebundle_()


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(BadInput, match="at least 1; came 0 and 5"):
        NetworkBudget(0, 5)
