"""The website: whole, linked, readable by everybody, and fetching nothing from elsewhere."""

from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import axe_playwright_python
import pytest
from bs4 import BeautifulSoup

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def pages(site):
    """Each page by its place in the site, parsed; the theme's own templates are none."""
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(site).as_posix(): BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in found}


def notebooks_of(pages):
    return {name: page for name, page in pages.items() if name.startswith("notebooks/")}


def test_every_notebook_every_guide_and_the_reference_have_a_page(pages, root):
    for path in [*(root / "notebooks").glob("*.ipynb"), *(root / "docs").glob("*.md")]:
        assert path.relative_to(root).with_suffix(".html").as_posix() in pages
    assert len([name for name in pages if name.startswith("reference/")]) > 10
    assert "load_agent" in pages["reference/agent.html"].text


def test_every_link_and_anchor_leads_somewhere(pages, site):
    broken, count = [], 0
    ids = {name: {each["id"] for each in page.select("[id]")} for name, page in pages.items()}
    for name, page in pages.items():
        for link in page.select("a[href], link[href], img[src], script[src], iframe[src]"):
            address = link.get("href") or link.get("src")
            if urlparse(address).scheme:
                continue
            count += 1
            path, anchor = urldefrag(address)
            target = (site / name).parent.joinpath(unquote(path.partition("?")[0])).resolve() if path else site / name
            place = target.relative_to(site.resolve()).as_posix() if path else name
            if not target.is_file() or (anchor and place in ids and unquote(anchor) not in ids[place]):
                broken.append(f"{name}: {address}")
    assert broken == []
    assert count > 1000


def test_nothing_is_fetched_from_elsewhere(pages):
    for name, page in pages.items():
        parts = page.select("script[src], link[rel~=stylesheet], link[rel~=preload], img, iframe, source, video, audio")
        away = [part.get("src") or part.get("href") for part in parts]
        assert [each for each in away if each and urlparse(each).netloc] == [], name


def test_every_picture_has_words(pages):
    for name, page in pages.items():
        assert [image.get("src") for image in page.select("img") if not image.get("alt", "").strip()] == [], name


def test_a_notebook_has_neighbours_folded_solutions_formulas_and_copy_buttons(pages):
    chapters = notebooks_of(pages)
    first, *middle, last = sorted(chapters)
    assert all(chapters[name].select("a.left-prev") and chapters[name].select("a.right-next") for name in middle)
    assert chapters[first].select("a.right-next") and chapters[last].select("a.left-prev")
    solutions = [each for page in chapters.values() for each in page.select("details")]
    assert len(solutions) > 10 and not any(each.has_attr("open") for each in solutions)
    assert any(page.select("math mfrac") for page in chapters.values())
    assert all("copybutton" in str(page.select("script[src]")) for page in chapters.values())


def test_a_word_of_the_glossary_carries_its_definition(pages):
    tips = [tip for page in notebooks_of(pages).values() for tip in page.select("a.glossary-term [role=tooltip]")]
    assert len(tips) > 30 and all(len(tip.text) > 5 for tip in tips)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_on_any_page(pages, address, page, theme):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found, away = [], []
    page.on("request", lambda request: away.append(request.url) if not request.url.startswith(address) else None)
    for name in pages:
        page.goto(address + name)
        page.add_style_tag(content="* { transition: none !important; }")  # a colour on its way is nobody's colour
        page.evaluate(AXE)
        violations = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
        for each in violations:
            found.append(f"{name}: {each['id']}: {[node['target'] for node in each['nodes'][:3]]}")
    assert found == []
    assert [each for each in away if not each.startswith(("data:", "blob:"))] == []


@pytest.mark.browser
def test_a_search_finds_the_page_of_a_word(address, page):
    page.goto(address + "search.html?q=occlusion")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert page.locator("#search-results li").count() > 1


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
