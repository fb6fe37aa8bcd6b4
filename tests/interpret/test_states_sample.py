"""A sample of games, and means over games rather than frames."""

import numpy as np
import pytest
from helpers.known_networks import replay

from territory.errors import BadInput
from territory.interpret import Sample


def test_frames_are_spread_over_each_game():
    sample = Sample.of([replay(3), replay(4)], states=3)
    assert sample.games.tolist() == [0, 0, 0, 1, 1, 1]
    assert [frame.step for frame in sample.frames] == [2, 6, 10] * 2  # the middles of thirds of 12 steps
    assert all(frame.action >= 0 for frame in sample.frames)  # never the end, where nothing is decided


def test_a_short_game_gives_each_frame_once():
    sample = Sample.of([replay(3), replay(4)], states=50)
    assert len(sample.frames) == 24 and sample.games.sum() == 12


def test_every_game_counts_the_same_and_unknown_frames_are_left_out():
    sample = Sample(frames=(), games=np.array([0, 0, 0, 1]))
    values = np.array([1.0, 3.0, np.nan, 6.0])
    assert sample.by_game(values).tolist() == [2, 6]
    assert sample.mean(values).mean == 4
    assert np.isnan(sample.mean(np.array([1.0, 1.0, 1.0, np.nan])).mean)  # one game gives no interval


def test_one_game_is_too_few():
    with pytest.raises(BadInput, match="two games or more"):
        Sample.of([replay(3)], states=3)
