"""The monitor without a browser: what it sends is what the records say, and what it is asked for happens."""

import asyncio
import base64
import dataclasses
import threading
import time
from io import BytesIO

import nbformat
import numpy as np
import pytest
import torch
from ipywidgets import Widget
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from territory import viz
from territory.errors import BadInput
from territory.training import PPO, TrainConfig, Update
from territory.training.run import start as start_run
from territory.widgets import TrainingMonitor
from territory.widgets.monitor import FIELDS

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=64 * 5,
)  # fmt: skip


class Goal:
    """Ends a training where a test says so, which may be later than the monitor is made."""

    def __init__(self):
        self.reached = lambda update: False

    def __call__(self, update):
        return self.reached(update)


@pytest.fixture
def goal():
    return Goal()


@pytest.fixture
def monitor(goal):
    made = TrainingMonitor(PPO(SMALL), until=goal)
    yield made
    made.stop()
    made.live.wait()


def ask(monitor, what, value=None):
    """What the browser sends."""
    monitor._handle_custom_msg({"ask": what, "set": {} if value is None else {what: value}}, [])


def wait(monitor) -> str:
    return asyncio.run(monitor.wait())


def history(monitor) -> dict[str, np.ndarray]:
    return dict(zip(FIELDS, np.frombuffer(monitor.history).reshape(len(FIELDS), -1), strict=True))


def test_the_history_that_is_sent_is_that_of_the_records_to_the_last_bit(monitor):
    assert all(len(column) == 0 for column in history(monitor).values())
    monitor.start()
    assert wait(monitor) == "finished"
    for name, column in history(monitor).items():
        np.testing.assert_array_equal(column, [getattr(record, name) for record in monitor.records])
    assert len(monitor.records) == monitor.status["updates"] == 5


def test_every_curve_there_is_has_its_sentence_and_is_a_field_of_the_records():
    fields = [field.name for field in dataclasses.fields(Update)]
    counters = {"update", "updates", "step", "total_steps", "episodes", "seconds"}
    assert sorted(viz.UPDATE_SENTENCES) == sorted(set(fields) - counters)
    assert {name for names in viz.TRAINING_PANELS.values() for name in names} <= set(FIELDS)


def test_the_buttons_start_pause_and_stop(monitor, goal):
    assert monitor.status["state"] == "ready" and monitor.status["resting"]
    goal.reached = lambda update: update.update == 2 and ask(monitor, "pause")
    ask(monitor, "start")
    assert wait(monitor) == "paused"
    assert (monitor.status["state"], monitor.status["step"], monitor.status["updates"]) == ("paused", 128, 2)
    goal.reached = lambda update: ask(monitor, "stop")
    ask(monitor, "start")
    assert wait(monitor) == "stopped"
    assert monitor.status["step"] == 192
    assert monitor.status["line"].startswith("stopped · 192 of 320 steps · ")


def test_rate_and_time_left_are_those_of_the_live_training(monitor, goal):
    goal.reached = lambda update: update.update == 3
    monitor.start()
    wait(monitor)
    assert monitor.status["rate"] == monitor.live.steps_per_second
    assert monitor.status["left"] == monitor.live.seconds_left
    assert monitor.status["line"].endswith("left at this rate")


def test_the_game_goes_on_only_while_training_does_and_while_it_is_watched(monitor, goal):
    ask(monitor, "speed", 20)
    ask(monitor, "watching", False)
    goal.reached = lambda update: update.update == 3
    monitor.start()
    wait(monitor)
    assert monitor.watched.steps == 0 and not monitor.watched.results
    ask(monitor, "watching", True)
    board, goal.reached = monitor.board, lambda update: monitor.watched.steps > 0 or monitor.watched.results
    monitor.start()
    wait(monitor)
    assert monitor.board != board
    assert monitor.game["number"] == len(monitor.watched.results) + 1
    assert monitor.board == viz.pack_board(monitor.watched.world) and monitor.game["size"] == (32, 32)


def test_a_failure_is_said():
    monitor = TrainingMonitor(PPO(SMALL))
    with torch.no_grad():
        next(monitor.live.ppo.model.parameters()).fill_(torch.nan)
    monitor.start()
    with pytest.raises(BadInput, match="diverged"):
        wait(monitor)
    assert monitor.status["line"].startswith("failed after 0 steps: ")


def test_a_still_figure_draws_the_records_as_they_are(monitor):
    monitor.start()
    wait(monitor)
    figure = viz.training_figure(monitor.records, np.zeros((8, 8, 3), np.uint8), "title")
    axes = [axes for part in figure.subfigs for axes in part.axes]
    lines = {line.get_label(): line.get_ydata() for ax in axes for line in ax.lines}
    for names in viz.TRAINING_PANELS.values():
        for name in names:
            np.testing.assert_array_equal(lines[name.replace("_", " ")], [getattr(r, name) for r in monitor.records])


SOURCE = """
from territory.training import PPO, TrainConfig
from territory.widgets import TrainingMonitor
monitor = TrainingMonitor(PPO(TrainConfig(height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16,
    minibatch_size=32, device="cpu", total_timesteps=64 * 5)))
monitor.start()
monitor
"""


