"""``python -m studies.rollouts`` and ``studies.directions``, as their users meet them."""

import re
import signal

import numpy as np
import pytest
import torch

from studies import command, directions, rollouts
from studies.rollouts import Rollouts
from territory import models
from territory.agent import Agent, Decoding, load_agent, sample_states, save_agent
from territory.envs.opponents import SteadyPolicy
from territory.training import TrainConfig

WORLD = {"height": 32, "width": 32, "num_bots": 2, "max_steps": 30}


def call(words: str) -> int:
    """The exit status of ``python -m studies.NAME FLAGS``."""
    name, *flags = words.split()
    study = {"rollouts": rollouts.play_on_in_every_direction, "directions": directions.teach_directions}[name]
    return command.run(study, [*flags, "--data", f"{name}.json"])


@pytest.fixture
def player(tmp_path, monkeypatch):
    """An untrained agent that strikes easily, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    config = TrainConfig(model="tokens", **WORLD)
    save_agent(Agent(models.build("tokens"), config.as_dict(), decoding=Decoding(0.05)), "player.safetensors")
    return "player.safetensors"


def test_branches_are_kept_and_an_agent_learns_from_several_files(player, capsys):
    assert call(f"rollouts {player} --out one.npz --states 32 --horizon 2 --seed 1") == 0
    assert call(f"rollouts {player} --out two.npz --states 32 --horizon 2 --opponents 1xnation+3xmixed") == 0
    printed = capsys.readouterr().out
    assert f"python -m studies.directions {player} two.npz" in printed
    assert len(re.findall(r"its directions: [+-]\d\.\d{3} \(± \d\.\d{3}\) more", printed)) == 2
    assert call(f"directions {player} one.npz two.npz --out aimed.safetensors --epochs 2") == 0
    printed = capsys.readouterr().out
    one, two = Rollouts.load("one.npz"), Rollouts.load("two.npz")
    assert f"{len(one) + len(two):,} states" in printed
    assert len(re.findall(r"epoch \d: [+-]0\.\d\d\d ", printed)) == 3
    old, new = load_agent(player), load_agent("aimed.safetensors")
    assert (new.config, new.decoding) == (old.config, old.decoding)
    changed = [not torch.equal(a, b) for a, b in zip(old.model.parameters(), new.model.parameters(), strict=True)]
    assert any(changed)


def test_an_agent_whose_former_opponents_are_gone_meets_others(player):
    agent = load_agent(player)
    agent.config["opponents"] = "long-gone.safetensors"
    save_agent(agent, "lonely.safetensors")
    assert call("rollouts lonely.safetensors --out one.npz --states 32 --horizon 2") == 2
    assert call("rollouts lonely.safetensors --out one.npz --states 32 --horizon 2 --opponents nation") == 0


def test_the_directions_are_those_of_as_many_views_as_play(player, monkeypatch, capsys):
    asked = []
    measure = rollouts.directions

    def noted(model, kept, views=1):
        asked.append(views)
        return measure(model, kept)

    monkeypatch.setattr(rollouts, "directions", noted)
    save_agent(load_agent(player).with_decoding(views=8), "eight.safetensors")
    assert call("rollouts eight.safetensors --out one.npz --states 32 --horizon 1") == 0
    assert asked == [8]


def test_ctrl_c_keeps_what_was_played_on(player, monkeypatch, capsys):
    whole = rollouts.roll_out

    def interrupted(*args, **options):
        for part in whole(*args, **options):
            signal.raise_signal(signal.SIGINT)
            yield part

    monkeypatch.setattr(rollouts, "roll_out", interrupted)
    assert call(f"rollouts {player} --out some.npz --states 100000 --horizon 2") == 130
    kept = Rollouts.load("some.npz")
    assert (~np.isnan(kept.returns).all(1)).sum() == rollouts.AT_ONCE
    assert "saving" in capsys.readouterr().err


def test_a_crash_loses_only_what_came_since_the_last_save(player, monkeypatch):
    whole = rollouts.roll_out

    def dying(*args, **options):
        for number, part in enumerate(whole(*args, **options)):
            if number == 3:
                raise RuntimeError("the machine is gone")
            yield part

    monkeypatch.setattr(rollouts, "roll_out", dying)
    monkeypatch.setattr(rollouts, "SAVE_EVERY", 2)
    with pytest.raises(RuntimeError, match="gone"):
        call(f"rollouts {player} --out some.npz --states 100000 --horizon 2")
    assert (~np.isnan(Rollouts.load("some.npz").returns).all(1)).sum() == 2 * rollouts.AT_ONCE


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("directions player.safetensors --out new.safetensors", "expected one or more files"),
        ("directions player.safetensors notes.npz --out new.safetensors", "that `python -m studies.rollouts` wrote"),
        ("directions player.safetensors nowhere.npz --out new.safetensors", "that `python -m studies.rollouts` wrote"),
        ("directions player.safetensors notes.npz --out .", "is a folder"),
        ("directions eight.safetensors played.npz --out new.safetensors", "mean over 8 views"),
        ("directions player.safetensors waits.npz --out new.safetensors", "attacks of at least two games"),
        ("rollouts unknown.safetensors --out a.npz", "doesn't say how it was trained"),
        ("rollouts player.safetensors --out a.npz --states 0", "at least 1 state"),
        ("rollouts player.safetensors --out a.npz --opponents friends", "bot, nation, mixed"),
    ],
)
def test_bad_input_is_one_line(player, capsys, tmp_path, flags, message):
    (tmp_path / "notes.npz").write_text("what I wanted to remember")
    save_agent(Agent(models.build("tokens")), "unknown.safetensors")
    save_agent(load_agent("player.safetensors").with_decoding(views=8), "eight.safetensors")
    waits = sample_states(SteadyPolicy(), 8, 1, 0, **WORLD)
    Rollouts(waits, np.full((8, 8), np.nan, np.float32)).save("waits.npz")
    assert call(flags) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("studies: ")]
    assert len(lines) == 1 and message in lines[0]
