"""What the four widgets say when their kernel is busy, restarted or dead, fails, or was never there; what they keep."""

import json
import re

import pytest
from helpers.lab_browser import shut_down_kernels, write_notebook
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """
import gymnasium, numpy as np, threading, torch
from ipywidgets import Widget
from territory import models, widgets
from territory.training import PPO, TrainConfig
from territory.world import WorldParams
from territory.world.replay import record
torch.manual_seed(0)
network = models.build("attention", norm="group")
rng = np.random.default_rng(0)
params = WorldParams(height=64, width=64, num_bots=2, max_steps=12)
replay = record(lambda obs, mask: int(rng.choice(np.flatnonzero(mask))), params, seed=3)
small = dict(height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu")
def broken(obs, mask): raise ZeroDivisionError("my own fault")
"""
EXPLORER = "explorer = widgets.AttentionExplorer(replay, network, step=4)\nexplorer"
GAME = """player = widgets.GamePlayer(gymnasium.make("Territory-v0", height=64, width=64, num_bots=2), seed=3,
    agents={"broken": broken})
player"""
MONITOR = """monitor = widgets.TrainingMonitor(PPO(TrainConfig(**small, total_timesteps=64 * 20_000)))
monitor.start()
monitor"""
BUDGET = "budget = widgets.NetworkBudget()\nbudget"
# Busy until the test says so: a time of its own would be over too early on a slow machine.
BUSY = """import pathlib, time
print("busy", flush=True)
while not pathlib.Path("go on").exists(): time.sleep(0.05)"""
# The second time it waits for no more than there were: a thread that was told to stop may still be in its last step.
COUNT = """import gc, time
def count():
    gc.collect()
    return len(Widget.get_manager_state()["state"]), threading.active_count()
once, now = globals().get("once"), count()
give_up = time.monotonic() + 100
while once and any(many > few for many, few in zip(now, once)) and time.monotonic() < give_up:
    time.sleep(0.5)
    now = count()
once = once or now
print(*now)"""
ELSEWHERE = """import ipywidgets
from IPython.display import display
inside = ipywidgets.Output()
game = widgets.GamePlayer(gymnasium.make("Territory-v0", height=64, width=64, num_bots=2))
display(ipywidgets.Tab([inside, game], selected_index=0))
with inside: display(widgets.NetworkBudget())"""
BARE = "import ipywidgets\nipywidgets.VBox([widgets.NetworkBudget()])"
KILL = "import os; os.kill(os.getpid(), 9)"
BREAK = "forward, network.forward = network.forward, lambda *planes: 1 / 0"
REPAIR = "network.forward = forward"
CELLS = (SETUP, EXPLORER, GAME, MONITOR, BUDGET, BUSY, COUNT, KILL, BREAK, REPAIR, ELSEWHERE, BARE)
WIDGETS = {"explorer": 1, "game": 2, "monitor": 3, "budget": 4}
AT = {source: number for number, source in enumerate(CELLS)}


@pytest.fixture(scope="module")
def notebook(lab_page, lab_address, tmp_path_factory):
    """The notebook, open with one kernel for all tests until one of them ends it; and its folder."""
    folder = tmp_path_factory.mktemp("trouble")
    write_notebook(folder / "trouble.ipynb", *CELLS)
    lab_page.begin(lab_address, folder.relative_to(tmp_path_factory.getbasetemp()).as_posix())
    lab_page.page.set_viewport_size({"width": 1280, "height": 1600})
    lab_page.open("trouble.ipynb")
    yield lab_page, folder
    lab_page.close()
    shut_down_kernels(lab_address)


@pytest.fixture
def book(notebook):
    """The notebook with the four widgets running in it, each as it is at first."""
    lab, _ = notebook
    lab.errors.clear()
    for number in range(5):
        lab.run_cell(number)
    for name in WIDGETS:
        view(lab, name).wait_for()
    return lab


def view(lab, name):
    return lab.output(WIDGETS[name]).locator(f".territory-{name}")


