"""The study of orders: an agent's attacks, played on with other shares and with a wait."""

import numpy as np
import pytest
import torch
from helpers.builders import random_moments

from studies import command, orders, rollouts
from studies.datafile import load
from studies.games import config_of
from territory import models
from territory.agent import Agent, Decoding, SampledStates
from territory.world.actions import FIRST_WAIT, decode

WORLD = {"height": 32, "width": 32, "num_bots": 2, "max_steps": 30}


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    return Agent(models.build("tokens"), {"model": "tokens", **WORLD}, decoding=Decoding(0.05))


def test_an_attack_is_tried_with_every_share_and_not_at_all(agent, monkeypatch):
    tried = []
    whole = rollouts.rollout_returns

    def noted(envs, states, actions, *rest):
        tried.append(actions.reshape(-1, len(orders.ORDERS)))
        return whole(envs, states, actions, *rest)

    monkeypatch.setattr(orders, "rollout_returns", noted)
    (played,) = orders.played_on(agent, config_of(agent), 16, 2, 0)
    assert played.given.shape == (16,) == (len(played.states),)
    assert played.returns.shape == (16, 7) and np.isfinite(played.returns).all()
    for row, own in zip(tried[0], played.given, strict=True):
        *shares, wait, longer = map(decode, row)
        assert len({(each.direction, each.build) for each in shares}) == 1
        assert [each.intensity for each in shares] == [0, 1, 2, 3, 4] and own in range(5)
        assert wait == longer and row[-1] >= FIRST_WAIT and wait.build == shares[0].build


def test_the_longer_wait_holds_back_for_its_steps_and_only_there(agent):
    obs, masks = random_moments(8, side=32)
    eager = agent.with_decoding(attack_threshold=1e-6)
    assert (eager.act(obs, masks) < FIRST_WAIT).all()
    patient = orders.Patient(eager, np.arange(8) < 3, steps=2)
    for _ in range(2):
        assert (patient.act(obs, masks) >= FIRST_WAIT).tolist() == [True] * 3 + [False] * 5
    np.testing.assert_array_equal(patient.act(obs, masks), eager.act(obs, masks))
    np.testing.assert_array_equal(patient.predict(obs, masks)[1], eager.predict(obs, masks)[1])


def test_ones_own_order_gains_nothing_and_a_better_one_what_it_is_better_by(agent, monkeypatch):
    obs, masks = random_moments(4, side=32)
    states = SampledStates(obs["map"], obs["global"], masks, np.array([0, 0, 1, 2]))
    returns = np.tile(np.array([0.0, 0, 1, 0, 1, 3, 1]), (4, 1))
    played = orders.Played(states, np.array([2, 2, 4, 2]), returns)
    monkeypatch.setattr(orders, "played_on", lambda *asked: [played])
    rows = {row.instead: row for row in orders.study(agent, None, 4, 2, 0)}
    assert [*rows] == [*orders.ORDERS] == ["15%", "30%", "45%", "60%", "75%", "wait", "wait 6 steps"]
    assert (rows["45%"].given_share, rows["75%"].given_share, rows["wait"].given_share) == (0.75, 0.25, 0)
    assert rows["45%"].gain == "+0.00 (+0.00 to +0.00)" and rows["wait"].gain == "+2.00 (+2.00 to +2.00)"
    assert rows["wait"].spread == "0.00" and rows["wait"].foreseen == "-"  # of three games no probe can be made


def test_a_gain_that_the_features_tell_is_foreseen_and_one_that_they_don_t_is_not():
    random = np.random.default_rng(0)
    features, games = random.normal(size=(400, 5)), np.arange(400) // 4
    told, untold = orders.foreseen(features, features[:, 0], games), orders.foreseen(features, -games % 3.0, games)
    assert told.startswith("+1.000") and float(untold.split()[0]) < 0.05


def test_the_command_prints_a_row_for_each_order_and_keeps_them(tmp_path, capsys):
    flags = ["tokens", "--opponents", "bot", "--num-bots", "1", "--states", "1", "--horizon", "1"]
    for _ in range(2):  # the second time in the place of the first
        assert command.run(orders.main, [*flags, "--out", str(tmp_path / "orders.json")]) == 0
        assert [line[:12].rstrip() for line in capsys.readouterr().out.splitlines()[2:]] == list(orders.ORDERS)
    assert [row["instead"] for row in load(tmp_path / "orders.json")] == list(orders.ORDERS)
