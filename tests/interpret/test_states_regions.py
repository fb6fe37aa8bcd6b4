"""Places are what their names say, on painted boards."""

import numpy as np
import pytest
from helpers.known_networks import frames

from territory.interpret import REGIONS, imagine
from territory.world.actions import OFFSETS


@pytest.fixture(scope="module")
def halves():
    """The agent in the west, player 2 in the east, a city of each on the first row that has land there."""
    frame = frames()[5]
    owner = np.where(np.arange(64) < 32, 1, 2) * np.ones((64, 1), int)
    city = np.zeros((64, 64), np.uint8)
    city[:, [5, 60]] = 1
    return imagine(frame, owner=owner, city=city)


def test_own_land_its_border_and_the_threat_beyond_it(halves):
    land = halves.terrain > 0
    west = (np.arange(64) < 32) & land
    assert (REGIONS["own land"]([halves])[0] == west).all()
    border, threats = (REGIONS[name]([halves])[0] for name in ("border", "threats"))
    assert border.any() and threats.any()
    touching = land[:, 31] & land[:, 32]
    assert (border[:, 31] == touching).all() and not border[:, :31].any() and not border[:, 32:].any()
    assert (threats[:, 32] == touching).all() and not threats[:, :32].any() and not threats[:, 33:].any()


def test_cities_are_anyones(halves):
    found = REGIONS["cities"]([halves])[0]
    assert (found == ((halves.city > 0) & (halves.terrain > 0))).all()
    assert found[:, 5].any() and found[:, 60].any()


def test_no_attack_no_front_and_a_front_is_one_step_from_the_land_of_who_attacks():
    game = frames()
    masks = REGIONS["fronts"](game)
    assert not masks[0].any() and masks.any()
    for frame, mask in zip(game, masks, strict=True):
        assert not mask[frame.terrain == 0].any()
        for row, column in np.argwhere(mask):
            steps = [(row + down, column + right) for down, right in OFFSETS]
            near = {frame.owner[r, c] for r, c in steps if 0 <= r < 64 and 0 <= c < 64} - {0, frame.owner[row, column]}
            assert near, "somebody else stands beside a tile under attack"


@pytest.mark.parametrize("name", REGIONS)
def test_a_mask_for_each_frame_and_no_water(name):
    game = frames()
    masks = REGIONS[name](game)
    assert masks.shape == (len(game), 64, 64) and masks.dtype == bool
    assert not masks[:, game[0].terrain == 0].any()
