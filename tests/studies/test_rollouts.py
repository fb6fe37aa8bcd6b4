"""Moments played on in every direction, and an aim learned from what came of it."""

import copy

import gymnasium
import numpy as np
import pytest
import torch

from studies.direction_policy import direction_log_probs, with_directions
from studies.directions import drift, fine_tune
from studies.distillation import policies_and_values
from studies.fitting import kl_divergence
from studies.rollouts import AT_ONCE, Rollouts, directions, known, roll_out, rollout_returns, worth
from territory import models
from territory.agent import Agent, Decoding
from territory.errors import BadInput
from territory.models.policy import masked_log_softmax
from territory.world.actions import FIRST_WAIT

WORLD = {"height": 64, "width": 64, "num_bots": 4, "max_steps": 60}


@pytest.fixture(scope="module")
def agent() -> Agent:
    """An untrained network that strikes easily."""
    torch.manual_seed(0)
    return Agent(models.build("tokens").eval(), decoding=Decoding(0.05))


@pytest.fixture(scope="module")
def rollouts(agent) -> Rollouts:
    return Rollouts.of(list(roll_out(agent, 64, horizon=6, seed=3, **WORLD)))


def test_a_branch_is_the_game_that_was_played_from_there(agent):
    """Step by step in an environment of its own, from a copy of the same state: the same return."""
    envs = gymnasium.make_vec("Territory-v0", num_envs=3, **WORLD)
    obs, info = envs.reset(seed=11)
    for _ in range(8):
        obs, _, _, _, info = envs.step(agent.act(obs, info["action_mask"]))
    state, mask = envs.state_dict(), info["action_mask"].copy()
    actions = mask[:, :FIRST_WAIT].argmax(1)
    found = rollout_returns(gymnasium.make_vec("Territory-v0", num_envs=3, **WORLD), state, actions, agent, 5, 0.9)
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
    found = rollout_returns(envs, state, waits, agent, 50, 0.9)
    envs.load_state_dict(state)
    actions, paid = waits, np.zeros(2)
    for step in range(4):
        obs, rewards, terminated, truncated, info = envs.step(actions)
        paid += 0.9**step * rewards
        actions = agent.act(obs, info["action_mask"])
    assert truncated.all() and not terminated.any()
    last = {name: np.stack([each[name] for each in info["final_obs"]]) for name in obs}
    np.testing.assert_allclose(found, paid + 0.9**4 * agent.predict(last)[1], rtol=1e-5)


def test_directions_are_played_on_where_somebody_is_to_attack_and_only_in_attacks(rollouts):
    assert (known(rollouts)).sum() >= AT_ONCE
    open_ways = rollouts.states.masks[:, :FIRST_WAIT].reshape(len(rollouts), 8, 10).any(2)
    attacked = ~np.isnan(rollouts.returns).all(1)
    assert attacked.sum() == 64
    np.testing.assert_array_equal(~np.isnan(rollouts.returns[attacked]), open_ways[attacked])
    gains = rollouts.advantages()
    np.testing.assert_allclose(gains.sum(1), 0, atol=1e-4)
    assert (gains[~attacked] == 0).all() and gains.std() > 0


def test_the_same_seed_plays_the_same_branches_on(agent, rollouts):
    again = Rollouts.of(list(roll_out(agent, 64, horizon=6, seed=3, **WORLD)))
    np.testing.assert_array_equal(again.returns, rollouts.returns)
    np.testing.assert_array_equal(again.states.maps, rollouts.states.maps)


def test_a_mixture_has_moments_of_each_kind_and_no_number_for_two_games(agent):
    world = WORLD | {"opponents": "2xbot+6xmixed"}
    parts = list(roll_out(agent, 8, horizon=2, seed=3, **world))
    assert [part.states.games[0] % 2 for part in parts] == [0, 1]
    assert not set(parts[0].states.games) & set(parts[1].states.games)


def homeward(rollouts: Rollouts) -> Rollouts:
    """The same attacks, as if whoever attacks in the half in which his land lies did better."""
    own = rollouts.states.maps[:, 0] > 0
    halves = (own[:, :32], own[:, :, 32:], own[:, 32:], own[:, :, :32])  # north, east, south, west
    best = 2 * np.stack([half.sum((1, 2)) for half in halves], 1).argmax(1)
    returns = np.where(np.isnan(rollouts.returns), np.nan, np.arange(8) == best[:, None])
    return Rollouts(rollouts.states, returns.astype(np.float32))


def test_learning_the_aim_improves_it_and_leaves_the_rest_as_it_was(agent, rollouts):
    student = copy.deepcopy(agent.model)
    rated = homeward(rollouts)
    before, old = worth(rated, directions(student, rated))[0], policies_and_values(student, rated.states)
    told = list(fine_tune(student, rated, epochs=100, learning_rate=3e-3, kl_weight=0.003))
    assert [each.epoch for each in told] == list(range(101))
    assert worth(rated, directions(student, rated))[0] > before + 0.3
    new = policies_and_values(student, rated.states)
    likely = [each[0][:, :FIRST_WAIT].logsumexp(1).exp() for each in (old, new)]
    assert (likely[0] - likely[1]).abs().mean() < 0.05


def test_attacks_of_one_game_do_not_make_an_interval_narrower(agent, rollouts):
    """Every attack twice, in the same game: as much is known as before. In a game of its own: more."""
    chosen = directions(agent.model, rollouts)
    mean, margin = worth(rollouts, chosen)
    twice = Rollouts.of([rollouts, rollouts])
    assert worth(twice, np.tile(chosen, 2)) == pytest.approx((mean, margin))
    assert worth(rollouts + rollouts, np.tile(chosen, 2))[1] < 0.75 * margin


def test_what_is_kept_comes_back_and_its_folder_is_made(rollouts, tmp_path):
    rollouts.save(tmp_path / "new" / "played.npz")
    again = Rollouts.load(tmp_path / "new" / "played.npz")
    np.testing.assert_array_equal(again.returns, rollouts.returns)
    for name in ("maps", "stats", "masks", "games"):
        np.testing.assert_array_equal(getattr(again.states, name), getattr(rollouts.states, name))


def test_drift_hears_of_everything_but_the_direction():
    torch.manual_seed(0)
    mask = torch.ones(4, 90, dtype=torch.bool)
    old, other = (masked_log_softmax(torch.randn(4, 90), mask) for _ in range(2))
    turned = with_directions(old, direction_log_probs(other))
    torch.testing.assert_close(drift(turned, old), torch.tensor(0.0), atol=1e-6, rtol=0)
    elsewhere = with_directions(other, direction_log_probs(old))  # the same directions, all else another policy's
    torch.testing.assert_close(drift(elsewhere, old), kl_divergence(old, elsewhere).mean())


def test_nothing_to_learn_from_is_refused(agent, rollouts):
    one = rollouts.where(rollouts.states.games == rollouts.states.games[0])
    with pytest.raises(BadInput, match="at least two games"):
        next(fine_tune(agent.model, one, 1, 1e-3, 0.1))
    with pytest.raises(BadInput, match="at least 1 state"):
        next(roll_out(agent, 0, **WORLD))
