"""The game in a real JupyterLab: every control of it is used as a learner uses it, and what is shown must follow."""

import re

import pytest
from helpers.contrast import check_contrast, contrasts
from helpers.controls import Seen, controls_of, watch
from helpers.lab_browser import eventually, write_notebook
from playwright.sync_api import expect

from territory.viz import PLANE_SENTENCES, STAT_SENTENCES
from territory.world.layout import Plane, Stat
from territory.world.picture import AGENT_COLOUR
from territory.world.replay import Replay

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = """
import gymnasium
import territory
territory.widgets.GamePlayer(gymnasium.make("Territory-v0", height=64, width=64, num_bots=2, max_steps=90), seed=3)
"""
DIRECTIONS = ("NW", "N", "NE", "W", "E", "SW", "S", "SE")
COMPASS_KEYS = {
    **{"q": "NW", "w": "N", "e": "NE", "a": "W", "d": "E", "z": "SW", "x": "S", "c": "SE"},
    **{"ArrowUp": "N", "ArrowRight": "E", "ArrowDown": "S", "ArrowLeft": "W"},
}
PICTURES = """game => {
  const pixels = canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const grey = canvas => [...pixels(canvas)].filter((_, i) => i % 4 == 0);
  const planes = [...game.querySelectorAll("figure canvas")].map(grey);
  return planes;
}"""
PIXEL = (
    """(game, [x, y]) => [...game.querySelector(".territory-board").getContext("2d").getImageData(x, y, 1, 1).data]"""
)
TEXTS = [".territory-status", ".territory-compass button", ".tw-hint", ".tw-title", ".territory-explain"]
SHAPES = {".territory-stats b": "backgroundColor", ".territory-stats s": "backgroundColor", "i.on": "backgroundColor"}


class Game:
    """What a learner sees of the widget, and does with it."""

    def __init__(self, lab, folder):
        write_notebook(folder / "game.ipynb", SOURCE)
        lab.open("game.ipynb")
        lab.run_all()
        self.lab, self.page = lab, lab.page
        self.root = lab.output(0).locator(".territory-game")
        self.map, self.status = self.root.locator(".territory-map"), self.root.locator(".territory-status")
        self.explanation = self.root.locator(".territory-explain")
        self.wait_for_step(0)

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)

    def wait_for_step(self, number):
        self.page.wait_for_function(
            "step => parseInt(document.querySelector('.territory-standing')?.innerText.slice(5)) >= step", arg=number
        )

    def wait_for_status(self, text):
        self.status.filter(has_text=text).wait_for()

    def quiet(self):
        """Wait until no order is on its way any more, and the last answer is drawn: once a frame."""
        expect(self.root).to_have_attribute("data-kernel", "quiet")
        self.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def step(self):
        return int(re.match(r"Step (\d+)", self.root.locator(".territory-standing").inner_text())[1])

    def stat(self, name):
        return float(self.root.locator(f"[data-stat='{name}'] .value").inner_text())

    def hover(self, part, x=0.5, y=0.5):
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def assert_clean(self):
        assert self.lab.errors == []
        assert self.lab.outside == []


@pytest.fixture(scope="module")
def seen(lab_page):
    seen = Seen()
    watch(lab_page.page, seen.driven)
    return seen


@pytest.fixture
def game(lab, lab_folder, seen):
    game = Game(lab, lab_folder)
    seen.there |= controls_of(game.root)
    yield game
    seen.tests += 1


def open_direction(game):
    """A button that goes somewhere, and its name."""
    name = game.root.locator(".territory-compass button:enabled:not([data-direction='8'])").first.get_attribute(
        "aria-label"
    )
    return game.button(name), name


def test_the_game_is_played_with_the_mouse_and_everything_shown_follows(game, tmp_path):
    # the compass, and one of the ninety actions in it
    board = game.map.screenshot()
    direction, name = open_direction(game)
    direction.click(position={"x": 4, "y": 4})
    game.wait_for_status(f"You ordered: {name} 30%.")
    game.lab.wait_for_change(game.map, board)
    direction, name = open_direction(game)
    direction.locator(".territory-mask i").nth(4).click()
    game.wait_for_status(f"You ordered: {name} 75%.")
    assert game.root.get_by_label("send", exact=True).input_value() == "4"
    game.root.get_by_label("send", exact=True).select_option("0")
    direction, name = open_direction(game)
    direction.click(position={"x": 4, "y": 4})
    game.wait_for_status(f"You ordered: {name} 15%.")
    assert_pictures_agree_with_the_numbers(game)

    # the map: pointing says where to, clicking goes there; planes and statistics explain themselves
    game.hover(game.map, 0.02, 0.5)
    game.root.locator(".territory-compass .aimed").wait_for()
    assert re.match(r"Row \d+, column \d+: own \d+ · enemy \d+ · ", game.explanation.inner_text())
    game.page.mouse.down()
    game.page.mouse.up()
    game.wait_for_step(4)
    game.button("undo (U)").click()
    game.wait_for_status("The last step is undone.")
    assert game.step() == 3
    game.root.focus()
    game.page.keyboard.press("u")
    game.page.wait_for_function("() => document.querySelector('.territory-standing').innerText.startsWith('Step 2 ')")
    for plane in Plane:
        name = plane.name.lower()
        game.root.locator(f"[data-plane={name}] canvas").hover()
        said = rf"{name}: \d+ at row 3\d, column 3\d\. {re.escape(PLANE_SENTENCES[plane])}"
        expect(game.explanation).to_have_text(re.compile(said))
    for stat in Stat:
        name = stat.name.replace("_", " ").lower()
        game.root.locator(f"[data-stat='{name}']").hover()
        expect(game.explanation).to_have_text(f"{name}: {STAT_SENTENCES[stat]}")

    # time: held down, running on, paused
    game.root.get_by_label("at", exact=True).select_option("20")
    game.hover(game.button("WAIT"), 0.05, 0.1)
    game.page.mouse.down()
    game.wait_for_step(8)
    game.page.mouse.up()
    game.root.get_by_label("who plays").select_option("steady")
    game.button("run on (P)").click()
    game.wait_for_step(12)
    game.root.get_by_label("who plays").select_option("you")
    game.wait_for_step(30)
    game.button("run on (P)").click()
    game.quiet()
    stopped = game.step()
    game.page.wait_for_timeout(300)  # in which a game that runs on would have gone on
    assert game.step() == stopped

    # the game is kept
    with game.page.expect_download() as download:
        game.button("save the game").click()
    download.value.save_as(tmp_path / "game.npz")
    assert download.value.suggested_filename == "territory-seed-3.npz"
    assert len(Replay.load(tmp_path / "game.npz").actions) == stopped

    # its end, and another one
    game.button("run on (P)").click()
    game.wait_for_status("of the land, rank")
    assert game.root.locator(".territory-compass button:enabled").count() == 0
    assert re.match(r"(You won|You were wiped out|Time is up)", game.status.inner_text())
    game.root.get_by_label("map seed").fill("11")
    game.root.get_by_label("against").fill("3")
    game.root.get_by_label("of kind").select_option("mixed")
    game.button("new game").click()
    game.wait_for_status("Where will you go?")
    assert game.step() == 0
    assert game.root.locator(".territory-land span").count() == 4
    assert game.button("WAIT").is_enabled()
    game.assert_clean()


