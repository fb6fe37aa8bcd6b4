"""Pictures of the four widgets as they look in a browser: ``python tools/pictures.py docs/pictures``.

Each widget is drawn by its own JavaScript in a headless Chromium and answered by Python, without a notebook between:
`WidgetPage` is what a test or a command needs to use a widget in a page. On one machine the pictures are the same at
every run: how long something took is left out of them.
"""

import argparse
import base64
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH = 1100
HELD_OUT_SEED = 1_000_007  # a map that training never drew

_MODEL = """
const state = {}, changed = new Set(), listeners = [];
const fromText = value => value && value.bytes !== undefined
  ? new DataView(Uint8Array.from(atob(value.bytes), letter => letter.charCodeAt(0)).buffer) : value;
const toText = buffer => btoa(Array.from(new Uint8Array(buffer), byte => String.fromCharCode(byte)).join(""));
const tell = (event, ...what) => {
  for (const [events, listener] of [...listeners]) if (events.split(" ").includes(event)) listener(...what);
};
const model = {
  get: name => state[name],
  set: (name, value) => { state[name] = value; changed.add(name); tell(`change:${name}`); },
  save_changes: () => {
    window.toPython({set: Object.fromEntries([...changed].map(name => [name, state[name]]))}, []);
    changed.clear();
  },
  send: (message, _callbacks, buffers = []) => window.toPython(message, buffers.map(toText)),
  on: (events, listener) => listeners.push([events, listener]),
  off: (events, listener) => listeners.splice(listeners.findIndex(each => each[1] === listener), 1),
};
window.fromPython = (traits, messages) => {
  const names = Object.keys(traits);
  for (const name of names) state[name] = fromText(traits[name]);
  for (const name of names) tell(`change:${name}`);
  for (const [content, buffers] of messages) tell("msg:custom", content, buffers.map(each => fromText({bytes: each})));
};
const first = JSON.parse(document.getElementById("state").textContent);
for (const [name, value] of Object.entries(first)) state[name] = fromText(value);
render({model, el: document.getElementById("widget")});
"""


# Nothing is on its way to Python, and no picture that is seen has the size that an empty canvas has.
_DRAWN = """() => document.querySelector(".tw").dataset.kernel === "quiet" &&
  ![...document.querySelectorAll("canvas")].filter(each => each.checkVisibility())
    .some(each => each.width === 300 && each.height === 150)"""


class WidgetPage:
    """A widget in a page of a browser, its questions answered by Python in this process."""

    def __init__(self, page: Page, widget: Any):
        self.page, self.widget, self.messages = page, widget, []
        widget.send = lambda content, buffers=None: self.messages.append((content, buffers or []))
        self.known = self._state()
        page.expose_function("toPython", self._hear)
        page.set_content(self._html(), wait_until="load")
        self.root = page.locator(".tw")
        self.root.wait_for()

    def settle(self) -> None:
        """Wait until nothing is asked any more and all is drawn, what Python has changed meanwhile too."""
        for _ in range(2):
            self.page.wait_for_function(_DRAWN)
            self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            self.update()

    def update(self) -> None:
        """Send the page what has changed in Python."""
        now = self._state()
        traits = {name: value for name, value in now.items() if value != self.known[name]}
        messages = [[content, [_text(each) for each in buffers]] for content, buffers in self.messages]
        self.known = now
        self.messages.clear()
        if traits or messages:
            self.page.evaluate("([traits, messages]) => window.fromPython(traits, messages)", [traits, messages])

    def control(self, label: str) -> Locator:
        """A control by its exact name."""
        return self.root.get_by_label(label, exact=True)

    def _hear(self, message: dict[str, Any], buffers: list[str]) -> None:
        for name, value in message.get("set", {}).items():
            self.widget.set_trait(name, value)
            self.known[name] = value  # the page knows what it set
        if "ask" in message:
            self.widget._handle_custom_msg(message, [memoryview(base64.b64decode(each)) for each in buffers])
        self._soon()

    def _soon(self) -> None:
        """Answer outside the call that asked: a page cannot be spoken to while it waits for its own question."""
        now, known = self._state(), self.known
        traits = {name: value for name, value in now.items() if value != known[name]}
        messages = [[content, [_text(each) for each in buffers]] for content, buffers in self.messages]
        self.known = now
        self.messages.clear()
        text = json.dumps([traits, messages])
        self.page.evaluate(f"setTimeout(() => window.fromPython(...{text}))") if traits or messages else None

    def _state(self) -> dict[str, Any]:
        state = self.widget.get_state()
        return {
            name: {"bytes": _text(value)} if isinstance(value, bytes | memoryview) else value
            for name, value in state.items()
            if not name.startswith("_") and name not in ("layout", "tabbable", "tooltip", "comm")
        }

    def _html(self) -> str:
        text = json.dumps(self.known).replace("<", "\\u003c")
        return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>a widget</title>
