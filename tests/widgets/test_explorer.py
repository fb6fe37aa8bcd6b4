"""The explorer's state without a browser: what a moved control changes, and what it shows."""

import base64
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from territory import models, viz
from territory.errors import BadInput
from territory.interpret import capture
from territory.training.agent import Agent
from territory.widgets import AttentionExplorer
from territory.world.actions import describe


@pytest.fixture
def explorer(replay, network):
    return AttentionExplorer(replay, network, step=4)


def pixels(image):
    return np.asarray(Image.open(BytesIO(image.value)).convert("RGB"))


def test_the_board_is_the_frames_attention_over_its_board(explorer, network):
    frame = explorer.record.frames[4]
    with capture(network) as attention, torch.no_grad():
        network(*(torch.from_numpy(frame.obs[key][None]) for key in ("map", "global")))
    ends = explorer.record.attention["spatial.1"].min(), explorer.record.attention["spatial.1"].max()
    expected = viz.attention_picture(frame, attention["spatial.1"][0].numpy(), *ends, strength=0.85, scale=8)
    assert np.abs(pixels(explorer.board).astype(int) - expected).max() <= 2  # a batch rounds otherwise than one frame


def test_moving_the_time_changes_board_panel_and_status(explorer):
    before = explorer.board.value, explorer.panel.value, explorer.status.value
    explorer.time.value = 9
    after = explorer.board.value, explorer.panel.value, explorer.status.value
    assert all(old != new for old, new in zip(before, after, strict=True))
    explorer.time.value = 4
    assert (explorer.board.value, explorer.panel.value, explorer.status.value) == before


def test_the_status_says_the_step_the_order_and_the_value(explorer, replay):
    assert "<b>step 4</b>" in explorer.status.value
    assert describe(int(replay.actions[4])) in explorer.status.value
    assert f"value {explorer.record.values[4]:+.2f}" in explorer.status.value
    explorer.time.value = explorer.time.max
    assert "the game is over" in explorer.status.value


def test_no_overlay_strength_shows_the_plain_board(explorer):
    explorer.strength.value = 0
    assert (pixels(explorer.board) == viz.board_picture(explorer.record.frames[4], 8)).all()


def test_another_layer_changes_the_board_and_its_scale(explorer):
    board, scale = explorer.board.value, explorer.scale.value
    explorer.layer.value = "spatial.3"
    assert explorer.board.value != board and explorer.scale.value != scale
    assert f"{explorer.record.attention['spatial.3'].max():.3f}" in explorer.scale.value


def test_every_layer_of_the_network_can_be_chosen(explorer):
    assert [label for label, _ in explorer.layer.options] == [
        "spatial.1 · 16×16 cells",
        "spatial.2 · 4×4 cells",
        "spatial.3 · 2×2 cells",
        "cross.map_to_stats · 1 × 1 × 1 weights",
    ]


def test_a_cross_attention_with_one_key_says_so_and_leaves_the_board_plain(explorer):
    explorer.layer.value = "cross.map_to_stats"
    assert "from 1.000 to 1.000" in explorer.scale.value and "no choice" in explorer.scale.value
    assert (pixels(explorer.board) == viz.board_picture(explorer.record.frames[4], 8)).all()
    assert explorer.static_png()


def test_a_network_without_attention_shows_the_game_and_its_policy():
    from territory.world import WorldParams
    from territory.world.replay import record

    game = record(lambda obs, mask: 80, WorldParams(num_bots=1, max_steps=2), seed=1)
    explorer = AttentionExplorer(game, models.build("baseline"))
    assert explorer.layer.options == (("this network has no attention", None),)
    assert (pixels(explorer.board) == viz.board_picture(explorer.record.frames[0], 4)).all()
    assert explorer.scale.value == ""
    assert explorer.static_png()


def test_an_agent_is_as_good_as_its_network(replay, network, explorer):
    assert AttentionExplorer(replay, Agent(network), step=4).board.value == explorer.board.value


def test_play_moves_the_slider_in_the_browser_and_knows_the_games_end(explorer, replay):
    assert explorer.play.max == explorer.time.max == len(replay.actions)
    assert explorer._link.source == (explorer.play, "value") and explorer._link.target == (explorer.time, "value")


def test_exported_pages_find_a_picture_beside_the_widget(explorer):
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    picture = Image.open(BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == (1200, 460)


def test_the_picture_is_saved_and_the_same_every_time(explorer, tmp_path):
    for name in ("a.png", "b.png"):
        explorer.save_png(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    explorer.time.value = 8
    explorer.save_png(tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "a.png").read_bytes()


def test_a_step_outside_the_game_is_refused(replay, network):
    with pytest.raises(BadInput, match="0 to 12; got 13"):
        AttentionExplorer(replay, network, step=13)
