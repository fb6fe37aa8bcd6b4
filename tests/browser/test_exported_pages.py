"""Pages made by nbconvert as it comes, opened without a network: where a widget was is its picture, never a blank."""

import io

import nbformat
import numpy as np
import pytest
from helpers.lab_browser import Lab
from nbconvert.exporters import HTMLExporter
from PIL import Image

from territory import widgets
from territory.widgets.base import Instrument

WITH_WIDGETS = ["00_the_game", "01_parameter_bloat", "05_seeing_attention"]
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown_by_widgets(notebook):
    """The pictures that widgets leave beside their views."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.outputs]
    words = {getattr(widgets, name).alt for name in widgets.__all__}
    return [data["image/png"].strip() for data in outputs if "image/png" in data and data["text/plain"] in words]


def is_blank(picture):
    """Of one colour, or nearly."""
    grey = np.asarray(picture.convert("L"))
    return np.bincount(grey.reshape(-1)).max() > 0.95 * grey.size


def test_every_widget_of_the_package_leaves_a_picture():
    for name in widgets.__all__:
        assert issubclass(getattr(widgets, name), Instrument), name


@pytest.mark.parametrize("name", WITH_WIDGETS)
def test_no_state_is_saved_that_a_page_would_fetch_code_for(name, root):
    notebook = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
    assert "widgets" not in notebook.metadata


def test_the_saved_widgets_of_all_notebooks_hide_their_pictures_by_one_style(root):
    """Whoever opens two notebooks has both styles in one page: an older one hides other cells."""
    cells = [cell for path in (root / "notebooks").glob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
    shown = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.get("outputs", [])]
    assert len({html for html in shown if html.startswith("<style data-territory-still>")}) == 1


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_WIDGETS)
def test_the_exported_page_shows_what_the_widget_showed(name, root, page, tmp_path):
    notebook = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
    (picture,) = shown_by_widgets(notebook)
    (tmp_path / "page.html").write_text(HTMLExporter().from_notebook_node(notebook)[0], "utf-8")
    Lab(page)  # refuses every address beyond this machine
    page.goto((tmp_path / "page.html").as_uri(), wait_until="domcontentloaded")
    image = page.locator(f"img[src='data:image/png;base64,{picture}']")
    image.scroll_into_view_if_needed()
    image.evaluate("image => image.decode()")
    assert image.bounding_box()["width"] > 500
    assert not is_blank(Image.open(io.BytesIO(image.screenshot())))
    assert page.locator(f"script[type='{WIDGET}']").count() == 0
