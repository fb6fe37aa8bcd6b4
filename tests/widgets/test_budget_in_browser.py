"""The budget widget in a real JupyterLab: a learner moves every control, numbers and picture follow."""

import pytest
from helpers.controls import documented
from helpers.lab_browser import write_notebook
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = "from territory.widgets import NetworkBudget\nNetworkBudget()"
# Every control once, in the order of the page: what it is set to, and what must then be read.
STEPS = [
    ("conv 1 channels", "16", "6,741,867"),  # parameters
    ("conv 1 kernel", "16", "44 × 44"),  # 16 + 3 x 4 + 2 x 8 tiles
    ("conv 1 stride", "8", "72 × 72"),  # 16 + 3 x 8 + 2 x 16
    ("conv 2 channels", "32", "1,487,691"),
    ("conv 2 kernel", "8", "104 × 104"),
    ("conv 2 stride", "1", "88 × 88"),
    ("conv 3 channels", "32", "3,092,267"),
    ("conv 3 kernel", "4", "96 × 96"),
    ("conv 3 stride", "2", "920,363"),
    ("pooling after conv 1", "max", "184 × 184"),
    ("last grid", "mean", "346,923"),
    ("map features", "128", "235,947"),
]
DRAWN = "view => [...view.querySelectorAll('svg, .budget-rows')].map(drawn => drawn.outerHTML).join()"


@pytest.fixture
def view(lab, lab_folder):
    write_notebook(lab_folder / "budget.ipynb", SOURCE)
    lab.open("budget.ipynb")
    lab.run_all()
    view = lab.output(0).locator(".territory-budget")
    view.get_by_text("6,763,387", exact=True).wait_for()
    return view


def choose(view, name, option):
    view.get_by_label(name, exact=True).select_option(label=option)


def test_every_control_moves_the_numbers_and_the_drawings(lab, view):
    there = view.evaluate("view => [...view.querySelectorAll('[aria-label]:is(select, button)')].map(e => e.ariaLabel)")
    named = {*there} - {"close this message"}
    assert named == {name for name, _, _ in STEPS} | {"Time it"} == documented("NetworkBudget")
    assert "does not fit: 13.5 times the budget" in view.locator(".budget-verdict").inner_text()
    for name, option, read in STEPS:
        before = view.evaluate(DRAWN)
        choose(view, name, option)
        expect(view).to_contain_text(read)
        assert view.evaluate(DRAWN) != before
    assert "✓ fits" in view.locator(".budget-verdict").inner_text()
    assert lab.errors == []
    assert lab.outside == []


def test_the_button_times_what_is_possible_and_is_off_for_what_is_not(lab, view):
    choose(view, "conv 1 stride", "16")
    expect(view).to_contain_text("Impossible:")
    assert view.get_by_role("button", name="Time it").is_disabled()
    choose(view, "conv 1 stride", "8")
    expect(view).to_contain_text("6 × 6 cells")
    assert view.get_by_role("button", name="Time it").is_enabled()
    expect(view).to_contain_text("Not timed yet")
    view.get_by_role("button", name="Time it").click()
    expect(view).to_contain_text("times as fast as attention")
    choose(view, "last grid", "mean")
    expect(view).to_contain_text("Not timed yet")
    assert lab.errors == []
