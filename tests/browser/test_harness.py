"""The browser harness itself, on a notebook of one slider: it must see what a learner would."""

import pytest
from helpers.lab_browser import eventually, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SLIDER = """
import ipywidgets
slider = ipywidgets.IntSlider(value=3, min=0, max=10)
text = ipywidgets.Label(f"cube {slider.value ** 3}")
slider.observe(lambda change: setattr(text, "value", f"cube {change['new'] ** 3}"), "value")
ipywidgets.VBox([slider, text])
"""


def test_a_moved_slider_reaches_python_and_changes_the_picture(lab, lab_folder):
    write_notebook(lab_folder / "tiny.ipynb", "1 + 1", SLIDER)
    lab.open("tiny.ipynb")
    lab.run_all()
    lab.output(1).get_by_text("cube 27").wait_for()
    before = lab.output(1).screenshot()
    lab.press(lab.output(1).locator(".noUi-handle"), "ArrowRight", times=2)
    lab.output(1).get_by_text("cube 125").wait_for()
    assert lab.wait_for_change(lab.output(1), before) != before
    assert lab.errors == []
    assert lab.outside == []


def test_a_failing_cell_and_an_outside_address_are_noticed(lab, lab_folder):
    picture = "from IPython.display import HTML\nHTML('<img src=\"https://example.org/a.png\">')"
    write_notebook(lab_folder / "tiny.ipynb", picture, "1 / 0")
    lab.open("tiny.ipynb")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run_all()
    eventually(lab.page, lambda: lab.outside)
    assert lab.outside == ["https://example.org/a.png"]
