"""Training that is killed at random moments ends as if it had been left alone, in every bit that it keeps."""

import multiprocessing
import os
from dataclasses import replace

import pytest
from helpers import kills

from territory.agent import checkpoint
from territory.errors import BadInput
from territory.training import run

KILLS = 9  # three of each kind; `python -m tests.helpers.kills --kills 200` makes more

ABLE = "forkserver" in multiprocessing.get_all_start_methods()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ABLE, reason="this system has no SIGKILL")]


def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_one_that_was_left_alone(tmp_path):
    config = replace(kills.RUN, runs_dir=str(tmp_path), total_timesteps=40 * kills.RUN.batch_size)
    alone = replace(config, name="alone")
    assert kills.run_killed(alone, kills=0, seed=0).total() == 0
    counted = kills.run_killed(config, KILLS, seed=0)
    print(f"{counted.total()} kills: {dict(counted)}")  # shown by pytest -s
    assert min(counted[kind] for kind in kills.LINES) > 0  # how many the clock finds alive depends on the machine
    assert kills.differences(tmp_path / "alone", tmp_path / "run") == []
    assert len(kills.read_log(tmp_path / "run")) == config.num_updates


def test_the_comparison_sees_a_lost_point_of_a_curve_and_another_weight(tmp_path):
    config = replace(kills.RUN, runs_dir=str(tmp_path), total_timesteps=2 * kills.RUN.batch_size)
    for name in ("one", "other"):
        run.start(replace(config, name=name)).train()
    assert kills.differences(tmp_path / "one", tmp_path / "other") == []
    content = checkpoint.read(tmp_path / "other")
    content.arrays["model.actor.0.weight"] += 1e-3
    checkpoint.write(tmp_path / "other" / checkpoint.FILE_NAME, content)
    for path in (tmp_path / "other").glob("events*"):
        path.write_bytes(path.read_bytes()[:-300])
    assert kills.differences(tmp_path / "one", tmp_path / "other") == ["model.actor.0.weight", "curves"]


@pytest.mark.parametrize("moment", ["write", "move"])
def test_a_checkpoint_that_was_being_written_leaves_the_old_one(tmp_path, monkeypatch, moment):
    made = run.start(replace(kills.RUN, runs_dir=str(tmp_path)))
    before = made.checkpoint.read_bytes()

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, {"write": "fsync", "move": "replace"}[moment], crash)
    with pytest.raises(KeyboardInterrupt):
        made.save()
    assert made.checkpoint.read_bytes() == before


def test_a_run_killed_before_its_first_checkpoint_was_complete_can_be_started_again(tmp_path, monkeypatch):
    config = replace(kills.RUN, runs_dir=str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(run.Run, "save", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.start(config)
    with pytest.raises(BadInput, match="no checkpoint"):
        run.resume(tmp_path / "run")
    assert run.start(config).checkpoint.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_a_continuation_was_asked_for_survives_a_kill_before_its_first_update(tmp_path):
    made = run.start(replace(kills.RUN, runs_dir=str(tmp_path), total_timesteps=32))
    made.train()
    run.resume(made.folder, replace(made.ppo.config, total_timesteps=64))  # and killed here
    assert run.resume(made.folder).ppo.config.total_timesteps == 64


def test_what_a_kill_kept_from_being_written_beside_the_first_checkpoint_is_written_by_whoever_goes_on(tmp_path):
    made = run.start(replace(kills.RUN, runs_dir=str(tmp_path)))
    told = (made.folder / "config.json").read_text()
    (made.folder / "config.json").unlink()
    run.resume(made.folder)
    assert (made.folder / "config.json").read_text() == told
