"""The explorer in a real JupyterLab: every control is used as a learner uses it, and pixels and numbers must follow."""

import runpy

import nbformat
import numpy as np
import pytest
import torch
from helpers.contrast import check_contrast
from helpers.controls import Seen, controls_of, watch
from helpers.explorer_page import ExplorerPage
from helpers.lab_browser import write_notebook

from territory import interpret, models, viz
from territory.world import WorldParams
from territory.world.layout import Plane, Stat
from territory.world.replay import record

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDE, LAST = 64, 24
SOURCE = """
import torch
from territory import models, widgets
from territory.world.replay import Replay

torch.manual_seed(0)
networks = models.build("tokens"), models.build("attention", norm="group")
explorer = widgets.AttentionExplorer(Replay.load("game.npz"), networks[0], step=2, other=networks[1])
explorer
"""
# At once, so that no step passes in between, however slow the machine.
PRESS_TWICE = """root => [1, 2].map(() => {
  const play = root.querySelector(".explorer-play");
  play.click();
  return play.textContent;
})"""
POOLS = """
import torch
from torch import nn


class Pools(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.queries = nn.Conv2d(5, 16, 16, 16), nn.Parameter(torch.randn(1, 3, 16))
        self.reads, self.out = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 91)

    def forward(self, maps, stats):
        cells = self.cells(maps.float() / 255).flatten(2).mT
        out = self.out(self.reads(self.queries.expand(len(maps), -1, -1), cells, cells)[0].mean(1))
        return out[:, :90], out[:, 90]


torch.manual_seed(0)
network = Pools()
"""
LIVE = """
import gymnasium
env = gymnasium.make("Territory-v0", height=64, width=64, num_bots=2, max_steps=60).unwrapped
env.reset(seed=3)
live = widgets.AttentionExplorer(env, networks[1])
live
"""

# The words of the drawings that lie over their drawing's edge, where they are cut off. At W and E they are the widest.
CUT_OFF = """root => {
  root.querySelectorAll(".explorer-compass .was").forEach(was => { was.textContent = "was 100 %"; });
  return [...root.querySelectorAll(".explorer-compass, .explorer-curve svg")].flatMap(svg => {
    const edge = svg.getBoundingClientRect();
    const over = box =>
      box.left < edge.left || box.right > edge.right || box.top < edge.top || box.bottom > edge.bottom;
    const words = [...svg.querySelectorAll("text")];
    return words.filter(each => over(each.getBoundingClientRect())).map(each => each.textContent);
  });
}"""


@pytest.fixture(scope="module")
def game():
    rng = np.random.default_rng(0)
    params = WorldParams(height=SIDE, width=SIDE, num_bots=2, max_steps=LAST)
    return record(lambda obs, mask: rng.choice(np.flatnonzero(mask)), params, seed=3)


@pytest.fixture(scope="module")
def records(game):
    torch.manual_seed(0)
    networks = models.build("tokens"), models.build("attention", norm="group")
    return [interpret.capture_replay(network, game) for network in networks], networks


@pytest.fixture(scope="module")
def seen(lab_page):
    seen = Seen()
    watch(lab_page.page, seen.driven)
    return seen


@pytest.fixture
def explorer(lab, lab_folder, game, seen):
    game.save(lab_folder / "game.npz")
    lab.page.set_viewport_size({"width": 1280, "height": 1600})  # all of it in view: the mouse goes by place
    write_notebook(lab_folder / "widget.ipynb", SOURCE, "")
    lab.open("widget.ipynb")
    lab.run_all()
    explorer = ExplorerPage(lab.page, lab.output(0).locator(".territory-explorer"))
    seen.there |= controls_of(explorer.root)
    yield explorer
    seen.tests += 1


def assert_clean(lab):
    assert lab.errors == []
    assert lab.outside == []


