"""From one network to another: what fits is carried, the rest learns to answer alike, and a run starts from there."""

import dataclasses
import shlex
from pathlib import Path

import pytest
import torch

from studies import command, distillation
from studies.datafile import load
from studies.distillation import (
    carry_over,
    distil,
    distil_agent,
    flags_of,
    make_student,
    new_config,
    saved_line,
    steps_to,
    teach,
)
from territory import models
from territory.agent import Agent, load_agent, sample_states, save_agent
from territory.cli import main
from territory.envs.opponents import RandomPolicy
from territory.errors import BadInput
from territory.training import PPO, TrainConfig, run

SMALL = TrainConfig(
    height=64, width=64, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=128,
)  # fmt: skip


def _network(name="attention", seed=0, **options):
    torch.manual_seed(seed)
    return models.build(name, **options)


@pytest.fixture(scope="module")
def teacher():
    """A network that plays as no fresh one does: north, with all its troops, whatever it sees."""
    model = _network(norm="group", seed=5)
    with torch.no_grad():
        model.actor[-1].bias[8] = 6.0
        model.critic[-1].bias += 3.0
    return Agent(model, SMALL.as_dict())


@pytest.fixture(scope="module")
def states():
    return sample_states(RandomPolicy(), 192, every=2, height=64, width=64, num_bots=2, max_steps=20)


def test_what_a_baseline_can_give_to_the_redesign_by_name_and_shape():
    """Conv 1 and 2, the statistics' branch, both heads, and the bias of the fusion: all else changed its shape."""
    old, new = _network("baseline"), _network(seed=1)
    untouched = new.map_branch.blocks[2].conv.weight.clone()
    records = carry_over(old, new)
    shared = 10_272 + 32_832 + 18_688 + 256 + 44_506 + 33_025
    assert sum(record.carried for record in records) == shared == 139_579
    assert sum(record.parameters for record in records) == 517_982
    assert torch.equal(new.map_branch.blocks[1].conv.weight, old.map_branch.blocks[1].conv.weight)
    assert torch.equal(new.map_branch.blocks[2].conv.weight, untouched)
    by_name = {record.tensor: record for record in records}
    assert by_name["fusion.weight"].old_shape == (256, 640) and by_name["fusion.weight"].carried == 0
    assert by_name["cross_attention.q.weight"].old_shape == ()


@pytest.mark.parametrize("name", models.names())
def test_a_network_carries_all_of_itself_with_its_running_averages(name):
    old, new = _network(name), _network(name, seed=1)
    old.map_branch.train()(torch.rand(2, 5, 128, 128))  # moves the averages of batch norm, where there is any
    assert all(record.carried == record.parameters for record in carry_over(old, new))
    assert all(torch.equal(value, new.state_dict()[key]) for key, value in old.state_dict().items())


def test_a_student_comes_to_choose_and_to_value_like_its_teacher(teacher, states):
    first, *_, last = distil(_network(norm="batch", seed=9), teacher.model, states, epochs=25)
    assert last.kl < 0.2 * first.kl
    assert last.value_error < 0.5 * first.value_error
    assert last.same_choice > 0.9 > first.same_choice


def test_the_same_network_needs_no_lessons(teacher, states):
    student, carried = make_student(teacher, dataclasses.replace(SMALL, seed=9))
    assert sum(record.carried for record in carried) == 517_982
    (only,) = distil(student, teacher.model, states, epochs=0)
    assert (only.kl, only.value_error, only.same_choice) == (0, 0, 1)


def test_moments_of_one_game_can_not_be_split(teacher, states):
    with pytest.raises(BadInput, match="two games"):
        next(distil(_network(), teacher.model, states.where(states.games == 0), epochs=1))


def test_an_agent_of_unknown_training_is_refused():
    with pytest.raises(BadInput, match="how it was trained"):
        new_config(Agent(_network()), "attention", "group")


def test_a_network_that_cannot_take_the_old_maps_is_refused(teacher):
    with pytest.raises(BadInput, match="128x128 only"):
        new_config(teacher, "baseline", "group")


