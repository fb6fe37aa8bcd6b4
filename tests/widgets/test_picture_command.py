"""The command that makes the README's picture."""

import pytest
from PIL import Image

from territory.agent import checkpoint as files
from territory.widgets import picture
from territory.world import WorldParams


@pytest.fixture
def agent_file(tmp_path, network):
    content = files.Checkpoint(model="attention", options=network.options, config={})
    content.add_group(files.MODEL, files.model_arrays(network))
    files.write(tmp_path / "agent.safetensors", content)
    return tmp_path / "agent.safetensors"


def test_it_draws_a_game_of_the_agent_it_is_given(agent_file, tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "WorldParams", lambda: WorldParams(height=64, width=64, num_bots=2, max_steps=6))
    assert picture.main([str(tmp_path / "explorer.png"), "--agent", str(agent_file), "--seed", "3"]) == 0
    with Image.open(tmp_path / "explorer.png") as drawn:
        assert drawn.size == (1200, 460)


@pytest.mark.parametrize(
    ("path", "message"), [("explorer.jpg", "expected a .png file"), ("nowhere/explorer.png", "a folder that exists")]
)
def test_a_path_that_cannot_be_written_is_refused_before_the_game(path, message, tmp_path, capsys):
    assert picture.main([str(tmp_path / path)]) == 2
    assert message in capsys.readouterr().err


def test_an_agent_that_does_not_exist_is_refused(tmp_path, capsys):
    assert picture.main([str(tmp_path / "explorer.png"), "--agent", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
