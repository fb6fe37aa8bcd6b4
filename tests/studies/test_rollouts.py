"""Moments played on in every direction, and an aim learned from what came of it."""

import copy

import gymnasium
import numpy as np
import pytest
import torch

from studies.aim import aim, redirected
from studies.directions import drift, learn_aim
from studies.distillation import answers
from studies.rollouts import AT_ONCE, Branches, branch_games, directions, known, play_on, worth
from territory import models
from territory.agent import Agent, Decoding
from territory.errors import BadInput
from territory.models.policy import masked_log_softmax
from territory.training.losses import kl_divergence
from territory.world.actions import FIRST_WAIT

WORLD = {"height": 64, "width": 64, "num_bots": 4, "max_steps": 60}


@pytest.fixture(scope="module")
def agent() -> Agent:
    """An untrained network that strikes easily."""
    torch.manual_seed(0)
    return Agent(models.build("tokens").eval(), decoding=Decoding(0.05))


@pytest.fixture(scope="module")
def branches(agent) -> Branches:
    return Branches.of(list(branch_games(agent, 64, horizon=6, seed=3, **WORLD)))


def test_a_branch_is_the_game_that_was_played_from_there(agent):
    """Step by step in an environment of its own, from a copy of the same state: the same return."""
    envs = gymnasium.make_vec("Territory-v0", num_envs=3, **WORLD)
    obs, info = envs.reset(seed=11)
    for _ in range(8):
        obs, _, _, _, info = envs.step(agent.act(obs, info["action_mask"]))
    state, mask = envs.state_dict(), info["action_mask"].copy()
    actions = mask[:, :FIRST_WAIT].argmax(1)
    found = play_on(gymnasium.make_vec("Territory-v0", num_envs=3, **WORLD), state, actions, agent, 5, 0.9)
    paid = np.zeros(3)
    for step in range(5):
        obs, rewards, terminated, truncated, info = envs.step(actions)
        assert not (terminated | truncated).any()
        paid += 0.9**step * rewards
        actions = agent.act(obs, info["action_mask"])
    np.testing.assert_allclose(found, paid + 0.9**5 * agent.predict(obs, info["action_mask"])[1], rtol=1e-5)


def test_a_branch_that_is_cut_off_is_worth_what_the_critic_expects_at_the_cut(agent):
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, **WORLD | {"max_steps": 4})
    _, info = envs.reset(seed=5)
    state, waits = envs.state_dict(), np.full(2, FIRST_WAIT)
    found = play_on(envs, state, waits, agent, 50, 0.9)
    envs.load_state_dict(state)
    actions, paid = waits, np.zeros(2)
    for step in range(4):
        obs, rewards, terminated, truncated, info = envs.step(actions)
        paid += 0.9**step * rewards
        actions = agent.act(obs, info["action_mask"])
    assert truncated.all() and not terminated.any()
    last = {name: np.stack([each[name] for each in info["final_obs"]]) for name in obs}
    np.testing.assert_allclose(found, paid + 0.9**4 * agent.predict(last)[1], rtol=1e-5)


def test_directions_are_played_on_where_somebody_is_to_attack_and_only_in_attacks(branches):
    assert (known(branches)).sum() >= AT_ONCE
    open_ways = branches.moments.masks[:, :FIRST_WAIT].reshape(len(branches), 8, 10).any(2)
    attacked = ~np.isnan(branches.returns).all(1)
    assert attacked.sum() == 64
    np.testing.assert_array_equal(~np.isnan(branches.returns[attacked]), open_ways[attacked])
    gains = branches.advantages()
    np.testing.assert_allclose(gains.sum(1), 0, atol=1e-4)
    assert (gains[~attacked] == 0).all() and gains.std() > 0


def test_the_same_seed_plays_the_same_branches_on(agent, branches):
    again = Branches.of(list(branch_games(agent, 64, horizon=6, seed=3, **WORLD)))
    np.testing.assert_array_equal(again.returns, branches.returns)
    np.testing.assert_array_equal(again.moments.maps, branches.moments.maps)


def test_a_mixture_has_moments_of_each_kind_and_no_number_for_two_games(agent):
    world = WORLD | {"opponents": "2xbot+6xmixed"}
    parts = list(branch_games(agent, 8, horizon=2, seed=3, **world))
    assert [part.moments.games[0] % 2 for part in parts] == [0, 1]
    assert not set(parts[0].moments.games) & set(parts[1].moments.games)


def homeward(branches: Branches) -> Branches:
    """The same attacks, as if whoever attacks in the half in which his land lies did better."""
    own = branches.moments.maps[:, 0] > 0
    halves = (own[:, :32], own[:, :, 32:], own[:, 32:], own[:, :, :32])  # north, east, south, west
    best = 2 * np.stack([half.sum((1, 2)) for half in halves], 1).argmax(1)
    returns = np.where(np.isnan(branches.returns), np.nan, np.arange(8) == best[:, None])
    return Branches(branches.moments, returns.astype(np.float32))


def test_learning_the_aim_improves_it_and_leaves_the_rest_as_it_was(agent, branches):
    student = copy.deepcopy(agent.model)
    rated = homeward(branches)
    before, old = worth(rated, directions(student, rated))[0], answers(student, rated.moments)
    told = list(learn_aim(student, rated, epochs=100, learning_rate=3e-3, hold=0.003))
    assert [each.epoch for each in told] == list(range(101))
    assert worth(rated, directions(student, rated))[0] > before + 0.3
    new = answers(student, rated.moments)
    likely = [each[0][:, :FIRST_WAIT].logsumexp(1).exp() for each in (old, new)]
    assert (likely[0] - likely[1]).abs().mean() < 0.05


def test_attacks_of_one_game_do_not_make_an_interval_narrower(agent, branches):
    """Every attack twice, in the same game: as much is known as before. In a game of its own: more."""
    chosen = directions(agent.model, branches)
    mean, margin = worth(branches, chosen)
    twice = Branches.of([branches, branches])
    assert worth(twice, np.tile(chosen, 2)) == pytest.approx((mean, margin))
    assert worth(branches + branches, np.tile(chosen, 2))[1] < 0.75 * margin


def test_what_is_kept_comes_back_and_its_folder_is_made(branches, tmp_path):
    branches.save(tmp_path / "new" / "played.npz")
    again = Branches.load(tmp_path / "new" / "played.npz")
    np.testing.assert_array_equal(again.returns, branches.returns)
    for name in ("maps", "stats", "masks", "games"):
        np.testing.assert_array_equal(getattr(again.moments, name), getattr(branches.moments, name))


def test_drift_hears_of_everything_but_the_direction():
    torch.manual_seed(0)
    mask = torch.ones(4, 90, dtype=torch.bool)
    old, other = (masked_log_softmax(torch.randn(4, 90), mask) for _ in range(2))
    turned = redirected(old, aim(other))
    torch.testing.assert_close(drift(turned, old), torch.tensor(0.0), atol=1e-6, rtol=0)
    elsewhere = redirected(other, aim(old))  # the same directions, all else another policy's
    torch.testing.assert_close(drift(elsewhere, old), kl_divergence(old, elsewhere).mean())


def test_nothing_to_learn_from_is_refused(agent, branches):
    one = branches.where(branches.moments.games == branches.moments.games[0])
    with pytest.raises(BadInput, match="at least two games"):
        next(learn_aim(agent.model, one, 1, 1e-3, 0.1))
    with pytest.raises(BadInput, match="at least 1 moment"):
        next(branch_games(agent, 0, **WORLD))
