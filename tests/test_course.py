"""`make course`: notebooks become pages that show everything and fetch nothing."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers.lab_browser import Lab

ROOT = Path(__file__).resolve().parents[1]
TEXT = """# Are both shown? <br>

Look at $x^2$, then

$$\\frac{q\\,k^\\top}{\\sqrt{d}}$$

and `$5`; [a link](https://example.org) may lead elsewhere.

![a dot](dot.png)

<details>
<summary>Solution</summary>

It is *hidden* until asked for.

```python
x = 1
```
</details>

After it."""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)  # a picture of one pixel
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"
WIDGET = """
import io
import ipywidgets
from PIL import Image
from territory.widgets.base import LeavesPicture

class Dial(LeavesPicture, ipywidgets.IntSlider):
    def static_png(self):
        file = io.BytesIO()
        Image.new("RGB", (123, 45), "green").save(file, "png")
        return file.getvalue()

Dial()
"""


def write(folder, name, text, *sources):
    cells = [nbformat.v4.new_markdown_cell(text)] + [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / name)


def course(folder):
    command = [sys.executable, str(ROOT / "tools" / "course.py"), str(folder / "notebooks"), str(folder / "pages")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    write(
        folder / "notebooks",
        "01_second.ipynb",
        "# What is a slider < 3?",
        "from ipywidgets import IntSlider\nIntSlider()",
    )
    write(folder / "notebooks", "00_first.ipynb", TEXT, PLOT, WIDGET)
    (folder / "notebooks" / "dot.png").write_bytes(DOT)
    done = course(folder)
    assert done.returncode == 0, done.stderr
    return folder / "pages", done


def pictures(page):
    sources = [image["src"] for image in BeautifulSoup(page.read_text("utf-8"), "html.parser").select("img")]
    return [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]


def test_plots_and_widgets_are_pictures_in_the_page(made):
    dot, plot, dial = pictures(made[0] / "00_first.html")
    assert dot == DOT
    assert plot.startswith(b"\x89PNG") and dial.startswith(b"\x89PNG")
    width, height = (int.from_bytes(dial[start : start + 4], "big") for start in (16, 20))
    assert (width, height) == (123, 45)


def test_a_widget_without_a_picture_leaves_its_text_and_a_warning(made):
    pages, done = made
    assert "IntSlider(value=0)" in (pages / "01_second.html").read_text("utf-8")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning:")]
    assert len(warnings) == 1 and "01_second.ipynb, cell 2" in warnings[0]


def test_pages_fetch_nothing_from_a_network(made):
    for page in made[0].glob("*.html"):
        text = page.read_text("utf-8")
        soup = BeautifulSoup(text, "html.parser")
        links = [each.get("src") or each.get("href") or "" for each in soup.select("script, link, img")]
        assert not [link for link in links if re.match("(https?:)?//", link)]
        assert "cdn" not in str(soup.head).lower()
        assert not re.search(r"""(url\(|@import|import\()\s*["']?(https?:)?//""", text)
        assert not soup.select("script[type*=widget]")


def test_the_index_leads_to_every_page_in_order(made):
    links = BeautifulSoup((made[0] / "index.html").read_text("utf-8"), "html.parser").select("a")
    assert [link["href"] for link in links] == ["00_first.html", "01_second.html"]
    assert [link.text for link in links] == ["Are both shown? <br>", "What is a slider < 3?"]
    assert not list(made[0].glob("*.part"))


@pytest.mark.browser
def test_a_browser_shows_pictures_and_formulas_without_complaint(made, page):
    lab = Lab(page, "")
    page.goto((made[0] / "index.html").as_uri())
    page.get_by_role("link").first.click()
    page.get_by_role("heading", name="Are both shown?").wait_for()
    widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert widths[0] == 1 and widths[1] > 123 and widths[2:] == [123]
    formulas = [formula.bounding_box() for formula in page.locator("math").all()]
    assert len(formulas) == 2 and all(box["width"] > 5 and box["height"] > 5 for box in formulas)
    assert page.locator("math mfrac").count() == 1
    hidden, after = page.get_by_text("until asked for"), page.get_by_text("After it.")
    assert not hidden.is_visible() and not page.get_by_text("x = 1").is_visible() and after.is_visible()
    page.get_by_text("Solution").click()
    assert hidden.is_visible()
    assert lab.errors == []
    assert lab.outside == []


def test_a_failing_cell_stops_the_course_and_is_named(tmp_path):
    write(tmp_path / "notebooks", "00_good.ipynb", "# Fine?", "1 + 1", "1 / 0")
    done = course(tmp_path)
    assert done.returncode == 1
    assert "00_good.ipynb, cell 3 of 3 failed" in done.stderr and "ZeroDivisionError" in done.stderr
    assert list((tmp_path / "pages").iterdir()) == []


def test_a_page_that_would_fetch_is_refused(tmp_path):
    fetching = "from IPython.display import HTML\nHTML('<script src=\"https://example.org/a.js\"></script>')"
    write(tmp_path / "notebooks", "00_out.ipynb", '# Out?\n\n<img src="lost.png">', fetching)
    done = course(tmp_path)
    assert done.returncode == 1
    assert "00_out.ipynb" in done.stderr and "lost.png, https://example.org/a.js" in done.stderr


def test_no_notebooks_is_said(tmp_path):
    done = course(tmp_path)
    assert done.returncode == 2
    assert "expected a folder with notebooks" in done.stderr