def expected(record, layer, step, strength=1.0, palette="inferno", ends=None, owners=False, **chosen):
    """What `viz` would draw."""
    (found,) = [each for each in interpret.layers_of(record) if each.name == layer]
    grid = interpret.overlay(found, record.attention[layer][step], **chosen)
    low, high = ends or (found.low, found.high)
    frame = record.frames[step]
    return viz.attention_picture(frame, grid, low, high, strength, scale=512 // SIDE, palette=palette, owners=owners)


def assert_alike(seen, wanted):
    """The same picture: a weight at the edge of two of the 256 colours may fall on the other side."""
    assert seen.shape == wanted.shape
    assert np.abs(seen.astype(int) - wanted).max() <= 12
    assert np.abs(seen.astype(int) - wanted).mean() < 0.5


def test_time_layers_colours_and_cells_show_what_was_captured(explorer, records, lab):
    (tokens, attention), _ = records
    assert explorer.step() == 2
    assert_alike(explorer.pixels(0), expected(tokens, "cross.map_to_stats", 2))
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 2))

    # time: slider, value curve, keys, play at each speed
    explorer.slide("step", 9)
    assert explorer.root.locator(".explorer-standing").inner_text().startswith(f"Step 9 of {LAST}")
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 9))
    assert explorer.value(1) == (pytest.approx(attention.values[9], abs=0.006),)
    assert explorer.sector("N 15%") == pytest.approx(tokens.probabilities[9, :2].sum(), abs=1e-4)
    assert explorer.sector("wait", 1) == pytest.approx(attention.probabilities[9, 80:].sum(), abs=1e-4)
    curve = explorer.root.locator(".explorer-curve").first
    curve.click(position={"x": curve.bounding_box()["width"] - 1, "y": 20})
    assert explorer.step() == LAST
    explorer.focus()
    for key, step in [
        ("Home", 0),
        ("Shift+ArrowRight", 10),
        ("ArrowLeft", 9),
        ("End", LAST),
        ("Shift+ArrowLeft", LAST - 10),
    ]:
        explorer.key(key)
        assert explorer.step() == step
    explorer.choose("at", "20")
    explorer.key("Home")
    explorer.focus()
    explorer.key("Space")
    lab.page.wait_for_function(f"() => document.querySelector('.explorer-time').value == {LAST}")
    explorer.choose("at", "1")
    assert explorer.root.evaluate(PRESS_TWICE) == ["❚❚ pause", "▶ play"]  # at the end: from the beginning
    explorer.settle()
    assert explorer.step() == 0
    explorer.slide("step", 9)

    # layers and heads
    explorer.choose("layer", "cross.stats_to_map")
    explorer.choose("head", "1")
    explorer.root.get_by_label("show where rank takes part").check()
    assert_alike(explorer.pixels(0), expected(tokens, "cross.stats_to_map", 9, head=1, stat=Stat.RANK))
    explorer.choose("layer", "spatial.3", 1)
    assert_alike(explorer.pixels(1), expected(attention, "spatial.3", 9))
    explorer.choose("layer", "cross.map_to_stats", 1)
    assert "1.000 in every state" in explorer.root.locator(".explorer-says").nth(1).inner_text()
    assert_alike(explorer.pixels(1), viz.board_picture(attention.frames[9], 512 // SIDE))
    explorer.focus()
    explorer.key("l")  # both to their next: round to the first
    assert explorer.control("layer", 1).input_value() == "spatial.1"
    explorer.key("h")
    assert explorer.control("head").input_value() == "-1"

    # overlay, palette, scale
    explorer.slide("overlay strength", 0.4)
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 9, strength=0.4))
    explorer.focus()
    explorer.key("BracketRight")
    assert explorer.control("overlay strength").input_value() == "0.45"
    explorer.key("BracketLeft")
    explorer.control("owners' colours").check()
    explorer.settle()
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 9, strength=0.4, owners=True))
    assert explorer.root.locator(".explorer-scale").nth(1).locator("i").count() == 3  # the bar over each ground
    explorer.focus()
    explorer.key("o")
    explorer.key("p")
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 9, 0.4, "viridis"))
    explorer.choose("palette", "cividis")
    explorer.choose("scale", "moment")
    gate = attention.attention["spatial.1"][9]
    wanted = expected(attention, "spatial.1", 9, 0.4, "cividis", (float(gate.min()), float(gate.max())))
    assert_alike(explorer.pixels(1), wanted)

    # pointing, choosing a tile with the mouse and with the keyboard
    owners = tokens.frames[9].owner
    row, column = np.argwhere(owners > 1)[-1]
    lab.page.mouse.move(*explorer.place(row, column, SIDE, side=1))
    explorer.settle()
    said = explorer.explanation.inner_text()
    assert said.startswith(f"Row {row}, column {column}: ") and f"spatial.1 {gate[row // 4, column // 4]:.3f}" in said
    troops = tokens.frames[9].troops[owners[row, column]]
    assert f" · {viz.player_name(owners[row, column])} · {troops:,.0f} troops at home, " in said
    lab.page.mouse.click(*explorer.place(row, column, SIDE, side=1))
    explorer.settle()
    cell = row // 16 * 4 + column // 16
    gives = tokens.attention["cross.map_to_stats"][9][:, cell, Stat.TIME].mean()
    gets = tokens.attention["cross.stats_to_map"][9][:, Stat.TIME, cell].mean()
    assert explorer.shares("time") == pytest.approx([gives, gets], abs=6e-4)
    explorer.maps.first.focus()
    for key in ("ArrowUp", "ArrowLeft", "Shift+ArrowUp", "Shift+ArrowLeft"):
        explorer.key(key)
    moved = max(0, row - 9), max(0, column - 9)
    assert explorer.explanation.inner_text().startswith("Row {}, column {}: ".format(*moved))
    explorer.key("Escape")
    assert explorer.root.locator(".explorer-tile").first.is_hidden()
    assert explorer.root.locator("[data-stat=time] .number").first.inner_text() == "–"
    lab.page.mouse.move(0, 0)
    explorer.choose("layer", "cross.stats_to_map")
    for stat in Stat:
        name = stat.name.replace("_", " ").lower()
        explorer.root.get_by_label(f"show where {name} takes part").check()
        explorer.settle()
        assert f"What “{name}” attends to" in explorer.root.locator(".explorer-says").first.inner_text()
    explorer.root.locator("[data-stat=growth]").hover()
    assert explorer.explanation.inner_text().startswith("growth: How fast")
    for _ in "dd":  # JupyterLab's own keys to delete the cell
        explorer.key("d")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == 2
    assert_clean(lab)


