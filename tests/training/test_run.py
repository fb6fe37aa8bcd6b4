"""Runs that stop, and go on as if they never had."""

import dataclasses
import json
import os
import signal
from collections import deque
from datetime import datetime
from itertools import islice

import numpy as np
import pytest
import torch
from helpers import probes

from territory import models
from territory.agent import checkpoint as files
from territory.errors import BadInput
from territory.training import PPO, TrainConfig, run
from territory.training.rollout import EpisodeWindow, finished

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=1024, checkpoint_every=4, name="run",
)  # fmt: skip


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    return dataclasses.replace(SMALL, runs_dir=str(tmp_path))


def assert_same_state(one: PPO, other: PPO) -> None:
    """Every array that decides how training goes on is equal, bit for bit."""
    left, right = run.snapshot(one), run.snapshot(other)
    assert set(left.arrays) == set(right.arrays)
    for name, array in left.arrays.items():
        np.testing.assert_array_equal(array, right.arrays[name], err_msg=name)


def read_log(made: run.Run) -> list[dict]:
    return [json.loads(line) for line in (made.folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("norm", "steps"), [("group", 1024), ("batch", 1024)])
def test_a_resumed_run_ends_bit_for_bit_like_one_that_never_stopped(config, norm, steps):
    config = dataclasses.replace(config, norm=norm, total_timesteps=steps, anneal_lr=True)
    straight = run.start(config)
    assert straight.train()
    cut = run.start(dataclasses.replace(config, name="cut"))
    assert not cut.train(stop=lambda: cut.ppo.finished_updates == 11)
    resumed = run.resume(cut.folder)
    assert resumed.ppo.finished_updates == 11
    assert resumed.train()
    assert_same_state(straight.ppo, resumed.ppo)


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(config):
    straight = run.start(config)
    straight.train()
    killed = run.start(dataclasses.replace(config, name="killed"))
    with pytest.raises(ZeroDivisionError):
        killed.train(callback=lambda update: 1 / (update.update - 7))
    resumed = run.resume(killed.folder)
    assert resumed.ppo.finished_updates == 4  # saved every four updates
    resumed.train()
    assert_same_state(straight.ppo, resumed.ppo)
    log = read_log(resumed)
    assert [line["update"] for line in log] == list(range(1, 17))  # updates 5 to 7 are not there twice
    assert [line["value_loss"] for line in log] == [line["value_loss"] for line in read_log(straight)]


def test_a_log_without_its_last_newline_or_some_lines_goes_on_as_whole_lines(config):
    made = run.start(config)
    made.train(stop=lambda: made.ppo.finished_updates == 5)
    log = made.folder / "log.jsonl"
    log.write_text(log.read_text().removesuffix("\n"))  # as an editor may leave it
    run.resume(made.folder).train(stop=lambda: True)
    assert [line["update"] for line in read_log(made)] == list(range(1, 7))
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[2:], lines[-1].replace('"update": 6', '"update": 7')]))
    run.resume(made.folder)  # what came after the checkpoint is told by its number
    assert [line["update"] for line in read_log(made)] == [3, 4, 5, 6]


