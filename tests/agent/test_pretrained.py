"""The agents that come with the package, in a few of the games that the README reports on."""

import numpy as np
import pytest
import torch

import territory
from studies.distillation import sampling_policy
from territory.agent import sample_states
from territory.agent.agent import pretrained
from territory.interpret import equivariance


@pytest.fixture(scope="module")
def agent():
    return territory.load_agent("attention")


@pytest.fixture(scope="module")
def played(agent):
    """16 held-out games by the agent's deterministic choice."""
    return territory.evaluate(agent, games=16)


def test_it_says_how_it_was_trained_and_what_it_reached(agent):
    assert pretrained() == ("attention", "baseline", "champion", "tokens")
    assert agent.config["num_bots"] == 5 and agent.config["norm"] == "group"
    assert agent.progress["step"] == 102_144
    (reached,) = agent.results.values()
    assert reached["games"] == 64 and reached["win_rate"] >= 0.95


def test_it_wins_on_maps_that_training_never_saw(played):
    assert played.win_rate == 1
    assert played.idle_share < 0.5


def test_a_flat_argmax_waits_where_the_policy_would_rather_attack(agent, played):
    def argmax(obs, mask):
        return np.argmax(agent.predict(obs, mask)[0], axis=1)

    flat = territory.evaluate(argmax, games=16)
    assert sum(flat.wins) < sum(played.wins)
    assert flat.idle_share > 2 * played.idle_share


def test_tokens_beats_nations_and_has_not_forgotten_bots():
    tokens = territory.load_agent("tokens")
    assert tokens.config["opponents"] == "nation" and tokens.config["init"] == "runs/tokens-mixed"
    assert {name: reached["games"] for name, reached in tokens.results.items()} == {
        "5 x bot": 64,
        "5 x nation": 64,
        "5 x mixed": 64,
        "50 x mixed": 64,
    }
    assert territory.evaluate(tokens, games=8).win_rate == 1
    assert territory.evaluate(tokens, games=16, opponents="nation").win_rate > 1 / 2  # one sixth if all were equal


def test_the_champion_wins_far_more_than_its_share_of_fifty_one_players():
    champion = territory.load_agent("champion")
    assert champion.config["opponents"] == "5xnation+50xmixed" and champion.decoding.attack_threshold == 0.3
    assert {reached["games"] for reached in champion.results.values()} == {256} and len(champion.results) == 4
    assert territory.evaluate(champion, num_bots=50, opponents="mixed", games=16).win_rate > 1 / 5


def test_the_champion_was_taught_where_to_attack_and_tokens_was_not():
    champion, tokens = (territory.load_agent(each) for each in ("champion", "tokens"))
    seen = sample_states(sampling_policy(champion), 96, every=8, num_bots=5, opponents="nation")
    boards = [torch.from_numpy(each) for each in (seen.maps, seen.stats, seen.masks)]
    assert equivariance(champion.model, *boards).along > 1 / 2
    assert equivariance(tokens.model, *boards).along < 1 / 5


def test_baseline_wins_against_bots():
    baseline = territory.load_agent("baseline")
    assert baseline.results["5 x bot"]["games"] == 64
    assert territory.evaluate(baseline, games=8).win_rate > 1 / 2
