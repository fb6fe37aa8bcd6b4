"""Sampled states of a policy's games: kept at a pace, decided by the seed."""

import dataclasses

import numpy as np
import pytest

from territory.agent import sample_states
from territory.envs import RandomPolicy


@pytest.fixture(scope="module")
def states():
    return sample_states(RandomPolicy(), 192, every=2, height=64, width=64, num_bots=2, max_steps=20)


def test_states_are_kept_at_a_pace_with_their_games(states):
    assert (len(states), states.maps.shape[1:], states.stats.shape) == (192, (5, 64, 64), (192, 16))
    assert states.masks.any(axis=1).all()
    assert len(np.unique(states.games)) == 32
    long = sample_states(RandomPolicy(), 192, every=10, height=64, width=64, num_bots=2, max_steps=20)
    assert len(np.unique(long.games)) >= 64  # games of 20 steps, seen twice each


def test_states_are_those_of_the_seed(states):
    again = sample_states(RandomPolicy(), 192, every=2, height=64, width=64, num_bots=2, max_steps=20)
    assert all(np.array_equal(getattr(again, f.name), getattr(states, f.name)) for f in dataclasses.fields(states))


def test_tensors_are_the_arrays_themselves(states):
    arrays = states.maps, states.stats, states.masks
    assert all(np.shares_memory(tensor.numpy(), array) for tensor, array in zip(states.tensors(), arrays, strict=True))
