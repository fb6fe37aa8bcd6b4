"""The four widgets in Notebook 7 and in Voila, in Chromium and in Firefox: each is there and answers one question."""

import re

import pytest
from helpers.firefox import find_firefox, firefox_page
from helpers.lab_browser import Lab, shut_down_kernels, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = """
import gymnasium, torch
from IPython.display import display
from territory import models, widgets
from territory.training import PPO, TrainConfig
from territory.world import WorldParams
from territory.world.replay import record
torch.manual_seed(0)
network = models.build("attention", norm="group")
replay = record(lambda obs, mask: int(mask.argmax()), WorldParams(height=64, width=64, num_bots=2, max_steps=6), seed=3)
env = gymnasium.make("Territory-v0", height=64, width=64, num_bots=2)
small = dict(height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu")
display(widgets.AttentionExplorer(replay, network, step=4), widgets.GamePlayer(env, seed=3),
    widgets.TrainingMonitor(PPO(TrainConfig(**small, total_timesteps=64 * 20_000))), widgets.NetworkBudget())
"""
RUN = """async () => {
  const waiting = async () => { while (!window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel) {
    await new Promise(done => setTimeout(done, 100)); } };
  await waiting();
  await window.jupyterapp.shell.currentWidget.sessionContext.ready;
  return await window.jupyterapp.commands.execute("notebook:run-all-cells");
}"""
# What a reader does first in each, and what is then written there.
USE = """async () => {
  const root = name => document.querySelector(`.territory-${name}`);
  const read = (name, part) => root(name)?.querySelector(part)?.textContent || "";
  const until = async (what, ready) => {
    for (const start = Date.now(); !ready(); await new Promise(done => setTimeout(done, 100))) {
      if (Date.now() - start > PATIENCE) throw Error(`waited for ${what}; ${document.body.innerText.slice(0, 2000)}`);
    }
  };
  const named = (name, label) => root(name).querySelector(`[aria-label='${label}']`);
  const buttons = name => [...root(name).querySelectorAll("button")];
  const press = (name, text) => buttons(name).find(each => each.textContent.includes(text)).click();
  const set = (control, value, event) => { control.value = value; control.dispatchEvent(new Event(event)); };
  const names = ["explorer", "game", "monitor", "budget"];
  for (const name of names) await until(name, () => root(name)?.getBoundingClientRect().height > 200);

  root("explorer").querySelector(".explorer-whatif input").click();
  set(named("explorer", "growth"), "-0.5", "input");
  await until("what-if", () => read("explorer", ".explorer-latency").startsWith("answered in"));
  named("game", "WAIT").click();
  await until("a step", () => read("game", ".territory-standing").startsWith("Step 1 "));
  press("monitor", "start");
  await until("an update", () => root("monitor").querySelector("[role=progressbar]").ariaValueNow > 0);
  press("monitor", "stop");
  await until("the end", () => root("monitor").dataset.state === "stopped");
  set(named("budget", "conv 1 channels"), "16", "change");
  await until("parameters", () => root("budget").textContent.includes("6,741,867"));
  await until("the last answer", () => names.every(name => root(name).dataset.kernel === "quiet"));
  return Object.fromEntries(names.map(name => [name, read(name, ".tw-banner span")]));
}""".replace("PATIENCE", "120_000")
NO_TROUBLE = dict.fromkeys(("explorer", "game", "monitor", "budget"), "")  # what their banners say
# What the places themselves complain of or fetch, without any widget in the notebook: their own settings, commands that
# are asked for before they are there, Lab's plugins that Voila can't load, and its icons and formulas from a network.
OWN_ERRORS = re.compile(
    r"voila_heartbeat|shared module|\bschema\b|Command '\S+' not registered|Failed to load resource: net::ERR_FAILED"
)
OWN_FILES = re.compile("/fontawesome-free@|/mathjax/")
PLACES = {"lab": "lab/tree", "notebook": "notebooks", "voila": "voila/render"}


@pytest.fixture
def address(lab_address, tmp_path, tmp_path_factory):
    """Of the notebook with the four widgets; a function of the place."""
    write_notebook(tmp_path / "all.ipynb", SOURCE)
    folder = tmp_path.relative_to(tmp_path_factory.getbasetemp()).as_posix()
    yield lambda place: lab_address.replace("lab/tree", PLACES[place]).format(f"{folder}/all.ipynb")
    shut_down_kernels(lab_address)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    if find_firefox() is None:
        pytest.skip("no Firefox found")
    with firefox_page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize("place", ["notebook", "voila"])
def test_they_answer_in_chromium(place, page, address):
    tab = Lab(page)
    page.goto(address(place))
    assert use(page, place) == NO_TROUBLE
    assert_no_more_than_its_own(tab)


@pytest.mark.parametrize("place", ["lab", "notebook", "voila"])
def test_they_answer_in_firefox(place, address, firefox):
    firefox.fresh()
    firefox.goto(address(place))
    assert use(firefox, place) == NO_TROUBLE
    assert_no_more_than_its_own(firefox)


def assert_no_more_than_its_own(tab):
    assert [error for error in tab.errors if not OWN_ERRORS.search(error)] == []
    assert [address for address in tab.outside if not OWN_FILES.search(address)] == []


def use(page, place):
    """Voila has run the cells before it shows them; the others are told to."""
    if place != "voila":
        page.evaluate(RUN)
    return page.evaluate(USE)
