"""The study of orders: an agent's attacks, played on with other shares and with a wait."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from benchmarks import orders
from territory import models
from territory.training import Agent, branches
from territory.world.actions import FIRST_WAIT, decode

WORLD = {"height": 32, "width": 32, "num_bots": 2, "max_steps": 30}


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    return Agent(models.build("tokens"), {"model": "tokens", **WORLD}, attack_threshold=0.05)


def test_an_attack_is_tried_with_every_share_and_not_at_all(agent, monkeypatch):
    tried = []
    whole = branches.play_on

    def noted(envs, states, actions, *rest):
        tried.append(actions.reshape(-1, len(orders.ORDERS)))
        return whole(envs, states, actions, *rest)

    monkeypatch.setattr(orders, "play_on", noted)
    ((given, returns, games),) = orders.played_on(agent, agent.train_config(), 16, 2, 0)
    assert given.shape == games.shape == (16,) and returns.shape == (16, 6) and np.isfinite(returns).all()
    for row, own in zip(tried[0], given, strict=True):
        *shares, wait = map(decode, row)
        assert len({(each.direction, each.build) for each in shares}) == 1
        assert [each.intensity for each in shares] == [0, 1, 2, 3, 4] and own in range(5)
        assert row[-1] >= FIRST_WAIT and wait.build == shares[0].build


def test_ones_own_order_gains_nothing_and_a_better_one_what_it_is_better_by(monkeypatch):
    given, games = np.array([2, 2, 4, 2]), np.array([0, 0, 1, 2])
    returns = np.tile(np.array([0.0, 0, 1, 0, 1, 3]), (4, 1))
    monkeypatch.setattr(orders, "played_on", lambda *asked: [(given, returns, games)])
    rows = {row.instead: row for row in orders.study(None, None, 4, 2, 0)}
    assert [*rows] == ["15%", "30%", "45%", "60%", "75%", "wait"]
    assert (rows["45%"].given_share, rows["75%"].given_share, rows["wait"].given_share) == (0.75, 0.25, 0)
    assert rows["45%"].gain == "+0.00 (+0.00 to +0.00)" and rows["wait"].gain == "+2.00 (+2.00 to +2.00)"


def test_the_command_prints_a_row_for_each_order(root):
    asked = ["tokens", "--opponents", "bot", "--num-bots", "1", "--moments", "1", "--horizon", "1"]
    told = subprocess.run([sys.executable, "-m", "benchmarks.orders", *asked], cwd=root, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines()[2:]] == list(orders.ORDERS)
