"""Agents: one observation or many, greedy or sampled, found by name or path."""

import re

import numpy as np
import pytest
import torch
from helpers.builders import random_moments
from torch import nn

import territory
from territory import models
from territory.agent import Agent, Decoding, load_agent, save_agent
from territory.agent import agent as agents
from territory.agent import checkpoint as files
from territory.envs.opponents import IdlePolicy, RandomPolicy, SteadyPolicy
from territory.errors import BadInput
from territory.models.policy import VIEWS, greedy, policy_and_value


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    return Agent(models.build("attention", norm="group"))


@pytest.fixture
def batch():
    return random_moments(6)


def one(obs, game=0):
    return {name: array[game] for name, array in obs.items()}


def test_one_observation_gives_an_integer_and_a_batch_an_array(agent, batch):
    obs, masks = batch
    actions = agent.act(obs, masks)
    assert actions.shape == (6,)
    assert actions.dtype == np.int64
    assert [agent.act(one(obs, game), masks[game]) for game in range(6)] == actions.tolist()
    assert isinstance(agent.act(one(obs), masks[0]), int)


def test_a_network_without_weights_plays(batch):
    class Even(nn.Module):
        def forward(self, maps, stats):
            return torch.zeros(len(maps), 90), torch.zeros(len(maps))

    obs, masks = batch
    probabilities, _ = Agent(Even()).predict(obs, masks)
    np.testing.assert_allclose(probabilities, masks / masks.sum(1, keepdims=True), rtol=1e-5)


def test_the_deterministic_action_is_the_likeliest_of_the_likelier_kind(agent, batch):
    obs, masks = batch
    probabilities, values = agent.predict(obs, masks)
    attacks, waits = probabilities[:, :80], probabilities[:, 80:]
    likeliest = np.where(waits.sum(1) > attacks.sum(1), 80 + waits.argmax(1), attacks.argmax(1))
    np.testing.assert_array_equal(agent.act(obs, masks), likeliest)
    np.testing.assert_array_equal(agent(obs, masks), agent.act(obs, masks))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (probabilities[~masks] == 0).all()
    assert values.shape == (6,)
    single, value = agent.predict(one(obs), masks[0])
    assert single.shape == (90,)
    assert value.shape == ()


def test_many_attacks_alike_outweigh_the_one_wait():
    probabilities = torch.zeros(3, 90)
    probabilities[0, :80], probabilities[0, 80] = 0.9 / 80, 0.1  # the argmax is WAIT, but nine times in ten it attacks
    probabilities[1, 3], probabilities[1, 80], probabilities[1, 81] = 0.4, 0.35, 0.25  # waits, building or not: 60 %
    probabilities[2, 81] = 1.0  # nothing but WAIT with a city is allowed
    probabilities[0, 7] += 1e-3
    assert greedy(probabilities.log()).tolist() == [7, 80, 81]


def test_a_lower_threshold_attacks_where_attacking_is_rare_but_never_where_it_is_forbidden(agent, batch):
    probabilities = torch.zeros(2, 90)
    probabilities[0, 5], probabilities[0, 80] = 0.2, 0.8
    probabilities[1, 80] = 1.0
    assert greedy(probabilities.log(), attack_threshold=0.3).tolist() == [80, 80]
    assert greedy(probabilities.log(), attack_threshold=0.19).tolist() == [5, 80]
    assert greedy(probabilities.log(), attack_threshold=1e-9).tolist() == [5, 80]
    obs, masks = batch
    eager = agent.with_decoding(1e-9).act(obs, masks)
    assert (eager < 80).tolist() == masks[:, :80].any(axis=1).tolist()
    with pytest.raises(BadInput, match="attack_threshold, a probability, must be"):
        agent.with_decoding(0.0)


def test_the_threshold_is_kept_in_the_file(agent, tmp_path):
    save_agent(agent.with_decoding(0.2), tmp_path / "eager.safetensors")
    assert load_agent(tmp_path / "eager.safetensors").decoding.attack_threshold == 0.2
    assert agent.decoding == Decoding(0.5, 1) == load_agent("attention").decoding  # an older file says nothing