def test_what_if_asks_the_real_networks(explorer, records, lab, capsys):
    (tokens, attention), networks = records
    frame = tokens.frames[2]
    assert explorer.control("rank").is_disabled()
    explorer.focus()
    explorer.key("w")
    explorer.settle()
    assert explorer.root.locator(".explorer-tile").first.is_visible()  # a tile is chosen from the start

    # all sixteen sliders, and nothing on the page moves for them
    place = explorer.root.locator("[data-stat=rank]").bounding_box()
    took = []
    stats = np.linspace(-0.9, 0.9, 16).round(2)
    for stat, value in zip(Stat, stats, strict=True):
        name = stat.name.replace("_", " ").lower()
        took.append(explorer.answer_to(lambda name=name, value=value: explorer.slide(name, value)))
    check_answer(explorer, networks, interpret.imagine(frame, stats))
    assert explorer.root.locator("[data-stat=rank]").bounding_box() == place
    assert explorer.value()[1] == pytest.approx(tokens.values[2], abs=0.006)
    assert explorer.root.locator("[data-stat=rank] .was").inner_text() != ""
    explorer.button("undo all").click()
    explorer.settle()
    assert explorer.value() == (pytest.approx(tokens.values[2], abs=0.006),)

    # the brush: land, troops, a city and its end
    explorer.choose("what the pointer does", "owner")
    explorer.choose("whose land", "2")
    explorer.slide("brush size in tiles", 9)
    row, column = np.argwhere((frame.owner == 1) & (frame.terrain > 0)).mean(axis=0).astype(int)

    def click():
        lab.page.mouse.click(*explorer.place(row, column, SIDE))

    took.append(explorer.answer_to(click))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = (np.hypot(rows - row, columns - column) <= 4.3) & (np.abs(rows - row) <= 4) & (np.abs(columns - column) <= 4)
    owner = np.where(disc & (frame.terrain > 0), 2, frame.owner).astype(np.uint8)
    check_answer(explorer, networks, interpret.imagine(frame, owner=owner))
    explorer.choose("what the pointer does", "density")
    explorer.slide("troops per tile", 250)
    took.append(explorer.answer_to(click))
    density = np.where(disc, 250, interpret.density_by_player(frame)[owner]).astype(np.uint8)
    check_answer(explorer, networks, interpret.imagine(frame, owner=owner, density=density))
    explorer.choose("what the pointer does", "city")
    took.append(explorer.answer_to(click))
    city = np.zeros((SIDE, SIDE), np.uint8)
    city[row, column] = 1
    painted = interpret.imagine(frame, None, owner, city, density)
    assert painted.obs["map"][Plane.CITIES, row, column] == 128
    check_answer(explorer, networks, painted)
    explorer.choose("what the pointer does", "raze")
    took.append(explorer.answer_to(click))
    check_answer(explorer, networks, interpret.imagine(frame, owner=owner, density=density))

    # a drag asks again and again, and only the latest counts
    explorer.choose("what the pointer does", "owner")
    explorer.choose("whose land", "0")
    lab.page.mouse.move(*explorer.place(5, 5, SIDE))
    lab.page.mouse.down()
    lab.page.mouse.move(*explorer.place(50, 50, SIDE), steps=20)
    lab.page.mouse.up()
    lab.wait_idle()
    explorer.settle()
    strokes = explorer.pixels()
    explorer.maps.first.focus()
    explorer.choose("what the pointer does", "look")
    not_ours = np.argwhere((frame.owner != 1) & (frame.terrain > 0) & ~disc)[0]
    lab.page.mouse.click(*explorer.place(*not_ours, SIDE))
    explorer.choose("what the pointer does", "owner")
    explorer.choose("whose land", "1")
    explorer.maps.first.focus()
    explorer.answer_to(lambda: explorer.key("Enter"))  # paint with the keyboard
    assert (explorer.pixels() != strokes).any()
    explorer.control("what if (W)").uncheck()
    explorer.settle()
    assert_alike(explorer.pixels(1), expected(attention, "spatial.1", 2))
    with capsys.disabled():
        print(f"\nwhat-if, two networks: median {np.median(took):.0f} ms of {len(took)}, worst {max(took):.0f}")
    assert_clean(lab)


