"""The monitor without a browser: what it sends is what the records say, and what it is asked for happens."""

import asyncio
import base64
import dataclasses
from io import BytesIO

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from territory import viz
from territory.errors import BadInput
from territory.training import PPO, TrainConfig, Update
from territory.widgets import TrainingMonitor
from territory.widgets.monitor import FIELDS, _duration
from territory.world.picture import render_world

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=64 * 5,
)  # fmt: skip


@pytest.fixture
def monitor():
    made = TrainingMonitor(PPO(SMALL))
    yield made
    made.stop()
    made.live.wait()


def ask(monitor, what, value=None):
    """What the browser sends."""
    monitor._handle_custom_msg({"ask": what, "value": value}, [])


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


def test_the_buttons_start_pause_and_stop(monitor):
    assert monitor.status["state"] == "ready" and monitor.status["resting"]
    monitor.live._until = lambda update: update.update == 2 and ask(monitor, "pause")
    ask(monitor, "start")
    assert wait(monitor) == "paused"
    assert (monitor.status["state"], monitor.status["step"], monitor.status["updates"]) == ("paused", 128, 2)
    monitor.live._until = lambda update: ask(monitor, "stop")
    ask(monitor, "start")
    assert wait(monitor) == "stopped"
    assert monitor.status["step"] == 192
    assert monitor.status["line"].startswith("stopped · 192 of 320 steps · ")


def test_rate_and_time_left_are_those_of_the_live_training(monitor):
    monitor.live._until = lambda update: update.update == 3
    monitor.start()
    wait(monitor)
    assert monitor.status["rate"] == monitor.live.steps_per_second
    assert monitor.status["left"] == monitor.live.seconds_left
    assert monitor.status["line"].endswith("left at this rate")


@pytest.mark.parametrize(("seconds", "said"), [(3.4, "3 s"), (61, "1 min 01 s"), (3720, "1 h 02 min")])
def test_time_is_said_in_words(seconds, said):
    assert _duration(seconds) == said


def test_the_game_goes_on_only_while_training_does_and_while_it_is_watched(monitor):
    ask(monitor, "speed", 20)
    ask(monitor, "watching", False)
    monitor.live._until = lambda update: update.update == 3
    monitor.start()
    wait(monitor)
    assert monitor.watched.steps == 0 and not monitor.watched.results
    ask(monitor, "watching", True)
    monitor._play(start=monitor._starts)  # training rests: this returns at once
    assert monitor.watched.steps == 0
    board = monitor.board
    monitor.watched.step(monitor.agent())
    monitor._show_game()
    assert monitor.board != board
    shown = np.asarray(Image.open(BytesIO(monitor.board)))
    np.testing.assert_array_equal(shown, render_world(monitor.watched.world, scale=12))
    assert monitor.game["line"].startswith("step 1: ordered ") and "rank" in monitor.game["line"]


def test_a_game_that_is_over_is_told_and_the_next_one_begins(monitor):
    for _ in range(SMALL.max_steps + 1):
        monitor.watched.step(monitor.agent())
    monitor._show_game()
    assert monitor.game["number"] == len(monitor.game["results"]) + 1 >= 2
    assert "won after" in monitor.game["results"][0]["line"]


def test_a_failure_is_said():
    monitor = TrainingMonitor(PPO(SMALL))
    with torch.no_grad():
        next(monitor.live.ppo.model.parameters()).fill_(torch.nan)
    monitor.start()
    with pytest.raises(BadInput, match="diverged"):
        wait(monitor)
    assert monitor.status["line"].startswith("failed: ")


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
    (shown,) = notebook.cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]
    assert shown["data"]["image/png"].strip() == final
    assert Image.open(BytesIO(base64.b64decode(final))).size == (1050, 480)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert final[:200] in page.replace("\n", "")