def assert_pictures_agree_with_the_numbers(game):
    shown = game.root.evaluate(PICTURES)
    own, enemy, unclaimed = shown[:3]
    land = sum(bool(a or b or c) for a, b, c in zip(own, enemy, unclaimed, strict=True))
    assert sum(map(bool, own)) / land == pytest.approx(game.stat("land share"), abs=6e-4)
    side, scale = 64, 8
    inside = next(i for i in range(side + 1, side * side) if own[i] and own[i - 1] and own[i + 1] and own[i - side])
    row, column = divmod(inside, side)
    middle = [column * scale + scale // 2, row * scale + scale // 2]

    def is_ours():
        colour = game.root.evaluate(PIXEL, middle)[:3]
        return all(0.7 * blue <= seen <= blue + 40 for seen, blue in zip(colour, AGENT_COLOUR, strict=True))

    eventually(game.page, is_ours)  # the board is unpacked beside the numbers, and comes a moment later


def press_direction(game, name):
    """A masked direction is off, an open one is played."""
    button, before = game.button(name), game.step()
    if button.is_disabled():
        button.click(force=True)
        game.lab.wait_idle()
        assert game.step() == before
        return
    button.click(position={"x": 4, "y": 4})
    game.wait_for_status(f"You ordered: {name} 15%")


def test_the_game_is_played_with_the_keyboard_and_read_in_both_themes(game):
    press = game.page.keyboard.press
    game.root.focus()
    _, name = open_direction(game)
    press("4")
    press({"N": "w", "NE": "e", "E": "d", "SE": "c", "S": "x", "SW": "z", "W": "a", "NW": "q"}[name])
    game.wait_for_status(f"You ordered: {name} 60%.")
    press("Space")
    game.wait_for_status("You ordered: wait.")
    game.root.get_by_label("at", exact=True).select_option("20")
    game.root.focus()
    game.page.keyboard.down("s")  # held
    game.wait_for_step(27)  # 26 steps bring 26,000 gold: a city
    game.page.keyboard.up("s")
    game.quiet()
    press("b")
    expect(game.button("with a city (B)")).to_have_attribute("aria-pressed", "true")
    press("Space")
    game.wait_for_status("You ordered: wait + city.")
    assert game.stat("cities") == 0.125
    assert "+0.125" in game.root.locator("[data-stat=cities] .change").inner_text()
    assert max(game.root.evaluate(PICTURES)[4]) == 255
    press("p")
    game.wait_for_step(game.step() + 3)
    press("p")
    game.quiet()
    press("Tab")  # on to the first direction that is open, which Enter plays
    before = game.step()
    press("Enter")
    game.wait_for_step(before + 1)
    for share in "23451":
        press(share)
        expect(game.root.get_by_label("send", exact=True)).to_have_value(str(int(share) - 1))
    game.button("new game").click()  # in which so few orders decide nothing
    game.wait_for_status("Where will you go?")
    game.root.focus()
    for name in DIRECTIONS:
        press_direction(game, name)
    for key, name in COMPASS_KEYS.items():
        press(key)
        game.wait_for_status(re.compile(f"(You ordered|Masked): {name} 15%"))
    for unknown in "dd":  # JupyterLab's own keys to delete the cell
        press(unknown)
    assert game.page.locator(".jp-Notebook .jp-Cell").count() == 1

    light = contrasts(game.root, TEXTS, SHAPES)
    game.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    game.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    game.page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.territory-game')).backgroundColor != before",
        arg="rgb(255, 255, 255)",
    )
    check_contrast(light, contrasts(game.root, TEXTS, SHAPES))
    game.assert_clean()


def test_every_control_was_driven_and_stands_in_the_docs(seen, capsys):
    said = seen.check("GamePlayer", tests=2)
    with capsys.disabled():
        print(f"\n{said}")