def test_first_the_old_agent_plays_and_then_the_new_one_on_other_maps(teacher, monkeypatch):
    played = []

    def watch(policy, states, every, seed, **world):
        played.append((isinstance(policy, Agent) and policy.model, seed))
        return sample_states(policy, states, every, seed, **world)

    monkeypatch.setattr(distillation, "sample_states", watch)
    student = _network(norm="batch", seed=9)
    told = list(teach(student, teacher, SMALL, states=128, rounds=2, epochs=1))
    assert [(each.states, each.epoch) for each in told] == [(64, 0), (64, 1), (128, 0), (128, 1)]
    assert played == [(False, 0), (student, 32)]  # the old agent's actions are drawn, by a function


def test_rounds_without_a_moment_are_refused(teacher):
    with pytest.raises(BadInput, match="a state for each"):
        next(teach(_network(), teacher, SMALL, states=1, rounds=2, epochs=1))


def test_the_command_writes_an_agent_from_which_a_run_starts_and_goes_on(teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_agent(teacher, "old.safetensors")
    flags = "old.safetensors attention --norm batch --out new.safetensors --states 96 --epochs 1 --measure 1"
    assert command.run(distil_agent, [*flags.split(), "--data", "told.json"]) == 0
    assert [each["epoch"] for each in load(Path("told.json"), old="old.safetensors")] == [0, 1, 0, 1]
    printed = capsys.readouterr().out
    assert "before a step of training it wins 0.0% of 64" in printed
    assert "seed 0: migrated not within its run, fresh not within its run" in printed
    assert "steps saved: in none of 1 seeds did both get there" in printed and "384 steps were watched" in printed
    assert "517,982 of the 517,982 parameters of attention, 100.0%" in printed and "epoch 1" in printed
    new = load_agent("new.safetensors")
    assert new.model.options["norm"] == new.config["norm"] == "batch"
    config = dataclasses.replace(SMALL, norm="batch", init="new.safetensors", runs_dir="runs", name="on")
    started = run.start(config)
    weights = zip(started.ppo.model.parameters(), new.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)
    started.train(stop=lambda: True)
    (tmp_path / "new.safetensors").unlink()
    assert run.resume("runs/on").train()


def test_steps_saved_are_of_the_seeds_in_which_both_got_there():
    found = [{"migrated": 400, "fresh": 2000}, {"migrated": 100, "fresh": 1100}, {"migrated": 384, "fresh": None}]
    assert saved_line(found) == "steps saved: 1,300 (1,000 to 1,600), median over 2 of 3 seeds"


def test_a_folder_is_no_place_for_the_new_agent(tmp_path, capsys):
    assert command.run(distil_agent, ["attention", "attention", "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_the_command_that_trains_on_says_all_that_is_not_as_usual(monkeypatch):
    started = []
    monkeypatch.setattr("territory.cli.train.train", lambda config, resume: started.append(config) or 0)
    config = dataclasses.replace(SMALL, anneal_lr=True, normalize_advantages=False, init="a file")
    assert main(["train", *shlex.split(flags_of(config))]) == 0
    assert started == [config]
    assert flags_of(TrainConfig()) == ""


def test_a_run_does_not_start_from_another_network_than_it_trains(teacher, tmp_path):
    path = tmp_path / "old.safetensors"
    save_agent(teacher, path)
    with pytest.raises(BadInput, match=r"python -m studies\.distillation"):
        PPO(dataclasses.replace(SMALL, norm="batch", init=str(path)))


def test_steps_are_counted_once_a_hundred_games_are_over():
    """Fifty games cut off every two steps: a hundred are over after the second, 100 of 100 won is out of reach."""
    config = dataclasses.replace(SMALL, max_steps=2, num_envs=50, num_steps=2, minibatch_size=100, total_timesteps=300)
    assert steps_to(config, win_rate=0.0) == 200
    assert steps_to(config, win_rate=1.0) is None
