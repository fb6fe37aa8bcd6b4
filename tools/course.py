"""Run every notebook and write it as an HTML page that needs no network: ``python tools/course.py notebooks course``.

A notebook runs in order on a clean kernel. Widgets leave their pictures, formulas become MathML, and scripts that a
page would fetch from elsewhere are left out.
"""

import argparse
import html
import os
import sys
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert as to_mathml
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from territory.errors import BadInput

CELL_SECONDS = 600
WIDGET = "application/vnd.jupyter.widget-view+json"

# Lab's page without the three scripts that it takes from a network: require.js, MathJax and Mermaid.
PAGE = """{% extends 'index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
INDEX = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Territory</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 3em auto; line-height: 1.6">
<h1>Territory</h1>
<ul style="list-style: none">
{items}
</ul>
</body>
</html>
"""


class PageError(Exception):
    """A notebook that can't become a page; the message names it."""


class MathRenderer(IPythonRenderer):
    """Markdown to HTML with formulas as MathML, which browsers draw themselves."""

    def block_html(self, html: str) -> str:
        """As written. nbconvert parses each block on its own to embed images, and so closes <details> too early."""
        return html

    inline_html = block_html

    def block_math(self, body: str) -> str:
        """A formula of its own, from LaTeX."""
        return to_mathml(body.strip(), display="block")

    def inline_math(self, body: str) -> str:
        """A formula in a line, from LaTeX."""
        return to_mathml(body.strip())


class CourseExporter(HTMLExporter):
    """Lab's page, fetching nothing."""

    raw_template = PAGE

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """The filter of that name: as nbconvert's, with formulas drawn; images beside the notebook are embedded."""
        attachments = context.get("cell", {}).get("attachments", {})
        folder = context["resources"]["metadata"]["path"]
        renderer = MathRenderer(escape=False, attachments=attachments, embed_images=True, path=folder)
        return MarkdownWithMath(renderer=renderer).render(source)


def run(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Execute in place, in the notebook's folder; raises PageError naming notebook and cell."""
    place = []
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # a kernel warns at each start that this machine could read its traffic
        on_cell_start=lambda cell, cell_index: place.append(cell_index),
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError, TimeoutError) as error:
        raise PageError(f"{path.name}, cell {place[-1] + 1} of {len(notebook.cells)} failed:\n{error}") from error


def keep_pictures(notebook: nbformat.NotebookNode, name: str) -> None:
    """Take the live view out of each output that has something else to show; warn where that is only text."""
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.pop(WIDGET, None) and not set(data) - {"text/plain"}:
                print(f"warning: {name}, cell {number}: a widget leaves no picture, only its text", file=sys.stderr)


def title_of(notebook: nbformat.NotebookNode, path: Path) -> str:
    """The notebook's first heading; its file's name if it has none."""
    lines = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)


def fetched(page: str) -> list[str]:
    """What a browser would get from elsewhere to show the page: scripts, styles, pictures, frames not inside it."""
    parts = BeautifulSoup(page, "html.parser").select("script, link, img, iframe, source, video, audio")
    addresses = [part.get("src") or part.get("href") or "" for part in parts]
    return [address for address in addresses if address and not address.startswith("data:")]


def make_page(path: Path) -> tuple[str, str]:
    """Run a notebook; gives its title and its page."""
    notebook = nbformat.read(path, as_version=4)
    run(notebook, path)
    keep_pictures(notebook, path.name)
    notebook.metadata["title"] = title = title_of(notebook, path)
    resources = {"metadata": {"name": path.stem, "path": str(path.parent)}}
    page, _ = CourseExporter().from_notebook_node(notebook, resources)
    if outside := fetched(page):
        raise PageError(f"{path.name}: the page would need more than itself: {', '.join(outside)}")
    return title, page


def write(path: Path, text: str) -> None:
    """All of the file or none of it: a reader never meets half a page."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, "utf-8")
    os.replace(part, path)


def make_course(source: Path, target: Path) -> None:
    """Write a page for every notebook of a folder, by name, and an index of them. Raises BadInput and PageError."""
    paths = sorted(source.glob("*.ipynb"))
    if not paths:
        raise BadInput(f"expected a folder with notebooks, got {source}: run this from the repository's root")
    target.mkdir(parents=True, exist_ok=True)
    items = []
    for path in paths:
        print(f"{path.name} ...", flush=True)
        title, page = make_page(path)
        write(target / f"{path.stem}.html", page)
        items.append(f'<li><a href="{path.stem}.html">{html.escape(title)}</a></li>')
    write(target / "index.html", INDEX.format(items="\n".join(items)))


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 if a notebook can't become a page, 2 if there is none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the folder of notebooks")
    parser.add_argument("target", type=Path, help="the folder of pages, made if missing")
    options = parser.parse_args(arguments)
    try:
        make_course(options.source, options.target)
    except (BadInput, PageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