def banner(lab, name):
    return view(lab, name).locator(".tw-banner span").first


def ask_what_if(lab, value):
    explorer = view(lab, "explorer")
    explorer.get_by_label("what if (W)").check()
    explorer.get_by_label("growth", exact=True).fill(str(value))


def test_a_busy_kernel_is_waited_for_in_words_and_its_answer_clears_them(book, notebook):
    explorer, game = view(book, "explorer"), view(book, "game")
    book.run_cell(AT[BUSY], wait=False)
    expect(book.output(AT[BUSY])).to_contain_text("busy")
    ask_what_if(book, -0.5)
    game.get_by_role("button", name="WAIT", exact=True).click(position={"x": 4, "y": 4})
    for each in (explorer, game):
        expect(each).to_have_attribute("data-kernel", "slow")
        expect(each.locator(".tw-waiting")).to_contain_text("waiting for the kernel")
        expect(each.locator(".tw-old").first).to_be_visible()
    (notebook[1] / "go on").touch()
    for each in (explorer, game):
        expect(each).to_have_attribute("data-kernel", "quiet")
        expect(each.locator(".tw-waiting")).to_have_text("")
        expect(each.locator(".tw-old").first).to_be_hidden()
    expect(explorer.locator(".explorer-value")).to_contain_text("(was")
    expect(game.locator(".territory-standing")).to_contain_text("Step 1 ")
    expect(banner(book, "explorer")).to_be_hidden()
    assert book.errors == []


def test_an_exception_is_said_with_its_traceback_and_the_line_recovers(book):
    explorer, game = view(book, "explorer"), view(book, "game")
    book.run_cell(AT[BREAK])
    ask_what_if(book, -0.5)
    expect(banner(book, "explorer")).to_contain_text("ZeroDivisionError: division by zero")
    explorer.locator(".tw-banner summary").click()
    expect(explorer.locator(".tw-banner pre")).to_contain_text("Traceback")
    book.run_cell(AT[REPAIR])
    explorer.get_by_role("button", name="close this message").click()
    ask_what_if(book, 0.5)
    expect(explorer.locator(".explorer-latency")).to_contain_text("answered in")
    game.get_by_label("who plays").select_option("broken")
    game.get_by_role("button", name="run on (P)").click()
    expect(banner(book, "game")).to_contain_text("ZeroDivisionError: my own fault")
    expect(game.get_by_role("button", name="run on (P)")).to_have_attribute("aria-pressed", "false")
    game.get_by_label("who plays").select_option("you")
    game.get_by_role("button", name="WAIT", exact=True).click(position={"x": 4, "y": 4})
    expect(game.locator(".territory-standing")).to_contain_text("Step 1 ")
    assert book.errors == []


def test_keys_in_a_control_are_not_taken_for_orders_to_the_notebooks_cells(book):
    cells, active = len(book.cells()), "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    for name, control in (
        ("explorer", "layer"),
        ("game", "who plays"),
        ("monitor", "smoothing"),
        ("budget", "last grid"),
    ):
        control = view(book, name).get_by_label(control, exact=True)
        control.focus()
        at = book.page.evaluate(active)
        for key in ("a", "ArrowDown", "x", "m"):  # a cell above, the next cell, cut it, make it text
            book.page.keyboard.press(key)
        expect(control).to_be_focused()
        assert (len(book.cells()), book.page.evaluate(active)) == (cells, at), name
    assert book.errors == []


def test_a_widget_is_seen_in_an_output_widget_and_in_a_tab_that_was_hidden(book):
    book.run_cell(AT[ELSEWHERE])
    output = book.output(AT[ELSEWHERE])
    expect(output.locator(".territory-budget")).to_be_visible()
    expect(output.locator("img")).to_be_hidden()
    output.get_by_role("tab").nth(1).click()
    expect(output.locator(".territory-game")).to_be_visible()
    assert output.locator(".territory-board").bounding_box()["width"] > 300
    assert book.errors == []


