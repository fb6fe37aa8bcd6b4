"""The training monitor in a real JupyterLab, used as a learner uses it: start, read, pause, go on, stop."""

import json
import subprocess
import sys

import pytest
from helpers.lab_browser import eventually, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETTINGS = (
    'dict(height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu")'
)
UPDATES = 20_000  # more than any machine gets through before it is stopped
SOURCE = f"""
from territory.training import PPO, TrainConfig
from territory.widgets import TrainingMonitor
monitor = TrainingMonitor(PPO(TrainConfig(**{SETTINGS}, total_timesteps={UPDATES} * 64)))
monitor
"""
TELL = """
import json
records = [[r.win_rate, r.entropy, r.value_loss] for r in monitor.records]
print(json.dumps([monitor.state, monitor.live.ppo.step, records]))
"""
ALONE = f"""
import json, sys
from itertools import islice
from territory.training import PPO, TrainConfig
updates = PPO(TrainConfig(**{SETTINGS}, total_timesteps={UPDATES} * 64)).updates()
print(json.dumps([[r.win_rate, r.entropy, r.value_loss] for r in islice(updates, int(sys.argv[1]))]))
"""
WAIT = "await monitor.wait()"
CURVES = """monitor => Object.fromEntries([...monitor.querySelectorAll("polyline")].map(line => {
  const [box, ticks] = [line.ownerSVGElement, [...line.ownerSVGElement.querySelectorAll("line.grid")]];
  const texts = [...box.querySelectorAll("text")].slice(0, ticks.length);
  const written = text => parseFloat(text.textContent.replace("−", "-"));
  const marks = texts.map((text, i) => [Number(ticks[i].getAttribute("y1")), written(text)]);
  const points = line.getAttribute("points").split(" ").filter(Boolean).map(pair => pair.split(",").map(Number));
  return [line.dataset.field, {marks, points}];
}))"""
CUT_OFF = """monitor => [...monitor.querySelectorAll(".monitor-panel > svg text")].filter(text => {
  const [own, box] = [text, text.ownerSVGElement].map(node => node.getBoundingClientRect());
  return own.left < box.left - 0.5 || own.right > box.right + 0.5;
}).map(text => text.textContent)"""
CONTRAST = """monitor => {
  const pen = document.createElement("canvas").getContext("2d");
  const rgb = colour => { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); return pen.getImageData(0, 0, 1, 1).data; };
  const light = colour => [...rgb(colour)].slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = light(getComputedStyle(monitor).backgroundColor);
  const ratio = colour => (Math.max(light(colour), paper) + 0.05) / (Math.min(light(colour), paper) + 0.05);
  const style = selector => getComputedStyle(monitor.querySelector(selector));
  const text = [".monitor-line", "button", ".monitor-scene"].map(part => ratio(style(part).color));
  const labels = [ratio(style(".monitor-panel text").fill)];
  const curves = [0, 1, 2].map(n => ratio(style(`polyline[stroke="var(--c${n})"]`).stroke));
  return {text: [...text, ...labels], curves, paper};
}"""


class Monitor:
    """What a learner sees of the widget, and does with it."""

    def __init__(self, lab, folder, source=SOURCE):
        write_notebook(folder / "monitor.ipynb", source, TELL, WAIT)
        lab.open("monitor.ipynb")
        self.lab, self.page = lab, lab.page
        self.run_cell(0)
        self.root = lab.output(0).locator(".territory-monitor")
        self.in_state("ready")

    def run_cell(self, number, until_done=True):
        self.page.evaluate(
            "([n, untilDone]) => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " notebook.deselectAll(); notebook.activeCellIndex = n;"
            " const done = window.jupyterapp.commands.execute('notebook:run-cell'); return untilDone ? done : null; }",
            [number, until_done],
        )

    def in_state(self, *states):
        self.page.wait_for_function(
            "states => states.includes(document.querySelector('.territory-monitor')?.dataset.state)", arg=states
        )

    def ask_kernel(self):
        """State, step and records as the kernel has them."""
        self.run_cell(1)
        self.lab.wait_idle()
        return json.loads(self.lab.printed(1))

    def step(self):
        return int(self.root.get_by_role("progressbar").get_attribute("aria-valuenow"))

    def wait_for_step(self, step):
        self.page.wait_for_function(
            "step => document.querySelector('.monitor-progress').ariaValueNow >= step", arg=step
        )

    def board(self):
        """The pixels of the game."""
        return self.root.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    def wait_for_another(self, board):
        self.page.wait_for_function(
            "before => document.querySelector('.territory-monitor canvas').toDataURL() != before", arg=board
        )

    def rests(self):
        """Whether the game stands still for a while: it may still have been in its last step."""
        before = self.board()
        self.page.wait_for_timeout(700)
        return self.board() == before

    def button(self, name):
        return self.root.get_by_role("button", name=name)

    def legend(self, name):
        return self.root.locator(f".monitor-legend [data-field={name}] output").inner_text()


@pytest.fixture
def monitor(lab, lab_folder):
    return Monitor(lab, lab_folder)


def curve(shown, name):
    """The values of a drawn curve, read against the numbers written at its grid."""
    (y0, v0), *_, (y1, v1) = shown[name]["marks"]
    return [v0 + (y - y0) * (v1 - v0) / (y1 - y0) for _, y in shown[name]["points"]]