@pytest.mark.slow
def test_an_exported_page_shows_the_training_as_it_was_in_the_end():
    cells = [
        SOURCE,
        "print(await monitor.wait())",
        "import base64; print(base64.b64encode(monitor.static_png()).decode())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    assert notebook.cells[1].outputs[0]["text"] == "finished\n"
    final = notebook.cells[2].outputs[0]["text"].strip()
    style, shown, widget = notebook.cells[0].outputs
    assert "<style" in style["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in widget["data"]
    assert shown["data"]["image/png"].strip() == final
    assert Image.open(BytesIO(base64.b64decode(final))).size == (1050, 480)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert final[:200] in page.replace("\n", "")


def test_a_new_monitor_of_the_same_name_stops_the_one_before_it_and_another_name_does_not(monitor):
    monitor.start()
    other = TrainingMonitor(PPO(SMALL), name="beside it")
    assert monitor.state == "running"
    TrainingMonitor(PPO(SMALL))
    assert monitor.live.wait() in ("stopped", "finished")
    assert other.state == "ready"


def test_closing_stops_the_training_and_frees_threads_and_comms():
    threads, widgets = threading.active_count(), len(Widget.get_manager_state()["state"])
    monitor = TrainingMonitor(PPO(SMALL))
    monitor.start()
    monitor.close()
    assert monitor.live.wait() in ("stopped", "finished")
    deadline = time.monotonic() + 20
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= threads
    assert len(Widget.get_manager_state()["state"]) == widgets


def test_runs_are_laid_beside_this_one_from_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = start_run(dataclasses.replace(SMALL, name="first"))
    run.train()
    monitor = TrainingMonitor(PPO(SMALL), compare=[run.folder])
    assert monitor.others == {"names": ["first"], "lengths": [5]}
    columns = np.frombuffer(monitor.compared).reshape(len(FIELDS), 5)
    assert columns[0].tolist() == [record.step for record in run.log()]

    shown = TrainingMonitor(compare=["first"])
    assert shown.state == "finished" and not shown.status["live"] and shown.history == b""
    assert shown.status["line"] == "1 run read from its folder, up to 320 steps" and len(shown.records) == 5
    assert shown.static_png().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="nothing to train"):
        shown.start()


def test_folders_that_hold_no_run_nothing_yet_or_a_damaged_log_are_told_of(tmp_path):
    run = start_run(dataclasses.replace(SMALL, name="first", runs_dir=str(tmp_path)))
    run.train()
    begun, other, damaged = (tmp_path / name for name in ("begun", "other", "damaged"))
    for folder in (begun, other, damaged, tmp_path / "again" / "first"):
        folder.mkdir(parents=True)
    for folder in (begun, tmp_path / "again" / "first"):
        (folder / "log.jsonl").touch()
    shown = TrainingMonitor(compare=[begun, run.folder])
    assert shown.status["line"].endswith("up to 320 steps · no update logged yet: begun")
    assert TrainingMonitor(compare=str(run.folder)).others["names"] == ["first"]
    two = TrainingMonitor(compare=[run.folder, tmp_path / "again" / "first"])  # of one name, and both are there
    assert two.others["lengths"] == [5, 0] and len({*two.others["names"]}) == 2
    with pytest.raises(BadInput, match=r"other holds neither log\.jsonl nor config\.json"):
        TrainingMonitor(compare=[other])
    lines = (run.folder / "log.jsonl").read_text()
    (damaged / "log.jsonl").write_text(lines[:-40])  # by a kill, in the middle of its last line
    cut = TrainingMonitor(compare=[damaged])
    assert len(cut.records) == 4 and cut.status["line"].endswith("256 steps · the log's last line is cut off: damaged")
    for log in (lines[:-40] + "\n", "[1]\n", lines.replace('"step": 64', '"step": "x"')):
        (damaged / "log.jsonl").write_text(log)
        with pytest.raises(BadInput, match=r"line \d of .*damaged.log.jsonl is damaged"):
            TrainingMonitor(compare=[damaged])
    with pytest.raises(BadInput, match="got 3"):
        TrainingMonitor(compare=[3])


@pytest.mark.parametrize("made", [lambda: TrainingMonitor("x"), lambda: TrainingMonitor(None)])
def test_a_monitor_that_could_not_be_made_is_not_in_the_way_of_the_next(made):
    with pytest.raises(BadInput):
        made()
    TrainingMonitor(PPO(SMALL)).close()


def test_neither_a_trainer_nor_a_run_or_a_run_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="got neither"):
        TrainingMonitor()
    with pytest.raises(BadInput, match="got 'nowhere'"):
        TrainingMonitor(compare=["nowhere"])


def test_every_question_is_answered_even_one_that_makes_no_sense(monitor):
    said = []
    monitor.send = lambda content, buffers=None: said.append(content)
    monitor._handle_custom_msg({"id": 1, "ask": "sing"}, [])
    monitor._handle_custom_msg({"id": 2, "ask": "speed", "set": {"speed": 99}}, [])
    monitor._handle_custom_msg({"id": 3, "ask": "speed", "set": {"speed": 10}}, [])
    assert "got 'sing'" in said[0]["error"] and said[1]["error"] == "speed must be a whole number from 1 to 20, got 99"
    assert said[2] == {"re": 3} and monitor.speed == 10