def test_a_run_that_is_stopped_within_an_update_is_taken_up_from_its_checkpoint(config, monkeypatch):
    config = dataclasses.replace(config, total_timesteps=256, checkpoint_every=1)
    alone = run.start(dataclasses.replace(config, name="alone"))
    alone.train()
    made = run.start(config)
    next(made.updates())
    with monkeypatch.context() as patch:
        patch.setattr(made.ppo.optimizer, "step", lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            made.train()
    for go_on in (made.train, made.save):
        with pytest.raises(BadInput, match="in the middle of an update"):
            go_on()
    resumed = run.resume(made.folder)
    resumed.train()
    assert_same_state(resumed.ppo, alone.ppo)
    assert [line["value_loss"] for line in read_log(resumed)] == [line["value_loss"] for line in read_log(alone)]


def test_a_run_stays_in_its_folder_though_the_working_directory_changes(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run.start(dataclasses.replace(config, runs_dir="runs", total_timesteps=256, checkpoint_every=1))
    (tmp_path / "elsewhere").mkdir()
    made.train(callback=lambda update: os.chdir(tmp_path / "elsewhere"), stop=lambda: made.ppo.finished_updates == 3)
    assert made.train() and [update.update for update in made.log()] == [1, 2, 3, 4]
    assert os.listdir(tmp_path / "elsewhere") == [] and run.resume(tmp_path / "runs" / "run").ppo.finished_updates == 4


def test_a_run_that_is_over_can_be_made_longer(config):
    short = run.start(dataclasses.replace(config, total_timesteps=512))
    short.train()
    longer = run.resume(short.folder, dataclasses.replace(short.ppo.config, total_timesteps=1024))
    longer.train()
    straight = run.start(dataclasses.replace(config, name="straight"))
    straight.train()
    assert_same_state(straight.ppo, longer.ppo)


def test_a_run_goes_on_though_its_random_numbers_were_drawn_on_another_kind_of_device(config):
    """Their state is of another size there: a new stream, the same in every continuation."""
    made = run.start(config)
    made.train(stop=lambda: made.ppo.finished_updates == 4)
    content = files.read(made.folder)
    content.arrays["generator"] = np.zeros(16, np.uint8)  # as CUDA keeps them
    files.write(made.checkpoint, content)
    ends = []
    for _ in range(2):
        files.write(made.checkpoint, content)
        again = run.resume(made.folder)
        assert again.train() and again.ppo.finished_updates == 16
        ends.append(again.ppo)
    assert_same_state(*ends)


def test_a_compiled_run_goes_on_as_written_where_there_is_no_compiler(config):
    made = run.start(config)
    made.train(stop=lambda: made.ppo.finished_updates == 4)
    content = files.read(made.folder)
    content.config["compile"] = True
    files.write(made.checkpoint, content)
    again = run.resume(made.folder, dataclasses.replace(made.ppo.config, compile=False))
    assert again.train() and not run.resume(made.folder).ppo.config.compile


def test_fewer_steps_than_were_trained_are_refused_and_change_nothing(config):
    made = run.start(config)
    made.train()
    with pytest.raises(BadInput, match=r"has trained 1,024 steps, more than the total_timesteps of 512"):
        run.resume(made.folder, dataclasses.replace(made.ppo.config, total_timesteps=512))
    assert run.resume(made.folder).train()


def test_a_run_against_a_mixture_has_a_name_that_is_none(config):
    made = run.start(dataclasses.replace(config, opponents="1xbot+2xnation", num_bots=5, name=None))
    assert "1xbot-2xnation" in made.folder.name and "+" not in made.folder.name


def test_runs_without_a_name_that_begin_in_the_same_second_have_folders_of_their_own(config, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(run, "datetime", Stopped)
    made = [run.start(dataclasses.replace(config, name=None)) for _ in range(3)]
    names = ["attention-2-bot-20260102-030405" + end for end in ("", "-2", "-3")]
    assert [each.folder.name for each in made] == [each.ppo.config.name for each in made] == names
    assert [files.read(each.folder).config["name"] for each in made] == names


def test_the_folder_holds_configuration_log_curves_and_checkpoint(config):
    made = run.start(config)
    made.train(stop=lambda: made.ppo.finished_updates == 2)
    assert TrainConfig.from_dict(json.loads((made.folder / "config.json").read_text())) == made.ppo.config
    names = sorted(path.name.split(".")[0] for path in made.folder.iterdir())
    assert names == ["checkpoint", "config", "events", "log"]
    assert [line["step"] for line in read_log(made)] == [64, 128]
    assert files.read(made.folder).progress["update"] == 2


def test_tensorboard_gets_every_curve(config):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made = run.start(config)
    made.train()
    board = EventAccumulator(str(made.folder)).Reload()
    assert set(board.Tags()["scalars"]) == {f"{group}/{name}" for group, names in run.SCALARS.items() for name in names}
    assert [event.step for event in board.Scalars("update/approx_kl")] == list(range(64, 1025, 64))


def test_a_name_that_is_taken_is_refused(config):
    run.start(config)
    with pytest.raises(BadInput, match="exists: continue it with --resume"):
        run.start(config)


def test_a_name_whose_folder_nobody_may_look_into_is_refused(config, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()

    def hidden(_folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", hidden)  # as root, to whom nothing is hidden, too
    with pytest.raises(BadInput, match=r"run can't be written \(Permission denied\)"):
        run.start(config)


def test_weights_of_any_name_may_be_negative(config):
    network = models.build("attention")
    for name in ("update", "count", "step"):
        network.register_buffer(name, torch.tensor(-1.0))
    ppo = PPO(config, model=network)
    run.restore(ppo, run.snapshot(ppo))
    assert network.get_buffer("count") == -1


def test_a_resumed_run_can_not_become_another_one(config):
    made = run.start(config)
    with pytest.raises(BadInput, match=r"gamma=0\.995, which can't become 0\.9"):
        run.resume(made.folder, dataclasses.replace(made.ppo.config, gamma=0.9))


def test_an_agent_without_training_state_can_not_be_resumed(config):
    made = run.start(config)
    content = files.read(made.folder)
    content.arrays = {name: array for name, array in content.arrays.items() if name.startswith("model.")}
    files.write(made.checkpoint, content)
    with pytest.raises(BadInput, match="no training state"):
        run.resume(made.folder)


def test_a_checkpoint_whose_games_are_others_is_refused(config):
    made = run.start(config)
    content = files.read(made.folder)
    del content.arrays[next(name for name in content.arrays if name.startswith("envs."))]
    files.write(made.checkpoint, content)
    with pytest.raises(BadInput, match="another training"):
        run.resume(made.folder)


def test_resume_takes_any_environment_that_can_save_itself(tmp_path):
    config = TrainConfig(num_envs=16, num_steps=8, minibatch_size=64, device="cpu")

    def fresh() -> PPO:
        torch.manual_seed(0)
        return PPO(config, probes.Matching(), probes.TinyModel())

    straight, stopped, resumed = fresh(), fresh(), fresh()
    deque(islice(straight.updates(), 6), maxlen=0)
    deque(islice(stopped.updates(), 3), maxlen=0)
    path = tmp_path / "probe.safetensors"
    files.write(path, run.snapshot(stopped))
    run.restore(resumed, files.read(path))
    deque(islice(resumed.updates(), 3), maxlen=0)
    assert_same_state(straight, resumed)


def test_the_window_forgets_old_games_and_survives_saving():
    window = EpisodeWindow(size=2)
    assert np.isnan(window.means()["win_rate"])
    for won in (True, False, False):
        fields = {name: np.array([1.0, 9.0]) for name in ("return", "length", "land_share", "idle_share")}
        info = {"win": np.array([won, True])} | fields
        window.add(finished({"final_info": info, "_final_info": np.array([True, False])}))
    again = EpisodeWindow(size=2)
    again.load_state_dict(window.state_dict())
    same = dict.fromkeys(("mean_return", "mean_length", "land_share", "idle_share"), 1)
    assert again.means() == window.means() == same | {"win_rate": 0}
    assert again.count == 3
