"""The study of eight views: when and where are taken from different looks, and directions are counted."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers.builders import random_moments

from studies.views import Split, anywhere, compare, mean_of_logits, probabilities, turned
from territory import models
from territory.agent import Agent, Decoding


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    config = {"model": "tokens", "height": 64, "width": 64, "max_steps": 30, "num_bots": 3}
    return Agent(models.build("tokens"), config, decoding=Decoding(attack_threshold=0.5))


@pytest.fixture
def state():
    return random_moments(8, allowed=0.5)


@pytest.mark.parametrize("views", [1, 8])
def test_both_from_the_same_look_is_the_agent_itself(agent, state, views):
    looking = agent.with_decoding(views=views)
    look = partial(probabilities, looking)
    split = Split(look, look, looking.decoding.attack_threshold)
    actions = split(*state)
    np.testing.assert_array_equal(actions, looking.act(*state))
    assert split.directions.sum() == (actions < 80).sum() > 0


def test_when_and_where_come_from_different_looks(agent, state):
    eight = agent.with_decoding(views=8)
    both = Split(partial(probabilities, agent), partial(probabilities, eight), 0.5)(*state)
    np.testing.assert_array_equal(both >= 80, agent.act(*state) >= 80)
    attacks = both < 80
    np.testing.assert_array_equal(both[attacks], eight.predict(*state)[0][attacks, :80].argmax(1))


def test_a_direction_by_chance_is_an_open_one_with_the_same_order(agent, state):
    _, masks = state
    attack = np.array([np.flatnonzero(mask[:80])[0] for mask in masks])
    direct = anywhere(seed=1)
    drawn = np.stack([direct(masks, attack) for _ in range(60)])
    assert masks[np.arange(8), drawn].all() and (drawn % 10 == attack % 10).all()
    assert all(len(np.unique(drawn[:, row])) > 1 for row in range(8))


def test_the_table_has_a_row_for_each_way_to_look(agent):
    rows = compare("fresh", agent, "bot", 2, games=2)
    assert [(row.when, row.where) for row in rows] == [
        ("one view", "one view"), ("one view", "by chance"), ("eight views", "one view"),
        ("one view", "eight views"), ("eight views", "eight views"), ("mean of logits", "mean of logits"),
    ]  # fmt: skip
    assert all("%" in row.won and row.opponents == "2 bot" for row in rows)


def test_the_mean_of_logits_is_a_product_of_the_views_probabilities(agent, state):
    """Between one view and the same view there is nothing to multiply: a network that sees nothing is unchanged."""
    with torch.no_grad():
        agent.model.actor[-1].weight.zero_()
        agent.model.actor[-1].bias.copy_(torch.linspace(-1, 1, 90).where(torch.arange(90) >= 80, torch.tensor(0.5)))
    np.testing.assert_allclose(mean_of_logits(agent, *state), probabilities(agent, *state), atol=1e-5)
    torch.manual_seed(1)
    torch.nn.init.normal_(agent.model.actor[-1].weight)
    product, mean = mean_of_logits(agent, *state), probabilities(agent.with_decoding(views=8), *state)
    np.testing.assert_allclose(product.sum(1), 1, atol=1e-4)
    assert np.abs(product - mean).max() > 0.01


def test_boards_are_of_the_agents_own_kind_of_games(agent, monkeypatch):
    monkeypatch.setattr("studies.views.STATES", 64)
    row = turned("fresh", agent)
    assert row.agent == "fresh" and 0 < row.boards <= 64 and "%" in row.along + row.stayed
