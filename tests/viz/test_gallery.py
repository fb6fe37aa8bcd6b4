"""Every picture looks as it did when someone last looked at it: pixels compared with those in tests/data/gallery."""

import inspect
import json
import re

import pytest
from helpers import gallery
from matplotlib.testing.compare import compare_images

from territory import viz

# Root mean square over all pixels, of 255: another FreeType moves the edges of letters, another record moves much more.
TOLERANCE = 5
DRAWS = re.compile(r"\.(plot|bar|barh|hist|scatter|imshow|pcolormesh|errorbar|fill_between|annotate)\(|\bax\w*\.text\(")


def difference(name, seed, folder):
    """What matplotlib says is different, or None."""
    gallery.picture(name, seed).save(folder / f"{name}.png")
    return compare_images(gallery.FOLDER / f"{name}.png", folder / f"{name}.png", TOLERANCE)


@pytest.mark.parametrize("name", gallery.PICTURES)
def test_the_picture_is_the_one_that_was_looked_at(name, tmp_path):
    assert difference(name, 0, tmp_path) is None


@pytest.mark.parametrize("name", gallery.PICTURES)
def test_other_numbers_are_noticed(name, tmp_path):
    assert "RMS" in difference(name, 1, tmp_path)


@pytest.mark.parametrize("name", ["playing_figure", "seen_figure"])  # which hold most of the others
def test_the_same_numbers_give_the_same_bytes(name):
    assert gallery.picture(name).tobytes() == gallery.picture(name).tobytes()


def test_nothing_that_draws_is_missing_from_the_gallery():
    draws = {name for name in viz.__all__ if name.startswith("plot_") or name.endswith("_figure")}
    assert draws == set(gallery.PICTURES)
    assert {path.stem for path in gallery.FOLDER.glob("*.png")} == draws


def test_every_plot_can_be_given_its_axes():
    for name in viz.__all__:
        signature = inspect.signature(getattr(viz, name)) if name.startswith("plot_") else None
        if signature and signature.return_annotation is not viz.Figure:  # several axes are a figure of their own
            assert "ax" in signature.parameters, name


def test_the_notebooks_leave_all_drawing_to_viz(root):
    for path in (root / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            code = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
            assert [line for line in code.splitlines() if DRAWS.search(line)] == [], path.name
