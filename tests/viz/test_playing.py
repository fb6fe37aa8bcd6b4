"""Where pointing leads, what the mask looks like, and that every plane and statistic has its sentence."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from territory import viz
from territory.errors import BadInput
from territory.world.actions import Direction, encode
from territory.world.layout import Plane, Stat


def land(rows=slice(4, 7), columns=slice(4, 7), side=16):
    owner = np.zeros((side, side), np.uint8)
    owner[rows, columns] = 1
    return owner


@pytest.mark.parametrize(
    ("tile", "direction", "start"),
    [
        ((0, 5), "N", (4, 5)),
        ((1, 9), "NE", (4, 6)),
        ((5, 15), "E", (5, 6)),
        ((15, 15), "SE", (6, 6)),
        ((9, 5), "S", (6, 5)),
        ((9, 1), "SW", (6, 4)),
        ((5, 0), "W", (5, 4)),
        ((0, 0), "NW", (4, 4)),
        ((4, 15), "E", (4, 6)),  # from the nearest tile, not from the middle
        ((4, 5), "N", (5, 5)),  # inside the land: from the middle
        ((5, 5), "WAIT", (5, 5)),
    ],
)
def test_pointing_leads_from_the_nearest_own_tile(tile, direction, start):
    assert viz.direction_towards(land(), *tile) == (Direction[direction], start)


def test_pointing_needs_a_tile_of_the_board_and_land_to_point_from():
    with pytest.raises(BadInput, match="16 x 16 tiles, got 16, 0"):
        viz.direction_towards(land(), 16, 0)
    with pytest.raises(BadInput, match="owns no land"):
        viz.direction_towards(land(), 0, 0, player=2)


def test_the_mask_is_filled_where_an_action_is_allowed_at_its_place_on_the_compass():
    mask = np.zeros(90, bool)
    mask[[encode(Direction.NE, 4), encode(Direction.WAIT)]] = True
    ax = viz.plot_mask(mask)
    names = {text.get_text(): text.get_position() for text in ax.texts}
    filled = [patch.get_xy() for patch in ax.patches if patch.get_facecolor()[3] > 0]
    assert len(ax.patches) == 90 and len(filled) == 2
    (wait, right) = sorted(filled)
    assert wait[0] == names["WAIT"][0] and names["NW"][1] < names["WAIT"][1] < wait[1] < names["S"][1]
    assert right[0] == names["NE"][0] + 4  # the fifth share
    assert "2 of 90" in ax.get_title(loc="left")


def test_a_batch_of_masks_is_refused():
    with pytest.raises(BadInput, match=r"\(90,\), got \(2, 90\)"):
        viz.plot_mask(np.zeros((2, 90), bool))


def test_what_a_step_changed_is_marked_on_the_bars():
    now, before = np.linspace(-1, 1, 16), np.linspace(1, -1, 16)
    ax = viz.plot_stats(now, before=before)
    assert ax.lines[0].get_xdata() == pytest.approx(before)
    assert viz.plot_stats(now).get_legend() is None
    plt.close("all")


def test_every_plane_and_statistic_has_a_sentence():
    assert list(viz.PLANE_SENTENCES) == list(Plane) and list(viz.STAT_SENTENCES) == list(Stat)
