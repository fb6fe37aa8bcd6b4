"""What no library does for the website: formulas as MathML, words for every picture, the glossary under the pointer."""

import json
import re
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert as to_mathml
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from territory.widgets import AttentionExplorer
from territory.widgets.base import WIDGET_VIEW

_SHORT = 160  # characters of a cell's last line that a picture's description quotes


def inline_math(writer, node: nodes.Element) -> None:
    """A formula in a line. Browsers draw MathML themselves: no script, no fonts from elsewhere."""
    writer.body.append(to_mathml(node.astext()))
    raise nodes.SkipNode


def block_math(writer, node: nodes.Element) -> None:
    """A formula of its own."""
    writer.body.append(f'<div class="math" tabindex="0">{to_mathml(node.astext().strip(), display="block")}</div>')
    raise nodes.SkipNode


class PictureWords(SphinxPostTransform):
    """A picture that a notebook's cell made says so, and where the words about it stand, to those who can't see it."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        """Set what is missing, picture by picture."""
        for cell in self.document.findall(_is_code_cell):
            source = next(cell.findall(nodes.literal_block), None)
            for image in cell.findall(nodes.image):
                image["alt"] = image.get("alt") or _words(cell, source)


class Instruments(SphinxPostTransform):
    """A widget of a notebook is the picture that it left, and below it where it can be used.

    An explorer whose cell names a pretrained network (metadata ``explorer``) is live here: a frame with the page of
    that network, which loads nothing until the reader opens it.
    """

    default_priority = 890  # before the pictures that still have no words get some

    def run(self, **kwargs) -> None:
        """Mend the cells that show a widget."""
        for cell in self.document.findall(_is_code_cell):
            outputs = _committed_cell(self.env.doc2path(self.env.docname), cell["cell_index"]).get("outputs", [])
            alts = [words for each in outputs if (words := each.get("metadata", {}).get("image/png", {}).get("alt"))]
            if any(WIDGET_VIEW in each.get("data", {}) for each in outputs):
                (alt,) = alts
                self._mend(cell, alt)

    def _mend(self, cell: nodes.Element, alt: str) -> None:
        (shown,) = [each for each in cell.children if each.get("nb_element") == "cell_code_output"]
        (image,) = shown.findall(nodes.image)
        image["alt"] = alt
        image["classes"].append("still")
        shown.children = []  # but the picture: a style for Lab, and words for those who have the kernel
        shown += [image, nodes.raw("", self._below(cell, alt == AttentionExplorer.alt), format="html")]

    def _below(self, cell: nodes.Element, explorer: bool) -> str:
        folder = self.app.builder.get_relative_uri(self.env.docname, "explorer/index")
        network = cell["cell_metadata"].get("explorer")
        if network:
            page = escape(folder.replace("index", network))
            frame = f'<iframe loading="lazy" title="the explorer of {escape(network)}, live" src="{page}"></iframe>'
            return f'<details class="live"><summary>Make it live in this page</summary>{frame}</details>'
        said = "A picture of this instrument as it was: run the notebook to use it."
        if explorer:
            said = "A picture: this network was trained when the notebook ran. "
            said += f'<a href="{escape(folder)}">The explorers of the pretrained networks</a> are live.'
        return f'<p class="still-note">{said}</p>'


@cache
def _committed(notebook: str) -> list[dict]:
    return json.loads(Path(notebook).read_text("utf-8"))["cells"]


def _committed_cell(page: str, index: int) -> dict:
    """A cell of the notebook that a page is made of, as it is in the file."""
    return _committed(page)[index]


class WholePages(SphinxPostTransform):
    """A cell that shows a whole HTML page of its own gets a frame for it: its styles are not the site's."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        """Frame each."""
        for raw in list(self.document.findall(nodes.raw)):
            page = raw.astext()
            if raw.get("format") == "html" and page.lstrip()[:14].lower() == "<!doctype html":
                frame = (
                    f'<iframe class="cell-page" title="a page made by the cell above" srcdoc="{escape(page)}"></iframe>'
                )
                raw.replace_self(nodes.raw("", frame, format="html"))


