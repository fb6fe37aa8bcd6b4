"""Which controls a view has, which of them a test has used, and which the docs tell of."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from territory.viz import COMPASS
from territory.world.layout import Plane, Stat

DOCS = Path(__file__).resolve().parents[2] / "docs" / "instruments.md"
# In the docs one line may stand for a family.
FAMILIES = {
    "statistic": [stat.name.replace("_", " ").lower() for stat in Stat],
    "plane": [plane.name.lower() for plane in Plane],
    "direction": [direction.name for direction in COMPASS],
}
# A control's name is what a screen reader calls it. Statistics and planes that only explain themselves are pointed at.
_NAMES = """
const SELECTOR = "input, select, textarea, button, [data-control], figure[tabindex], div[data-stat][tabindex]";
const FAMILY = {"explorer-thumb": "show {picture}", "explorer-ablate": "ablate {layer}"};
const nameOf = node => (FAMILY[node.classList[0]] || node.dataset.control || node.dataset.plane ||
  node.getAttribute("aria-label") || (node.dataset.stat && `about ${node.dataset.stat}`) ||
  (node.closest("label") || node).textContent).trim();
const keysOf = root => root.getAttribute("aria-keyshortcuts").split(" ").map(key => `key ${key}`);
const keyOf = ({key}) => key === " " ? "Space" : key.length > 1 ? key : key.toUpperCase();
"""
_LISTEN = (
    """(() => {"""
    + _NAMES
    + """
  const told = new Set();
  const tell = name => { if (!told.has(name)) { told.add(name); window.tellDriven(name); } };
  const listen = event => {
    if (!(event.target instanceof Element) || !event.target.closest(".territory-widget")) return;
    if (event.type === "keydown") tell(`key ${keyOf(event)}`);
    const control = event.target.closest(SELECTOR);
    const pointed = control && (control.matches("figure, div[data-stat]"));
    if (control && (event.type !== "pointermove" || pointed)) tell(nameOf(control));
  };
  for (const type of ["input", "change", "click", "pointerdown", "keydown", "pointermove"]) {
    document.addEventListener(type, listen, true);
  }
})();"""
)
_LIST = (
    """root => {"""
    + _NAMES
    + """
  const nodes = [...root.querySelectorAll(SELECTOR)].filter(node => !node.closest(".tw-banner"));
  return [...nodes.map(nameOf), ...keysOf(root)];
}"""
)


def watch(page: Page, driven: set[str]) -> None:
    """From the next page on, put the name of every control that is used, and of every key, into `driven`."""
    page.expose_function("tellDriven", lambda name: driven.add(name))  # playwright marks what it is given
    page.add_init_script(_LISTEN)


class Seen:
    """What the tests of one file have met."""

    def __init__(self):
        self.there, self.driven, self.tests = set(), set(), 0

    def check(self, heading: str, tests: int) -> str:
        """Every control was there, driven and documented; gives their list. Skips unless so many tests have run."""
        if self.tests < tests:
            pytest.skip(f"needs the other {tests} tests of this file, which drive the controls")
        told = documented(heading)
        assert self.there == told, f"only in the page: {self.there - told}; only in the docs: {told - self.there}"
        assert self.there <= self.driven, f"driven by no test: {sorted(self.there - self.driven)}"
        return f"{heading}, {len(self.there)} controls driven: {', '.join(sorted(self.there))}"


def controls_of(root) -> set[str]:
    """Every control of a view, keys of its own included, as "key P"."""
    return set(root.evaluate(_LIST))


def documented(heading: str) -> set[str]:
    """The controls in the docs' table under a heading, families spelled out."""
    section = DOCS.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \|", section, re.M)
    return {name for cell in cells for shown in re.findall(r"`(.+?)`", cell) for name in _spelled_out(shown)}


def _spelled_out(shown: str) -> list[str]:
    for family, members in FAMILIES.items():
        if f"{{{family}}}" in shown:
            return [shown.replace(f"{{{family}}}", member) for member in members]
    return [shown]
