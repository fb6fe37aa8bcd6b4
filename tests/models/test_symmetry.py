"""The eight views of a board: a group, the right one for the game's own compass, and an exact ensemble."""

import numpy as np
import pytest
import torch
from helpers.builders import board

from territory.models import build
from territory.models.policy import VIEWS, forward_views, views_of
from territory.world.actions import NUM_ACTIONS, Direction, encode


def _asymmetric() -> np.ndarray:
    """Owners: the agent in the middle, player 2 to its north-east, some of it due east."""
    owner = np.ones((32, 32), np.uint8)
    owner[:10, 22:], owner[14:18, 28:] = 2, 2
    return owner


def test_the_eight_views_are_eight_different_ones_and_the_first_is_the_board_itself():
    marked = torch.arange(9).reshape(3, 3)
    assert len({tuple(view.of_maps(marked).flatten().tolist()) for view in VIEWS}) == 8
    assert torch.equal(VIEWS[0].of_maps(marked), marked)
    assert VIEWS[0].of_actions().tolist() == list(range(NUM_ACTIONS))


@pytest.mark.parametrize("view", VIEWS)
def test_every_action_has_one_place_in_a_view_and_waiting_stays(view):
    seen = view.of_actions()
    assert sorted(seen.tolist()) == list(range(NUM_ACTIONS))
    assert torch.equal(seen[encode(Direction.WAIT) :], torch.arange(encode(Direction.WAIT), NUM_ACTIONS))


@pytest.mark.parametrize("view", VIEWS)
def test_what_the_game_allows_turns_with_the_board(view):
    """The game's compass and the view's agree: the same moment laid another way allows the same orders, turned."""
    allowed = board(_asymmetric()).observe()[1][0]
    turned = view.of_maps(torch.from_numpy(_asymmetric())).numpy()
    seen = board(np.ascontiguousarray(turned)).observe()[1][0]
    np.testing.assert_array_equal(seen[view.of_actions().numpy()], allowed)
    assert 0 < allowed[:80].sum() < 40  # some directions are open, most are not: a wrong compass would show


@pytest.mark.parametrize("name", ["attention", "tokens"])
def test_the_mean_over_the_views_is_the_same_whichever_way_the_board_lies(name):
    torch.manual_seed(0)
    network = build(name).eval()
    maps = torch.randint(0, 256, (2, 5, 64, 64), dtype=torch.uint8)
    stats = torch.rand(2, 16)
    logits, values = forward_views(network, maps, stats, VIEWS)
    torch.testing.assert_close(logits[0], network(maps, stats)[0])
    assert logits.std(0).max() > 1e-4  # one view alone is not indifferent
    for view in VIEWS:
        seen, seen_values = forward_views(network, view.of_maps(maps), stats, VIEWS)
        torch.testing.assert_close(seen.mean(0)[:, view.of_actions()], logits.mean(0))
        torch.testing.assert_close(seen_values.mean(0), values.mean(0))


def test_a_map_that_is_not_square_has_the_four_views_of_its_shape():
    shapes = {tuple(view.of_maps(torch.zeros(32, 64)).shape) for view in views_of(32, 64)}
    assert (shapes, len(views_of(32, 64)), views_of(64, 64)) == ({(32, 64)}, 4, VIEWS)
