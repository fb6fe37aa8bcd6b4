"""The website: whole, linked, readable by everybody, and fetching nothing from elsewhere."""

import json
from urllib.parse import urlparse

import pytest
from helpers.website import crawl

from territory.widgets.base import WIDGET_VIEW


def notebooks_of(pages):
    return {name: page for name, page in pages.items() if name.startswith("notebooks/")}


def test_every_notebook_every_guide_and_the_reference_have_a_page(pages, root):
    for path in [*(root / "notebooks").glob("*.ipynb"), *(root / "docs").glob("*.md")]:
        assert path.relative_to(root).with_suffix(".html").as_posix() in pages
    assert len([name for name in pages if name.startswith("reference/")]) > 10
    assert "load_agent" in pages["reference/agent.html"].text


def test_every_link_and_anchor_leads_somewhere(pages, site):
    count, broken = crawl(pages, site)
    assert broken == []
    assert count > 1000


def test_nothing_is_fetched_from_elsewhere(pages):
    for name, page in pages.items():
        parts = page.select("script[src], link[rel~=stylesheet], link[rel~=preload], img, iframe, source, video, audio")
        away = [part.get("src") or part.get("href") for part in parts]
        assert [each for each in away if each and urlparse(each).netloc] == [], name


def test_every_picture_has_words(pages):
    """Its own, or, as the sign beside the course's name in the header, those of the link that it stands in."""
    for name, page in pages.items():
        silent = [image for image in page.select("img") if not image.get("alt", "").strip()]
        wordless = [each for each in silent if not (each.parent.name == "a" and each.parent.text.strip())]
        assert [image.get("src") for image in wordless] == [], name


def test_a_notebook_has_neighbours_folded_solutions_formulas_and_copy_buttons(pages):
    chapters = notebooks_of(pages)
    first, *middle, last = sorted(chapters)
    assert all(chapters[name].select("a.left-prev") and chapters[name].select("a.right-next") for name in middle)
    assert chapters[first].select("a.right-next") and chapters[last].select("a.left-prev")
    solutions = [each for page in chapters.values() for each in page.select("details:not(.live)")]
    assert len(solutions) > 10 and not any(each.has_attr("open") for each in solutions)
    assert any(page.select("math mfrac") for page in chapters.values())
    assert all("copybutton" in str(page.select("script[src]")) for page in chapters.values())


def test_every_instrument_of_a_notebook_is_live_or_says_that_it_is_a_picture(pages, root):
    for name, page in notebooks_of(pages).items():
        cells = json.loads((root / name).with_suffix(".ipynb").read_text("utf-8"))["cells"]
        live = {f"../explorer/{cell['metadata']['explorer']}.html" for cell in cells if "explorer" in cell["metadata"]}
        outputs = [each for cell in cells for each in cell.get("outputs", [])]
        widgets = sum(WIDGET_VIEW in each.get("data", {}) for each in outputs)
        frames = page.select("details.live iframe[loading=lazy]")
        assert {frame["src"] for frame in frames} == live
        assert len(frames) + len(page.select(".still-note")) == widgets == len(page.select("img.still")), name
        assert "(run this cell to use it)" not in page.text
    own = pages["notebooks/07_your_network.html"]  # whose network is the learner's
    assert own.select_one(".still-note a")["href"] == "../explorer/index.html"


def test_a_word_of_the_glossary_carries_its_definition(pages):
    tips = [tip for page in notebooks_of(pages).values() for tip in page.select("a.glossary-term [role=tooltip]")]
    assert len(tips) > 30 and all(len(tip.text) > 5 for tip in tips)


@pytest.mark.browser
def test_a_search_finds_the_page_of_a_word(address, page):
    page.goto(address + "search.html?q=occlusion")
    page.locator("#search-results li a").nth(1).wait_for()


@pytest.mark.browser
def test_a_line_of_text_has_at_most_75_characters_and_a_phone_scrolls_one_way_only(address, page):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address + "notebooks/02_attention_redesign.html")
    widest = page.evaluate(
        """() => {
            const probe = document.createElement("span");
            probe.textContent = "0".repeat(75);
            const paragraphs = [...document.querySelectorAll("article section > p")];
            paragraphs[0].append(probe);
            const room = probe.getBoundingClientRect().width;
            probe.remove();
            return Math.max(...paragraphs.map(each => each.getBoundingClientRect().width)) / room;
        }"""
    )
    assert widest <= 1.01
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("index.html", "notebooks/02_attention_redesign.html", "docs/figures.html", "reference/world.html"):
        page.goto(address + name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