<meta name="color-scheme" content="light dark"><style>{self.widget._css} body {{ margin: 8px; }}</style></head>
<body><main><h1 class="tw-spoken">a widget</h1><div id="widget"></div></main>
<script type="application/json" id="state">{text}</script>
<script type="module">{self.widget._esm}{_MODEL}</script></body></html>"""


def _text(data: Any) -> str:
    return base64.b64encode(bytes(data)).decode("ascii")


@contextmanager
def browser_pages(**options: Any) -> Iterator[Any]:
    """A function that opens a fresh page, with a viewport and a colour scheme."""
    names = (os.environ.get("TERRITORY_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("no Chromium or Chrome found: install one, or name it in TERRITORY_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)

        def new_page(**more: Any) -> Page:
            page = browser.new_page(**options | more)
            page.set_default_timeout(120_000)  # milliseconds: a loaded machine is slow, not broken
            return page

        yield new_page
        browser.close()


def explorer_in_use() -> Any:
    """The explorer over a held-out game of `tokens`."""
    import territory
    from territory.widgets import AttentionExplorer
    from territory.world import WorldParams
    from territory.world.replay import record

    agent = territory.load_agent("tokens")
    return AttentionExplorer(record(agent.act, WorldParams(num_bots=5, max_steps=120), HELD_OUT_SEED), agent, step=40)


def game_in_use() -> Any:
    """A game that `steady` has played for a while."""
    import gymnasium

    from territory.widgets import GamePlayer

    player = GamePlayer(gymnasium.make("Territory-v0", num_bots=5), seed=7)
    player.player = "steady"
    for _ in range(30):
        player.go()
    return player


def monitor_in_use() -> Any:
    """A small run of some updates, and a game of its agent: played afterwards, for meanwhile no two are the same."""
    from territory.training import PPO, TrainConfig
    from territory.widgets import TrainingMonitor

    small = dict(height=64, width=64, num_bots=3, max_steps=60, num_envs=8, num_steps=16, minibatch_size=64)
    config = TrainConfig(**small, device="cpu", total_timesteps=50_048)
    monitor = TrainingMonitor(PPO(config), until=lambda update: update.update >= 30)
    monitor.watching = False
    monitor.start()
    monitor.live.wait()
    for _ in range(40):
        monitor.watched.step(monitor.live.agent)
    monitor._show_game()
    monitor.watching, monitor.status = True, monitor.status | {"line": monitor.status["line"].rsplit(" · ", 2)[0]}
    return monitor


def budget_in_use() -> Any:
    """A design on its way under the budget."""
    from territory.widgets import NetworkBudget

    budget = NetworkBudget()
    budget.channels, budget.strides = [16, 32, 64], [8, 2, 1]
    return budget


def try_what_if(view: WidgetPage) -> None:
    """A moved statistic and an ablated head, as a reader leaves them."""
    view.control("what if (W)").check()
    view.root.get_by_role("button", name="undo all").click()  # what the page before ablated
    view.control("growth").fill("-0.5")
    view.settle()
    view.root.get_by_label("ablate cross.stats_to_map · head 1", exact=False).click()
    view.settle()
    view.root.locator(".explorer-latency").evaluate("note => note.textContent = note.textContent.split(' · ')[1]")


WIDGETS = {
    "explorer": (explorer_in_use, try_what_if),
    "game": (game_in_use, lambda view: None),
    "monitor": (monitor_in_use, lambda view: view.control("smoothing").fill("0.6")),
    "budget": (budget_in_use, lambda view: None),
}


def main(arguments: list[str] | None = None) -> int:
    """Write a PNG of each widget, in the light and in the dark theme."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the .png files go")
    parser.add_argument("--width", type=int, nargs="+", default=[WIDTH], help="of the page, in pixels")
    parser.add_argument("--only", nargs="+", choices=WIDGETS, default=list(WIDGETS))
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with browser_pages() as new_page:
        for name in options.only:
            make, use = WIDGETS[name]
            widget = make()
            for width in options.width:
                for scheme in ("light", "dark"):
                    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    view = WidgetPage(page, widget)
                    use(view)
                    page.evaluate("document.activeElement.blur()")  # no ring around what was used last
                    view.settle()
                    suffix = "" if options.width == [WIDTH] else f"-{width}"
                    shot = Image.open(io.BytesIO(view.root.screenshot())).convert("RGB")
                    shot.save(options.folder / f"{name}-{scheme}{suffix}.png", optimize=True)
                    page.close()
            widget.close()
    print(f"pictures of {', '.join(options.only)} in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