def check_answer(explorer, networks, frame, changes=None):
    """What is shown is what the networks compute; ``changes`` are made to the first."""
    for side, network in enumerate(networks):
        with interpret.intervene(network, (changes or {}) if side == 0 else {}):
            look = interpret.capture_frames(network, (frame,))
        assert explorer.value(side)[0] == pytest.approx(look.values[0], abs=0.006)
        assert explorer.sector("E 15%", side) == pytest.approx(look.probabilities[0, 20:22].sum(), abs=1e-4)
        assert explorer.sector("wait", side) == pytest.approx(look.probabilities[0, 80:].sum(), abs=1e-4)


def test_heads_are_ablated_relevance_is_asked_for_and_a_state_is_carried_elsewhere(explorer, records, lab, tmp_path):
    (tokens, _), networks = records
    frame = tokens.frames[2]

    # thumbnails: each layer and head of this moment, click to enlarge
    explorer.button("show tokens: cross.stats_to_map · head 2").click()
    explorer.settle()
    assert_alike(explorer.pixels(0), expected(tokens, "cross.stats_to_map", 2, head=1, stat=0))
    assert explorer.control("head").input_value() == "1"

    # ablation: as trained, uniform, zero
    cut = explorer.root.locator("[aria-label^='ablate tokens: cross.stats_to_map · head 2']")
    explorer.answer_to(cut.click)
    assert cut.inner_text() == "uniform" and explorer.control("what if (W)").is_checked()
    check_answer(explorer, networks, frame, {"cross.stats_to_map": interpret.uniform_head(1)})
    explorer.answer_to(cut.click)
    assert cut.inner_text() == "zero"
    check_answer(explorer, networks, frame, {"cross.stats_to_map": interpret.zero_head(1)})
    explorer.answer_to(explorer.root.locator("[aria-label^='ablate attention: spatial.1']").click)
    explorer.answer_to(lambda: explorer.slide("growth", 0.5))

    # the whole of it as text, opened again
    explorer.button("copy state").click()
    box = explorer.root.get_by_label("a state as text")
    state, imagined = box.input_value(), explorer.value()
    assert state.startswith("territory-state:")
    with lab.page.expect_download() as download:
        explorer.button("save as file").click()
    download.value.save_as(tmp_path / "state.txt")
    assert (tmp_path / "state.txt").read_text() == state
    explorer.button("undo all").click()
    explorer.control("what if (W)").uncheck()
    explorer.slide("step", 7)
    explorer.button("open state").click()
    box.fill(state)
    explorer.answer_to(explorer.button("show this state").click)
    assert (explorer.step(), explorer.value(), cut.inner_text()) == (2, imagined, "zero")
    box.fill("nothing")
    explorer.button("show this state").click()
    assert "begins with territory-state:" in explorer.explanation.inner_text()
    explorer.control("what if (W)").uncheck()

    # relevance, asked of the network
    for method in ("own land", "occlusion", "integrated gradients", "grad-cam"):
        explorer.choose("layer", method, 1)
        explorer.root.locator(".explorer-scale .low").nth(1).filter(has_text=".").wait_for()
        explorer.settle()
        grid = interpret.relevance_maps(networks[1], (frame,))[method][0]
        low, high = float(grid.min()), float(grid.max())
        wanted = viz.attention_picture(frame, grid, low, high, scale=512 // SIDE)
        assert np.abs(explorer.pixels(1).astype(int) - wanted).mean() < 2
    assert_clean(lab)


def test_the_view_is_saved_as_a_picture_and_as_a_page_that_scrubs_without_a_kernel(explorer, records, lab, tmp_path):
    (tokens, attention), _ = records
    explorer.slide("step", 5)
    with lab.page.expect_download() as download:
        explorer.button("save picture").click()
    assert download.value.suggested_filename == "explorer-step-5.png"
    download.value.save_as(tmp_path / "view.png")
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")
    with lab.page.expect_download() as download:
        explorer.button("save page").click()
    download.value.save_as(tmp_path / "view.html")
    assert_clean(lab)

    lab.page.goto((tmp_path / "view.html").as_uri())
    page = ExplorerPage(lab.page, lab.page.locator(".territory-explorer"))
    assert page.step() == 5
    page.slide("step", 11)
    assert_alike(page.pixels(1), expected(attention, "spatial.1", 11))
    page.choose("layer", "cross.stats_to_map")
    page.choose("head", "0")
    page.root.get_by_label("show where cities takes part").check()
    assert_alike(page.pixels(0), expected(tokens, "cross.stats_to_map", 11, head=0, stat=Stat.CITIES))
    lab.page.mouse.move(*page.place(20, 33, SIDE, side=1))
    assert f"spatial.1 {attention.attention['spatial.1'][11][5, 8]:.3f}" in page.explanation.inner_text()
    assert page.control("what if (W)").is_disabled()
    assert "not the networks" in page.root.locator(".explorer-why").inner_text()
    assert not page.button("save page").is_visible()
    page.choose("at", "20")
    page.button("play").click()
    lab.page.wait_for_function(f"() => document.querySelector('.explorer-time').value == {LAST}")

    assert page.button("play").get_attribute("aria-pressed") == "false"  # over with its last moment

    page.button("copy state").click()  # it stands in the address too: another one put there is shown
    copied = lab.page.url
    page.slide("step", 2)
    lab.page.evaluate("address => { location.hash = ''; location.href = address; }", copied)
    lab.page.wait_for_function(f"() => document.querySelector('.explorer-time').value == {LAST}")

    light = page.contrasts()
    lab.page.emulate_media(color_scheme="dark")
    check_contrast(light, page.contrasts())
    assert_clean(lab)


def test_a_live_game_is_followed_and_both_themes_can_be_read(explorer, lab, lab_folder, seen):
    light = explorer.contrasts()
    lab.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    lab.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    lab.page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.territory-explorer')).backgroundColor != before",
        arg="rgb(255, 255, 255)",
    )
    check_contrast(light, explorer.contrasts())

    played = (f"for _ in range({steps}): env.step(80)" for steps in (3, 4))
    write_notebook(lab_folder / "live.ipynb", SOURCE, LIVE, *played)
    lab.open("live.ipynb")
    for cell in range(3):
        run_cell(lab, cell)
    live = ExplorerPage(lab.page, lab.output(1).locator(".territory-explorer"))
    assert live.step() == 0
    seen.there |= controls_of(live.root)
    live.button("catch up").click()
    lab.page.wait_for_function("() => document.querySelectorAll('.explorer-time')[1].value == 3")
    live.control("follow").check()
    run_cell(lab, 3)
    lab.page.wait_for_function("() => document.querySelectorAll('.explorer-time')[1].value == 7")
    assert_clean(lab)


