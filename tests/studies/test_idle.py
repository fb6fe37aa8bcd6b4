"""The faults that notebook 04 builds into the world are those it names, and its data is complete."""

import dataclasses
import json

import numpy as np
import pytest

from studies import idle
from territory import load_study
from territory.envs.opponents import WAIT
from territory.training import TrainConfig
from territory.training.build import make_envs

WORLD = TrainConfig(height=64, width=64, num_bots=2, max_steps=30, num_envs=2, num_steps=4, minibatch_size=8)


def faulty(*faults):
    envs = idle.Faulty(make_envs(WORLD), faults)
    obs, info = envs.reset(seed=3)
    return envs, obs, info["action_mask"]


def an_attack(mask) -> np.ndarray:
    """The same order for both games, open in both."""
    return np.full(len(mask), np.flatnonzero(mask.all(axis=0))[0])


def test_a_world_without_faults_is_the_world():
    envs, _, mask = faulty()
    plain = make_envs(WORLD)
    _, info = plain.reset(seed=3)
    np.testing.assert_array_equal(mask, info["action_mask"])
    for _ in range(40):  # games end on the way
        ours, theirs = envs.step(an_attack(mask)), plain.step(an_attack(mask))
        np.testing.assert_array_equal(ours[0]["map"], theirs[0]["map"])
        np.testing.assert_array_equal(ours[1], theirs[1])
        mask = theirs[4]["action_mask"]


def test_lost_orders_are_waits_to_the_game():
    envs, _, mask = faulty(idle.LOST)
    waiting, *_ = faulty()
    ours, theirs = envs.step(an_attack(mask)), waiting.step(np.full(2, WAIT))
    np.testing.assert_array_equal(ours[0]["map"], theirs[0]["map"])
    np.testing.assert_array_equal(ours[1], theirs[1])


def test_without_a_mask_the_agent_is_told_that_everything_is_open():
    envs, _, mask = faulty(idle.NO_MASK)
    assert mask.all()
    assert envs.step(np.full(2, WAIT))[4]["action_mask"].all()


def test_ten_waits_open_those_ten_and_no_attack():
    _, _, mask = faulty(idle.TEN_WAITS)
    _, _, true = faulty()
    assert mask[:, WAIT:].all() and (~true[:, WAIT + 1 :]).any()
    np.testing.assert_array_equal(mask[:, :WAIT], true[:, :WAIT])


def test_only_attacks_that_achieve_nothing_cost_the_price():
    masked = faulty()[2]
    futile = next(action for action in range(WAIT) if not masked[0, action] and not masked[1, action])
    open_to_both = an_attack(masked)[0]
    for lost in ((), (idle.LOST,)):
        for action, price in ((futile, idle.PRICE), (open_to_both, idle.PRICE * bool(lost)), (WAIT, 0)):
            free = faulty(idle.NO_MASK, *lost)[0].step(np.full(2, action))[1]
            priced = faulty(idle.NO_MASK, idle.PRICED, *lost)[0].step(np.full(2, action))[1]
            assert free - priced == pytest.approx([price, price])


def test_paid_survival_is_a_wage_for_each_step_and_one_off_for_elimination():
    small = dataclasses.replace(WORLD, height=32, width=32, num_bots=4, max_steps=500)
    envs = idle.Faulty(make_envs(small), (idle.SURVIVAL,))
    envs.reset(seed=3)
    eliminated = 0
    while not eliminated:  # whoever waits is, sooner or later
        _, rewards, terminated, truncated, info = envs.step(np.full(2, WAIT))
        assert rewards == pytest.approx(np.where(terminated, idle.ALIVE - 1, idle.ALIVE))
        eliminated += terminated.sum()
        assert not truncated.any() and not ("final_info" in info and info["final_info"]["win"].any())


def test_the_share_of_waits_counts_all_ten_ways(monkeypatch):
    ppo = idle.make_trainer((), steps=1)
    ppo.rollout.actions[:] = 0
    ppo.rollout.actions[::2] = WAIT + 7
    assert idle.waits(ppo) == 0.5


def test_a_run_is_kept_and_not_repeated(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(idle, "CASES", {"all cured": ()})
    idle.main(seeds=1, steps=1, out=tmp_path / "idle.json")
    (run,) = json.loads((tmp_path / "idle.json").read_text())
    assert run["case"] == "all cured" and run["curve"][0][0] == 384
    assert "training with all cured, seed 0" in capsys.readouterr().err
    idle.main(seeds=1, steps=1, out=tmp_path / "idle.json")
    assert "training" not in capsys.readouterr().err


def test_the_data_in_the_repository_is_three_seeds_of_each_case():
    runs = load_study("idle")
    assert {(run["case"], run["seed"]) for run in runs} == {(case, seed) for case in idle.CASES for seed in range(3)}
    assert len({len(run["curve"]) for run in runs}) == 1
