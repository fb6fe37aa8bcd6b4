"""The study of eight views: when and where are taken from different looks, and directions are counted."""

import numpy as np
import pytest
import torch

from benchmarks.views import Split, anywhere, compare
from territory import models
from territory.training import Agent


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    config = {"height": 64, "width": 64, "max_steps": 30}
    return Agent(models.build("tokens"), config, attack_threshold=0.5)


@pytest.fixture
def moment():
    random = np.random.default_rng(0)
    obs = {
        "map": random.integers(0, 256, (8, 5, 64, 64), dtype=np.uint8),
        "global": random.normal(size=(8, 16)).astype(np.float32),
    }
    masks = random.random((8, 90)) < 0.5
    masks[:, 80] = True
    return obs, masks


@pytest.mark.parametrize("views", [1, 8])
def test_both_from_the_same_look_is_the_agent_itself(agent, moment, views):
    looking = agent.choosing(views=views)
    split = Split(looking, looking)
    actions = split(*moment)
    np.testing.assert_array_equal(actions, looking.act(*moment))
    assert split.directions.sum() == (actions < 80).sum() > 0


def test_when_and_where_come_from_different_looks(agent, moment):
    eight = agent.choosing(views=8)
    both = Split(agent, eight)(*moment)
    np.testing.assert_array_equal(both >= 80, agent.act(*moment) >= 80)
    attacks = both < 80
    np.testing.assert_array_equal(both[attacks], eight.predict(*moment)[0][attacks, :80].argmax(1))


def test_a_direction_by_chance_is_an_open_one_with_the_same_order(agent, moment):
    _, masks = moment
    attack = np.array([np.flatnonzero(mask[:80])[0] for mask in masks])
    direct = anywhere(seed=1)
    drawn = np.stack([direct(None, masks, attack) for _ in range(60)])
    assert masks[np.arange(8), drawn].all() and (drawn % 10 == attack % 10).all()
    assert all(len(np.unique(drawn[:, row])) > 1 for row in range(8))


def test_the_table_has_a_row_for_each_way_to_look(agent):
    rows = compare(agent, "bot", 2, games=2)
    assert [(row.when, row.where) for row in rows] == [
        ("one view", "one view"), ("one view", "by chance"), ("eight views", "one view"),
        ("one view", "eight views"), ("eight views", "eight views"),
    ]  # fmt: skip
    assert all("%" in row.won and row.opponents == "2 bot" for row in rows)