def test_training_is_watched_paused_taken_up_again_and_stopped(monitor, tmp_path):
    # it moves, and its agent plays
    monitor.root.get_by_label("game speed").select_option("20")
    board = monitor.board()
    monitor.button("start").click()
    monitor.wait_for_step(3 * 64)
    monitor.wait_for_another(board)

    # the kernel answers meanwhile, and knows what the page shows
    state, step, _ = monitor.ask_kernel()
    assert state == "running" and step >= 3 * 64

    # paused is paused
    monitor.button("pause").click()
    monitor.in_state("paused")
    _, step, records = monitor.ask_kernel()
    paused = len(records)
    assert monitor.step() == step == 64 * paused
    line = monitor.root.locator(".monitor-line").inner_text()
    eventually(monitor.page, monitor.rests)
    assert monitor.ask_kernel()[1] == step and monitor.step() == step
    assert line.startswith(f"paused · {step:,} of {UPDATES * 64:,} steps · ")

    # what is drawn and written is what was recorded
    monitor.root.get_by_label("another curve").first.select_option("value_loss")
    shown = monitor.root.evaluate(CURVES)
    for place, (name, scale) in enumerate((("win_rate", 100), ("entropy", 1), ("value_loss", 1))):
        values = [scale * record[place] for record in records if record[place] == record[place]]  # NaN is not drawn
        exact = 1e-3 * max(1, *map(abs, values))  # places are hundredths of a pixel, and the greatest sets the scale
        assert curve(shown, name) == pytest.approx(values, rel=1e-3, abs=exact)
    assert monitor.legend("entropy") == f"{records[-1][1]:.2f}"
    assert monitor.root.locator("polyline.raw").count() == 0
    monitor.root.get_by_label("smoothing").fill("0.8")
    assert monitor.root.locator("polyline.raw").count() > 0  # what was measured stays, faint
    monitor.root.get_by_label("smoothing").fill("0")
    box = monitor.root.get_by_role("img", name="entropy").bounding_box()
    monitor.page.mouse.move(box["x"] + 50, box["y"] + box["height"] / 2)
    assert monitor.root.locator(".monitor-explain").inner_text() == f"Update 1 of {len(records)}, after 64 steps."
    assert monitor.legend("entropy") == f"{records[0][1]:.2f}"

    # it goes on, while a cell waits for it; then it ends, and the numbers are those of a run that nobody touched
    monitor.button("go on").click()
    monitor.in_state("running")
    monitor.run_cell(2, until_done=False)
    monitor.wait_for_step(step + 3 * 64)
    monitor.button("stop").click()
    monitor.lab.output(2).get_by_text("'stopped'").wait_for()
    monitor.in_state("stopped")
    state, step, records = monitor.ask_kernel()
    assert state == "stopped" and monitor.step() == step
    assert monitor.button("stop").is_disabled() and monitor.button("go on").is_enabled()
    # In a process of its own, as the kernel is: in this one Numba may have changed torch's threads, and so the sums.
    alone = subprocess.run([sys.executable, "-c", ALONE, str(paused + 3)], capture_output=True, text=True, check=True)
    assert json.loads(alone.stdout) == json.loads(json.dumps(records[: paused + 3]))
    assert monitor.lab.errors == []
    assert monitor.lab.outside == []


def test_no_number_beside_a_curve_is_cut_off(lab, lab_folder):
    """Steps are counted as far as the data go, not to the end of the run."""
    monitor = Monitor(lab, lab_folder, SOURCE.replace(f"{UPDATES} * 64", "100_224"))
    monitor.button("start").click()
    monitor.wait_for_step(64)
    written = monitor.root.locator(".monitor-panel > svg text").all_text_contents()
    assert "100k" not in written and "0" in written
    assert monitor.root.evaluate(CUT_OFF) == []


def test_the_keyboard_is_enough_and_both_themes_can_be_read(monitor):
    press = monitor.page.keyboard.press
    monitor.root.focus()
    press("p")
    monitor.wait_for_step(4 * 64)
    press("p")
    monitor.in_state("paused")
    monitor.lab.wait_idle()
    updates = monitor.step() // 64
    explanation = monitor.root.locator(".monitor-explain")
    press("Home")
    assert explanation.inner_text() == f"Update 1 of {updates}, after 64 steps."
    press("ArrowRight")
    assert explanation.inner_text() == f"Update 2 of {updates}, after 128 steps."
    press("End")
    press("ArrowLeft")
    assert explanation.inner_text().startswith(f"Update {updates - 1} of ")
    press("Escape")
    assert explanation.inner_text().startswith("P pauses and goes on")
    press("Tab")
    press("Enter")  # on the first button: go on
    monitor.wait_for_step((updates + 1) * 64)
    play_on = monitor.root.get_by_label("play on")
    play_on.focus()
    press("Space")
    monitor.page.wait_for_function("() => !document.querySelector('.territory-monitor input').checked")
    monitor.root.focus()
    press("s")
    monitor.in_state("stopped")
    for unknown in "dd":  # JupyterLab's own keys to delete the cell
        press(unknown)
    assert monitor.page.locator(".jp-Notebook .jp-Cell").count() == 3

    light = monitor.root.evaluate(CONTRAST)
    monitor.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    monitor.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    monitor.page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.territory-monitor')).backgroundColor != 'rgb(255, 255, 255)'"
    )
    dark = monitor.root.evaluate(CONTRAST)
    assert light["paper"] > 0.9 and dark["paper"] < 0.1
    for theme in (light, dark):
        assert min(theme["text"]) >= 4.5  # WCAG 2.2, 1.4.3
        assert min(theme["curves"]) >= 3  # 1.4.11
    assert monitor.lab.errors == []
    assert monitor.lab.outside == []
