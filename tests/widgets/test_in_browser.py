"""The explorer in a real JupyterLab: controls are moved as a learner moves them, and pictures must follow."""

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXPLORER = """
import numpy as np
import torch
from territory import models, widgets
from territory.world import WorldParams
from territory.world.replay import record

rng, params = np.random.default_rng(0), WorldParams(height=64, width=64, num_bots=2, max_steps=30)
replay = record(lambda obs, mask: rng.choice(np.flatnonzero(mask)), params, seed=3)
torch.manual_seed(0)
explorer = widgets.AttentionExplorer(replay, models.build("attention", norm="group"), step=2)
explorer
"""


def open_notebook(lab, folder, source):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata=metadata)
    nbformat.write(notebook, folder / "widget.ipynb")
    lab.open("widget.ipynb")
    lab.run_all()
    view = lab.output(0)
    view.locator("img").first.wait_for()
    return view


def test_the_explorer_of_notebook_05_follows_its_slider(lab, tmp_path, root):
    notebook = nbformat.read(root / "notebooks" / "05_seeing_attention.ipynb", as_version=4)
    shown = next(place for place, cell in enumerate(notebook.cells) if cell.source == "explorer")
    notebook.cells = notebook.cells[: shown + 1]  # what follows does not touch the widget
    nbformat.write(notebook, tmp_path / "05.ipynb")
    lab.open("05.ipynb")
    lab.run_all()
    view = lab.output(shown)
    board, handle = view.locator("img").nth(0), view.locator(".noUi-handle").nth(0)
    handle.wait_for()
    seen = board.screenshot()
    lab.press(handle, "ArrowRight", times=5)
    lab.wait_for_change(board, seen)
    assert_clean(lab)


def assert_clean(lab):
    assert lab.errors == []
    assert lab.outside == []


def test_the_explorer_follows_every_one_of_its_controls(lab, tmp_path):
    view = open_notebook(lab, tmp_path, EXPLORER)
    board, panel = view.locator("img").nth(0), view.locator("img").nth(1)
    time, strength = view.locator(".noUi-handle").nth(0), view.locator(".noUi-handle").nth(1)
    view.get_by_text("step 2", exact=True).wait_for()
    seen, seen_panel = board.screenshot(), panel.screenshot()

    lab.press(time, "ArrowRight", times=6)
    view.get_by_text("step 8", exact=True).wait_for()
    seen = lab.wait_for_change(board, seen)
    seen_panel = lab.wait_for_change(panel, seen_panel)

    view.locator("select").select_option(label="spatial.3 · 2×2 cells")
    seen = lab.wait_for_change(board, seen)
    lab.press(strength, "Home")
    seen = lab.wait_for_change(board, seen)

    view.locator(".jupyter-widget-play button, .widget-play button").first.click()
    view.get_by_text("step 30", exact=True).wait_for()  # played to the end
    lab.wait_for_change(board, seen)
    lab.wait_for_change(panel, seen_panel)
    assert_clean(lab)
