"""Every page of the website, light and dark, looked at by axe.

By parts: each may take as long as one test may.
"""

from pathlib import Path

import axe_playwright_python
import pytest

PARTS = 16
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # what a theme can change: it has no other elements and words
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
# A page of code, of signatures or of tables has thousands of words with an element of their own, of some ten kinds;
# axe takes half a minute for the thousands. Of each kind the first stays: same classes, same block around it, same
# colours in either theme.
ONE_OF_A_KIND = """() => {
    const kinds = new Set();
    for (const word of document.querySelectorAll("pre span, dt.sig span, code, code span, em, strong")) {
        const kind = [];
        for (let each = word; each && !each.matches(".cell, section"); each = each.parentElement)
            kind.push(each.tagName, each.className, each.getAttribute("style"));
        const known = kinds.size;
        if (kinds.add(kind.join()).size === known) word.replaceWith(...word.childNodes);
    }
}"""
# Where a word's colour, its size and every ground behind it are those of another one, so is its contrast: the first of
# them is looked at. axe takes most of its time for the others.
ALL_COLOURS = """() => {
    const kinds = new Map(), known = new Map();
    const ground = each => {
        if (each && !known.has(each)) {
            const {backgroundColor, backgroundImage, opacity} = getComputedStyle(each);
            known.set(each, ground(each.parentElement) + [backgroundColor, backgroundImage, opacity].join());
        }
        return known.get(each) || "";
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        const word = text.parentElement;
        const {color, fontSize, fontWeight, textDecoration, position} = getComputedStyle(word);
        const kind = [ground(word), word.tagName, color, fontSize, fontWeight, textDecoration, position].join();
        const seen = text.data.trim() && word.checkVisibility({visibilityProperty: true});
        if (seen && !kinds.has(kind)) kinds.set(kind, word);
    }
    return [...kinds.values()];
}"""
RUN = f"""async colours => {{
    const [where, rules] = colours
        ? [{{include: ({ALL_COLOURS})()}}, {{runOnly: {OF_COLOURS}}}]
        : [document, {{rules: Object.fromEntries({OF_COLOURS}.map(each => [each, {{enabled: false}}]))}}];
    return (await axe.run(where, {{resultTypes: ["violations"], ...rules}})).violations;
}}"""
# The site's pages keep their theme in an attribute, the explorers follow the system. The colour behind the page.
TURN = """theme => {
    const root = document.documentElement;
    if (root.dataset.theme) root.dataset.theme = theme;
    return getComputedStyle(document.body).backgroundColor;
}"""


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_no_violation_light_or_dark(pages, address, page, part):
    page.emulate_media(reduced_motion="reduce")
    found, away = [], []
    page.on("request", lambda request: away.append(request.url) if not request.url.startswith(address) else None)
    for name in list(pages)[part::PARTS]:
        page.goto(address + name)
        page.add_style_tag(content="* { transition: none !important; }")  # a colour on its way is nobody's colour
        page.evaluate(ONE_OF_A_KIND)
        page.evaluate(AXE)
        grounds = set()
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            grounds.add(page.evaluate(TURN, theme))
            violations = page.evaluate(RUN, True) + (page.evaluate(RUN, False) if theme == "light" else [])
            for each in violations:
                found.append(f"{name}, {theme}: {each['id']}: {[node['target'] for node in each['nodes'][:3]]}")
        assert len(grounds) == 2, f"{name} looked the same in both themes"
    assert found == []
    assert [each for each in away if not each.startswith(("data:", "blob:"))] == []