class TableHeads(SphinxPostTransform):
    """An empty head above a column of names gets a word for those who hear the table."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        """Fill what is empty."""
        for head in self.document.findall(nodes.thead):
            for entry in head.findall(nodes.entry):
                if not entry.astext().strip():
                    entry.children = []
                    entry += nodes.paragraph("", "", nodes.inline("", "what", classes=["visually-hidden"]))


def _is_code_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _words(cell: nodes.Element, source: nodes.literal_block | None) -> str:
    given = cell["cell_metadata"].get("alt")
    if given:
        return given
    section = cell
    while section is not None and not isinstance(section, nodes.section):
        section = section.parent
    title = section.next_node(nodes.title).astext() if section is not None else "this page"
    lines = [line for line in (source.astext() if source else "").splitlines() if line.strip()]
    made = f" by {lines[-1].strip()[:_SHORT]}" if lines else ""
    return f"Picture made{made}, in the section “{title}”; the text below says what it shows"


class GlossaryTips(SphinxPostTransform):
    """The first time that a page uses a word of the glossary, the word is a link that carries its definition."""

    default_priority = 905

    def run(self, **kwargs) -> None:
        """Link the words of one page."""
        terms = getattr(self.env, "glossary_terms", {})
        if self.env.docname == GLOSSARY:
            for words, entry, _ in _glossary_rows(self.document):
                entry["ids"].append(_anchor(words))
            return
        waiting = dict(terms)
        for text in list(self.document.findall(nodes.Text)):
            if waiting and _is_prose(text):
                self._link_first(text, waiting)

    def _link_first(self, text: nodes.Text, waiting: dict) -> None:
        words = "|".join(re.escape(word) for word in sorted(waiting, key=len, reverse=True))
        found = re.search(rf"(?<![\w-])({words})s?(?![\w-])", text, re.IGNORECASE)
        if not found:
            return
        anchor, definition = waiting.pop(found[1].lower())
        uri = self.app.builder.get_relative_uri(self.env.docname, GLOSSARY) + f"#{anchor}"
        link = f'<a class="glossary-term" href="{escape(uri)}">{escape(found[0])}'
        link += f'<span class="glossary-tip" role="tooltip">{escape(definition)}</span></a>'
        before, after = nodes.Text(text[: found.start()]), nodes.Text(text[found.end() :])
        text.parent.replace(text, [before, nodes.raw("", link, format="html"), after])


def _is_prose(text: nodes.Text) -> bool:
    """Whether a word here may become a link: in a paragraph or a list, and not in a heading, a link or code."""
    kinds, node = set(), text.parent
    while node is not None:
        kinds.add(type(node))
        node = node.parent
    inside = kinds & {nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.raw, nodes.math}
    inside |= kinds & {nodes.math_block, nodes.caption}
    return nodes.paragraph in kinds and not inside and not any(kind.__name__.startswith("desc") for kind in kinds)


GLOSSARY = "docs/glossary"


def read_glossary(app: Sphinx, env) -> None:
    """Keep the glossary's words: the first column of its tables, and their meanings from the second."""
    env.glossary_terms = {}
    if GLOSSARY not in env.all_docs:
        return
    for words, _entry, meaning in _glossary_rows(env.get_doctree(GLOSSARY)):
        for word in words:
            env.glossary_terms[word.lower()] = (_anchor(words), meaning)


def _glossary_rows(document: nodes.document):
    """Each row of the tables: its words, the cell that they stand in, and what they mean."""
    for body in document.findall(nodes.tbody):
        for row in body.findall(nodes.row):
            first, second = row.children[:2]
            words = [re.sub(r"\s*\(.*\)", "", word).strip() for word in first.astext().split(",")]
            yield words, first, second.astext()


def _anchor(words: list[str]) -> str:
    return f"term-{nodes.make_id(words[0])}"


def skip_foreign(app, what: str, name: str, found, skip: bool, options) -> bool | None:
    """A page of ours does not repeat what another library says of its own."""
    module = getattr(found, "__module__", None)
    return True if isinstance(module, str) and module.split(".")[0] not in ("territory", "builtins") else None


def setup(app: Sphinx) -> dict:
    """Sphinx's door."""
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    app.add_post_transform(Instruments)
    app.add_post_transform(PictureWords)
    app.add_post_transform(WholePages)
    app.add_post_transform(TableHeads)
    app.add_post_transform(GlossaryTips)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("env-updated", read_glossary)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
