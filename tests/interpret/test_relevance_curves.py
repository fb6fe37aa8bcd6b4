"""A true map of a network whose decision is known scores as arithmetic says, and a wrong one does not."""

import numpy as np
import pytest
from helpers.known_networks import OneCell, everywhere, frames

from territory.errors import BadInput
from territory.interpret import log_loss, policy_on, removal_curves, unclaimed
from territory.interpret.relevance import ranks

BOARD = [everywhere(frame) for frame in frames()[4:7]]


def _naming(cell):
    """A map (T, 4, 4) that names the one cell first, or (value -1) last."""
    found = np.zeros((3, 4, 4))
    found[:, 1, 2] = cell
    return found


@pytest.fixture(scope="module")
def gap():
    """How far the policy is when the only cell that matters is gone: (T,)."""
    model = OneCell()
    before, after = policy_on(model, BOARD), policy_on(model, BOARD, unclaimed(BOARD))
    return before[:, 7] - after[:, 7]  # all that moves, moves away from action 7


def test_a_true_map_changes_the_policy_with_the_first_cells(gap):
    """16 cells in 4 steps: nothing, then everything, so the area is that of 1 - 1/8."""
    curves = removal_curves(OneCell(), BOARD, _naming(1), steps=4)
    assert curves.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(curves.deleted, np.outer(gap, [0, 1, 1, 1, 1]), atol=1e-6)
    np.testing.assert_allclose(curves.inserted, np.outer(gap, [1, 0, 0, 0, 0]), atol=1e-6)
    np.testing.assert_allclose(curves.deletion(), 0.875 * gap, atol=1e-6)
    np.testing.assert_allclose(curves.insertion(), 0.875 * gap, atol=1e-6)


def test_a_wrong_map_changes_it_with_the_last(gap):
    curves = removal_curves(OneCell(), BOARD, _naming(-1), steps=4)
    np.testing.assert_allclose(curves.deletion(), 0.125 * gap, atol=1e-6)
    np.testing.assert_allclose(curves.insertion(), 0.125 * gap, atol=1e-6)


def test_chance_lies_between(gap):
    lots = np.random.default_rng(0)
    areas = [removal_curves(OneCell(), BOARD, lots.random((3, 4, 4)), steps=4).deletion() for _ in range(40)]
    assert np.mean(areas) == pytest.approx(0.5 * gap.mean(), rel=0.2)


def test_log_loss_is_of_the_action_that_was_preferred():
    before, after = np.array([[0.5, 0.3, 0.2]]), np.array([[0.25, 0.75, 0.0]])
    assert log_loss(before, after) == pytest.approx([np.log(2)])
    assert log_loss(after, before) == pytest.approx([np.log(0.75 / 0.3)])
    assert np.isfinite(log_loss(before, np.array([[0.0, 1.0, 0.0]])))


def test_curves_can_be_scored_by_log_probability():
    curves = removal_curves(OneCell(), BOARD, _naming(1), steps=2, score=log_loss)
    before, after = policy_on(OneCell(), BOARD), policy_on(OneCell(), BOARD, unclaimed(BOARD))
    np.testing.assert_allclose(curves.deleted[:, -1], np.log(before[:, 7] / after[:, 7]), rtol=1e-4)


def test_the_largest_comes_first_and_equals_are_drawn_by_lot():
    assert ranks(np.array([[[0.1, 0.9], [0.5, 0.2]]]))[0].tolist() == [[3, 0], [1, 2]]
    drawn = ranks(np.zeros((2, 8, 8)))
    assert sorted(drawn[0].ravel()) == list(range(64))
    assert (drawn[0] != drawn[1]).any() and (drawn[0].ravel() != np.arange(64)).any()


def test_other_statistics_can_be_given_too():
    stats = np.stack([frame.obs["global"] for frame in BOARD])
    assert (policy_on(OneCell(), BOARD, stats=-stats) == policy_on(OneCell(), BOARD)).all()  # it looks at none


def test_a_map_of_other_frames_is_refused():
    with pytest.raises(BadInput, match=r"expected relevance \(T, h, w\) of 3 frames"):
        removal_curves(OneCell(), BOARD, np.zeros((2, 4, 4)))