def test_what_one_of_several_learned_queries_reads_is_laid_over_the_board(lab, lab_folder, game, seen):
    game.save(lab_folder / "game.npz")
    (lab_folder / "pools.py").write_text(POOLS)
    imports = "from pools import network\nfrom territory import widgets\nfrom territory.world.replay import Replay\n"
    shown = 'widgets.AttentionExplorer(Replay.load("game.npz"), network, step=2)'
    write_notebook(lab_folder / "pools.ipynb", imports + shown, "")
    lab.open("pools.ipynb")
    lab.run_all()
    explorer = ExplorerPage(lab.page, lab.output(0).locator(".territory-explorer"))
    seen.there |= controls_of(explorer.root)
    record = interpret.capture_replay(runpy.run_path(str(lab_folder / "pools.py"))["network"], game)
    assert_alike(explorer.pixels(), expected(record, "reads", 2))
    explorer.choose("token", "1")
    assert_alike(explorer.pixels(), expected(record, "reads", 2, token=1))
    assert "What query 2 of 3 attends to." in explorer.root.inner_text()
    explorer.choose("head", "1")
    assert_alike(explorer.pixels(), expected(record, "reads", 2, token=1, head=1))
    assert_clean(lab)
    seen.tests += 1


def test_every_control_was_driven_and_stands_in_the_docs(seen, capsys):
    said = seen.check("AttentionExplorer", tests=6)
    with capsys.disabled():
        print(f"\n{said}")


def run_cell(lab, number):
    lab.cell(number).locator(".cm-content").click()
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    lab.wait_idle()


def test_the_explorer_of_notebook_05_follows_its_slider(lab, lab_folder, root):
    notebook = nbformat.read(root / "notebooks" / "05_seeing_attention.ipynb", as_version=4)
    shown = next(place for place, cell in enumerate(notebook.cells) if cell.source == "explorer")
    notebook.cells = notebook.cells[: shown + 1]  # what follows does not touch the widget
    nbformat.write(notebook, lab_folder / "05.ipynb")
    lab.open("05.ipynb")
    lab.run_all()
    explorer = ExplorerPage(lab.page, lab.output(shown).locator(".territory-explorer"))
    seen, step = explorer.pixels(), explorer.step()
    explorer.control("step").focus()
    explorer.key("ArrowRight")
    assert explorer.step() == step + 1
    assert (explorer.pixels() != seen).any()
    for width in (1280, 800):
        lab.page.set_viewport_size({"width": width, "height": 900})
        explorer.key("ArrowRight")
        assert explorer.root.evaluate(CUT_OFF) == []
    assert_clean(lab)
