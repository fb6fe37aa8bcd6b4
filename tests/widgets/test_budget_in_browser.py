"""The budget widget in a real JupyterLab: a learner moves every control, numbers and picture follow."""

import nbformat
import pytest
from helpers.controls import documented

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


@pytest.fixture
def view(lab, tmp_path):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    nbformat.write(notebook, tmp_path / "budget.ipynb")
    lab.open("budget.ipynb")
    lab.run_all()
    view = lab.output(0)
    view.get_by_text("6,763,387", exact=True).wait_for()
    return view


def choose(view, name, option):
    view.locator(".widget-dropdown", has_text=name).locator("select").select_option(label=option)


def test_every_control_moves_the_numbers_and_the_picture(lab, view):
    there = view.locator(".widget-dropdown .widget-label").all_inner_texts() + view.locator("button").all_inner_texts()
    assert {*there} == {name for name, _, _ in STEPS} | {"Time it"} == documented("NetworkBudget")
    for name, option, read in STEPS:
        before = view.locator("img").screenshot()
        choose(view, name, option)
        view.get_by_text(read, exact=True).wait_for()
        lab.wait_for_change(view.locator("img"), before)
    assert lab.errors == []
    assert lab.outside == []


def test_the_button_times_what_is_possible_and_is_off_for_what_is_not(lab, view):
    choose(view, "conv 1 stride", "16")
    view.get_by_text("Impossible:").wait_for()
    assert view.get_by_role("button", name="Time it").is_disabled()
    choose(view, "conv 1 stride", "8")
    view.get_by_text("6 × 6 cells").wait_for()
    assert view.get_by_role("button", name="Time it").is_enabled()
    view.get_by_text("Not timed yet").wait_for()
    view.get_by_role("button", name="Time it").click()
    view.get_by_text("times as fast as attention").wait_for()
    choose(view, "last grid", "mean")
    view.get_by_text("Not timed yet").wait_for()
    assert lab.errors == []