def test_running_a_cell_again_and_again_keeps_one_widget_and_one_training(book, notebook):
    book.run_cell(AT[COUNT])
    before = book.printed(AT[COUNT])
    for _ in range(3):
        for number in WIDGETS.values():
            book.run_cell(number)
    book.run_cell(AT[COUNT])
    widgets, threads = map(int, book.printed(AT[COUNT]).split())
    assert widgets == int(before.split()[0])
    assert threads <= int(before.split()[1])
    assert book.errors == []

    # reopened in a kernel that knows nothing of them: pictures, and no error in their place
    for name in WIDGETS:
        expect(view(book, name)).to_be_visible()
        for picture in book.output(WIDGETS[name]).locator("img").all():
            expect(picture).to_be_hidden()
    book.save()
    book.end_kernels()
    written = json.loads((notebook[1] / "trouble.ipynb").read_text("utf-8"))
    assert all(len(written["cells"][number]["outputs"]) == 3 for number in WIDGETS.values())
    book.open("trouble.ipynb")
    for name, number in WIDGETS.items():
        output = book.output(number)
        expect(output.locator("img")).to_be_visible()
        output.locator("img").evaluate("image => image.decode()")
        assert output.locator("img").bounding_box()["width"] > 300, name
        for said in ("Error displaying widget", "Loading widget"):
            for each in output.get_by_text(said).all():
                expect(each).to_be_hidden()
    book.run_cell(AT[SETUP])
    book.run_cell(AT[BARE])  # one that leaves no picture itself hides no other's
    expect(book.output(AT[BARE]).locator(".territory-budget")).to_be_visible()
    for number in WIDGETS.values():
        expect(book.output(number).locator("img")).to_be_visible()


def assert_all_are_lost(book, said):
    for name in WIDGETS:
        expect(banner(book, name)).to_contain_text(said)
        expect(banner(book, name)).to_contain_text("Run the notebook's cells again from the top")
        expect(view(book, name)).to_have_attribute("data-kernel", "lost")
    explorer, game, monitor, budget = (view(book, name) for name in WIDGETS)
    expect(explorer.get_by_label("what if (W)")).to_be_disabled()
    expect(explorer.get_by_label("growth", exact=True)).to_be_disabled()
    expect(explorer.get_by_role("button", name="save page")).to_be_disabled()
    expect(game.locator(".territory-compass button:enabled")).to_have_count(0)
    expect(game.get_by_role("button", name="run on (P)")).to_be_disabled()
    expect(game.get_by_role("button", name="run on (P)")).to_have_attribute("aria-pressed", "false")
    expect(monitor.get_by_role("button", name="stop")).to_be_disabled()
    expect(monitor).to_have_attribute("data-state", "lost")
    expect(budget.get_by_label("conv 1 stride")).to_be_disabled()
    expect(budget.locator(".budget-goal")).not_to_contain_text("Timing it")  # nobody does any more
    # What lies in the page can still be read.
    explorer.get_by_label("step", exact=True).fill("9")
    expect(explorer.locator(".explorer-standing")).to_contain_text("Step 9 of 12")


def test_a_restarted_or_killed_kernel_is_said_and_the_cells_run_again_bring_all_back(book):
    ask_what_if(book, -0.5)
    view(book, "game").get_by_role("button", name="run on (P)").click()
    view(book, "budget").get_by_role("button", name="Time it").click()
    book.restart()
    assert_all_are_lost(book, "was restarted")
    book.wait_idle()
    for number in range(5):
        book.run_cell(number)
    for name in WIDGETS:
        expect(view(book, name)).to_have_attribute("data-kernel", re.compile("quiet|asked"))
    ask_what_if(book, -0.5)
    expect(view(book, "explorer").locator(".explorer-latency")).to_contain_text("answered in")

    book.run_cell(AT[KILL], wait=False)
    assert_all_are_lost(book, "or died and was started again")
