"""Training beside other work: it rests when told to, and its end knows nothing of that."""

import dataclasses
import subprocess
import sys
import time
from functools import cache

import numpy as np
import pytest
import torch

from territory.errors import BadInput
from territory.models.tokens import Tokens
from territory.training import PPO, TrainConfig, run
from territory.training.live import LiveTraining, WatchedGame

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=64 * 8, checkpoint_every=100, name="run",
)  # fmt: skip


def assert_same_end(one: PPO, other: PPO) -> None:
    left, right = run.snapshot(one).arrays, run.snapshot(other).arrays
    assert set(left) == set(right)
    for name, array in left.items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)


@cache
def left_alone() -> PPO:
    """Trained to the end in the foreground."""
    ppo = PPO(SMALL)
    for _ in ppo.updates():
        pass
    return ppo


def pause_after(live: LiveTraining, updates: int) -> None:
    live.until = lambda update: update.update == updates and live.pause()


@pytest.fixture
def live():
    made = LiveTraining(PPO(SMALL))
    yield made
    made.stop()
    made.wait()


def test_training_in_the_background_ends_bit_for_bit_like_one_in_the_foreground(live):
    live.start()
    assert live.wait() == "finished"
    assert_same_end(live.ppo, left_alone())
    assert [update.update for update in live.records] == list(range(1, 9))


class Keeping(Tokens):
    """A learner's: it keeps what it computed, to look at it later."""

    def forward(self, obs_map, obs_global):
        self.last = super().forward(obs_map, obs_global)
        return self.last


def test_a_network_that_keeps_what_it_computed_is_trained_and_shown():
    live = LiveTraining(PPO(dataclasses.replace(SMALL, total_timesteps=64 * 2), model=Keeping()))
    live.start()
    assert live.wait() == "finished", live.error
    assert live.agent.model.last[0].grad_fn is None


def test_while_paused_nothing_is_played_or_counted_and_it_goes_on_bit_for_bit(live):
    pause_after(live, 3)
    live.start()
    assert live.wait() == "paused"
    before = run.snapshot(live.ppo).arrays
    time.sleep(0.3)
    assert live.ppo.step == 3 * SMALL.batch_size and len(live.records) == 3
    for name, array in run.snapshot(live.ppo).arrays.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    live.start()
    assert live.wait() == "finished"
    assert_same_end(live.ppo, left_alone())


def test_what_was_stopped_goes_on_bit_for_bit(live):
    live.until = lambda update: update.update == 3
    live.start()
    assert live.wait() == "reached"
    live.until = lambda update: live.stop()
    live.start()
    assert live.wait() == "stopped"
    assert live.ppo.finished_updates == 4
    live.until = lambda update: False
    live.start()
    assert live.wait() == "finished"
    assert_same_end(live.ppo, left_alone())


def test_stopping_ends_a_pause(live):
    pause_after(live, 2)
    live.start()
    live.wait()
    live.stop()
    assert live.wait() == "stopped"
    assert live.ppo.finished_updates == 2


def test_the_time_left_is_that_of_the_last_updates_rate(live):
    assert np.isnan(live.steps_per_second) and np.isnan(live.seconds_left)
    pause_after(live, 2)
    live.start()
    live.wait()
    took = sum(64 / update.steps_per_second for update in live.records)
    assert live.steps_per_second == pytest.approx(128 / took)
    assert live.seconds_left == pytest.approx(6 / 2 * took)


def test_a_paused_run_is_saved_so_another_process_could_go_on(tmp_path):
    made = run.start(dataclasses.replace(SMALL, runs_dir=str(tmp_path)))
    live = LiveTraining(made)
    pause_after(live, 3)
    live.start()
    assert live.wait() == "paused"
    resumed = LiveTraining(run.resume(made.folder))  # as after a kernel that died here
    assert [record.step for record in resumed.records] == [64, 128, 192]
    assert str(resumed.records) == str(live.records)  # NaN equals NaN only as text
    resumed.start()
    assert resumed.wait() == "finished"
    assert_same_end(resumed.ppo, left_alone())
    live.stop()
    live.wait()


def test_watching_a_game_changes_nothing(live):
    game = WatchedGame(live.ppo)

    def watch():
        for _ in range(7):
            game.step(live.agent)

    live.tell = watch
    live.start()
    live.wait()
    assert_same_end(live.ppo, left_alone())
    assert len(game.results) >= 3 and all(0 < result["length"] <= 20 for result in game.results)
    assert game.world.params.height == SMALL.height and 0 <= game.steps < 20


def test_the_agent_is_a_copy_of_the_network_after_the_last_update(live):
    live.until = lambda update: update.update == 2
    live.start()
    live.wait()
    theirs, ours = live.ppo.model.state_dict(), live.agent.model.state_dict()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert not {tensor.data_ptr() for tensor in ours.values()} & {tensor.data_ptr() for tensor in theirs.values()}
    assert live.agent.progress["update"] == 2


def test_a_failure_is_raised_where_somebody_waits():
    live = LiveTraining(PPO(SMALL))
    with torch.no_grad():
        next(live.ppo.model.parameters()).fill_(torch.nan)
    live.start()
    with pytest.raises(BadInput, match="diverged"):
        live.wait()
    assert live.state == "failed"


def test_what_can_not_be_trained_is_refused():
    with pytest.raises(BadInput, match="expected a PPO or a Run"):
        LiveTraining(SMALL)


def test_a_process_that_ends_saves_the_run_first(tmp_path):
    config = dataclasses.replace(SMALL, total_timesteps=64_000, runs_dir=str(tmp_path))
    program = f"""
import time
from territory.training import TrainConfig, run
from territory.training.live import LiveTraining
made = run.start(TrainConfig(**{config.as_dict()}))
live = LiveTraining(made)
live.start()
while len(live.records) < 2: time.sleep(0.01)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert 2 <= run.resume(tmp_path / "run").ppo.finished_updates < 1000