def test_an_agent_of_eight_views_chooses_alike_whichever_way_the_board_lies(agent, batch, tmp_path):
    obs, masks = batch
    save_agent(agent.with_decoding(views=8), tmp_path / "looks.safetensors")
    looks = load_agent(tmp_path / "looks.safetensors")
    assert (looks.decoding.views, agent.decoding.views) == (8, 1)
    view = VIEWS[3]
    seen = np.ascontiguousarray(view.of_maps(torch.from_numpy(obs["map"])).numpy())
    places = view.of_actions().numpy()
    turned_masks = np.empty_like(masks)
    turned_masks[:, places] = masks
    there, value = looks.predict({**obs, "map": seen}, turned_masks)
    here, same_value = looks.predict(obs, masks)
    np.testing.assert_allclose(there[:, places], here, atol=1e-5)
    np.testing.assert_allclose(value, same_value, atol=1e-5)
    assert np.abs(agent.predict(obs, masks)[0] - here).max() > 1e-5
    with pytest.raises(BadInput, match="rotated and reflected too"):
        agent.with_decoding(views=2)


def test_one_view_that_is_sure_to_wait_does_not_forbid_the_others_to_attack():
    """Probabilities are averaged: a mean of logits, their product, would all but forbid what one view excludes."""

    class Moody(torch.nn.Module):
        def forward(self, maps, stats):
            logits = torch.zeros(len(maps), 90)
            logits[:, 80] = torch.where(maps[:, 0, 0, 0] > 0, 30.0, -30.0)  # waits where the north-west is marked
            return logits, torch.zeros(len(maps))

    maps = torch.zeros(1, 5, 32, 32, dtype=torch.uint8)
    maps[..., 0, 0] = 255
    masks = torch.zeros(1, 90, dtype=torch.bool)
    masks[:, [0, 10, 20, 30, 40, 50, 60, 70, 80]] = True
    log_probs, _ = policy_and_value(Moody(), maps, torch.zeros(1, 16), masks, views=8)
    assert log_probs.exp()[0, 80] == pytest.approx(1 / 4)  # a corner is north-west in two views of eight
    torch.testing.assert_close(log_probs.exp().sum(), torch.tensor(1.0))


def test_drawn_actions_are_allowed_vary_and_repeat_with_the_seed(agent, batch):
    obs, masks = batch
    draws = np.stack([agent.act(obs, masks, deterministic=False) for _ in range(50)])
    assert masks[np.arange(6), draws].all()
    assert (draws != draws[0]).any()
    again = Agent(agent.model)
    np.testing.assert_array_equal(draws[0], again.act(obs, masks, deterministic=False))


def test_without_a_mask_every_action_is_allowed(agent, batch):
    obs, _ = batch
    np.testing.assert_array_equal(agent.act(obs), agent.act(obs, np.ones((6, 90), dtype=bool)))


def test_arrays_that_are_read_only_or_run_backwards_are_acted_on(agent, batch):
    obs, masks = batch
    wanted = agent.act(obs, masks)
    backwards = {name: array[::-1].copy()[::-1] for name, array in obs.items()}
    assert np.array_equal(agent.act(backwards, masks[::-1].copy()[::-1]), wanted)
    for array in (*obs.values(), masks):
        array.flags.writeable = False
    assert np.array_equal(agent.act(obs, masks), wanted)  # without torch's warning


@pytest.mark.parametrize("games", [1, 2, 3])
@pytest.mark.parametrize("views", [1, 8])
def test_a_network_of_other_outputs_is_refused_for_any_number_of_games(games, views):
    class LogitsAlone(nn.Linear):  # of two games, its rows could be taken for logits and values
        def forward(self, maps, stats):
            return super().forward(stats)

    obs, masks = random_moments(games)
    with pytest.raises(BadInput, match="expected a network that gives logits and a value"):
        Agent(LogitsAlone(16, 90), decoding=Decoding(views=views)).act(obs, masks)


def test_wrong_observations_and_masks_are_refused(agent, batch):
    obs, masks = batch
    with pytest.raises(BadInput, match='"map" and "global"'):
        agent.act(obs["map"], masks)
    with pytest.raises(BadInput, match=r"got float32 \(6, 5, 64, 64\)"):
        agent.act({**obs, "map": obs["map"].astype(np.float32)}, masks)
    with pytest.raises(BadInput, match="one batch axis"):
        agent.act({**obs, "global": obs["global"][0]}, masks)
    with pytest.raises(BadInput, match=r"one mask per observation \(6\)"):
        agent.act(obs, masks[:2])
    with pytest.raises(BadInput, match="at least one action"):
        agent.act(one(obs), np.zeros(90, dtype=bool))


