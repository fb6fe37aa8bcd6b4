"""What is kept between two updates: rows of a rollout, returns, and the window of the last games."""

import numpy as np
import pytest
import torch

from territory.models.policy import VIEWS, Decision
from territory.training.losses import gae
from territory.training.rollout import EPISODE_FIELDS, EpisodeWindow, Rollout, finished

STEPS, GAMES, SIDE = 3, 2, 4


@pytest.fixture
def seen():
    """Observations and masks of every step, all different."""
    random = np.random.default_rng(0)
    return [
        (
            {
                "map": random.integers(0, 256, (GAMES, 5, SIDE, SIDE), np.uint8),
                "global": random.normal(size=(GAMES, 16)).astype(np.float32),
            },
            random.random((GAMES, 90)) < 0.5,
        )
        for _ in range(STEPS)
    ]


@pytest.fixture
def rollout(seen):
    """A rollout whose first game was won in step 1, and whose second was cut off there."""
    kept = Rollout(STEPS, *seen[0], torch.device("cpu"))
    for step, (obs, mask) in enumerate(seen):
        kept.add_obs(step, obs, mask)
        numbers = torch.arange(GAMES) + 10 * step
        kept.add_action(step, Decision(numbers, -0.1 * numbers, 0.5 * numbers))
        ends = np.array([step == 1, False]), np.array([False, step == 1])
        kept.add_outcome(step, np.array([1.0, 2.0]) * (step + 1), *ends)
    return kept


def test_what_is_stored_comes_back_with_its_types(rollout, seen):
    for step, (obs, mask) in enumerate(seen):
        np.testing.assert_array_equal(rollout.maps[step], obs["map"])
        np.testing.assert_array_equal(rollout.globals[step], obs["global"])
        np.testing.assert_array_equal(rollout.masks[step], mask)
    assert (rollout.maps.dtype, rollout.masks.dtype, rollout.actions.dtype) == (torch.uint8, torch.bool, torch.int64)
    assert len(rollout) == STEPS * GAMES


def test_a_flat_position_is_step_times_games_plus_game(rollout):
    batch = rollout.rows(torch.tensor([2 * GAMES + 1, 0]))
    assert batch.actions.tolist() == [21, 0]
    assert torch.equal(batch.maps[0], rollout.maps[2, 1]) and torch.equal(batch.masks[1], rollout.masks[0, 0])


def test_returns_are_advantages_and_values_and_a_cut_off_game_is_worth_what_it_showed_last(rollout):
    rollout.final_values[1, 1] = 7.0
    last = torch.tensor([3.0, 4.0])
    rollout.compute_returns(last, gamma=0.9, gae_lambda=0.8)
    following = torch.stack([rollout.values[1], rollout.values[2], last])
    following[1, 1] = 7.0
    ends = rollout.terminated, rollout.truncated
    expected = gae(rollout.rewards, rollout.values, following, *ends, 0.9, 0.8)
    torch.testing.assert_close(rollout.advantages, expected)
    torch.testing.assert_close(rollout.returns, expected + rollout.values)
    won = rollout.rewards[1, 0] - rollout.values[1, 0]  # nothing comes after a win
    torch.testing.assert_close(rollout.advantages[1, 0], won)


def test_another_view_moves_maps_actions_and_masks_alike(rollout):
    batch = rollout.rows(torch.arange(GAMES))
    for view in VIEWS:
        turned = batch.seen(view)
        torch.testing.assert_close(turned.maps, view.of_maps(batch.maps))
        allowed = batch.masks.gather(1, batch.actions[:, None])
        assert torch.equal(turned.masks.gather(1, turned.actions[:, None]), allowed)
        assert turned.masks.sum() == batch.masks.sum() and torch.equal(turned.globals, batch.globals)


def test_games_that_finished_are_read_from_the_info_of_a_step():
    values = {name: np.array([place, 10.0 + place]) for place, name in enumerate(EPISODE_FIELDS)}
    info = {"_final_info": np.array([False, True]), "final_info": values}
    assert finished(info) == [tuple(10.0 + place for place in range(len(EPISODE_FIELDS)))]
    assert finished({}) == []


def test_the_window_holds_the_last_games_and_goes_on_from_what_was_saved():
    window = EpisodeWindow(size=2)
    assert all(np.isnan(mean) for mean in window.means().values())
    window.add([(float(game),) * len(EPISODE_FIELDS) for game in range(3)])
    assert (window.count, window.means()["win_rate"]) == (3, 1.5)  # of games 1 and 2
    again = EpisodeWindow(size=2)
    again.load_state_dict(window.state_dict())
    again.add([(5.0,) * len(EPISODE_FIELDS)])
    assert (again.count, again.means()["win_rate"]) == (4, 3.5)