def test_an_agent_of_a_learners_own_network_is_not_saved_and_the_message_says_what_to_do(tmp_path):
    class Mine(torch.nn.Linear):
        name = "mine"

    for network in (torch.nn.Linear(16, 91), Mine(16, 91)):
        with pytest.raises(BadInput, match=rf"got {type(network).__name__}, .*torch.save\(network.state_dict"):
            save_agent(Agent(network), tmp_path / "mine.safetensors")
    assert not list(tmp_path.iterdir())


def saved(path, agent: Agent):
    save_agent(Agent(agent.model, {"height": 64}, {"step": 7}, {"5 x bot": {"win_rate": 1.0}}), path)


def test_an_agent_is_found_by_path_run_name_and_pretrained_name(agent, batch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "PRETRAINED", tmp_path / "shipped")
    saved(tmp_path / "runs" / "mine" / files.FILE_NAME, agent)
    saved(tmp_path / "shipped" / "star.safetensors", agent)
    obs, masks = batch
    for name in ("star", "mine", "runs/mine", tmp_path / "runs" / "mine" / files.FILE_NAME):
        found = load_agent(name)
        np.testing.assert_array_equal(found.act(obs, masks), agent.act(obs, masks))
        assert (found.config, found.progress) == ({"height": 64}, {"step": 7})
        assert found.results == {"5 x bot": {"win_rate": 1.0}}
    assert agents.pretrained() == ("star",)


def test_an_unknown_agent_names_those_there_are(agent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "PRETRAINED", tmp_path / "shipped")
    saved(tmp_path / "runs" / "mine" / files.FILE_NAME, agent)
    with pytest.raises(BadInput, match=r"'yours': expected a pretrained one \(none\), a run in runs/ \(mine\)"):
        load_agent("yours")
    with pytest.raises(BadInput, match=r"checkpoint file\. A network of your own is trained and looked at in Python"):
        load_agent("yours.py:Net")


def test_scripted_policies_keep_to_the_mask():
    masks = np.zeros((1000, 90), dtype=bool)
    masks[:, [3, 80]] = True
    drawn = RandomPolicy(seed=1)({}, masks)
    assert set(drawn) == {3, 80}
    assert 400 < (drawn == 3).sum() < 600
    np.testing.assert_array_equal(drawn, RandomPolicy(seed=1)({}, masks))
    assert set(IdlePolicy()({}, masks)) == {80}
    first = SteadyPolicy()({}, masks)
    assert masks[np.arange(len(masks)), first].all() and (first == [row.argmax() for row in masks]).all()


def test_the_public_names_are_functions_even_after_their_modules_are_loaded():
    from territory.agent import agent, evaluation

    assert territory.load_agent is agent.load_agent
    assert territory.evaluate is evaluation.evaluate
    assert all(getattr(territory.training, name) for name in territory.training.__all__)
    assert all(getattr(territory.agent, name) for name in territory.agent.__all__)
    assert all(getattr(territory.envs, name) for name in territory.envs.__all__)


@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        ("runs/mine/.checkpoint.7.safetensors", "mine", "no agent yet in the run runs/mine: it has no checkpoint. It"),
        ("runs/mine/.checkpoint.7.safetensors", "runs/mine", "start it again, without --resume"),
        ("runs/mine/config.json", "mine", "expected checkpoint.safetensors there, found 'config.json'; it was moved"),
        ("runs/mine/checkpoint.safetensors", "runs", "found 'mine'; name one of the agents in it, such as runs/mine"),
        ("kept/my.safetensors", "kept", "found 'my.safetensors'; name one of the agents in it, such as kept/my.saf"),
        ("kept/notes/old.txt", "kept/notes", "found 'old.txt'; is another folder meant?"),
        ("kept/notes/old.txt", "kept/other", "no agent 'kept/other': expected a pretrained one"),
    ],
)
def test_a_folder_without_an_agent_is_told_with_what_it_holds_and_what_to_do(tmp_path, monkeypatch, made, asked, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / made).parent.mkdir(parents=True)
    (tmp_path / made).touch()
    with pytest.raises(BadInput, match=re.escape(said)):
        load_agent(asked)


def test_an_agent_that_may_not_be_read_is_told_as_such(monkeypatch):
    def listdir(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", listdir)
    with pytest.raises(BadInput, match=r"no agent that can be read at secret/my.safetensors: Permission denied"):
        load_agent("secret/my.safetensors")
