"""What is left of a removed tile is a tile that games have."""

import numpy as np
import pytest
from helpers.known_networks import frames

from territory.errors import BadInput
from territory.interpret import other_game, unclaimed, water, without
from territory.world.layout import Plane


def test_unclaimed_land_is_the_map_before_anybody_came():
    first, *_, last = frames()
    empty = unclaimed([first, last])
    assert (empty[0] == empty[1]).all()  # the same map, whoever has taken what
    nobody = first.owner == 0
    assert nobody.mean() > 0.9 and (empty[0][:, nobody] == first.obs["map"][:, nobody]).all()
    assert (empty[0][Plane.UNCLAIMED][first.terrain > 0] > 0).all()
    assert not empty[:, [Plane.OWN, Plane.ENEMY, Plane.TROOPS, Plane.CITIES]].any()


def test_water_is_what_water_looks_like():
    frame = frames()[4]
    assert (water([frame])[0][:, 0, 0] == frame.obs["map"][:, frame.terrain == 0][:, 0]).all()


def test_elsewhere_is_another_games_map():
    here, there = frames(3)[:2], frames(4)[:2]
    assert (other_game([*here, *there]) == np.stack([frame.obs["map"] for frame in (*there, *here)])).all()


def test_only_the_cells_that_are_named_are_removed():
    planes, baseline = np.ones((1, 5, 4, 4), np.uint8), np.zeros((1, 5, 4, 4), np.uint8)
    left = without(planes, baseline, np.array([[[True, False], [False, False]]]))
    assert (left[0, 0] == [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]).all()
    assert (planes == 1).all()


def test_a_background_of_other_frames_is_refused():
    with pytest.raises(BadInput, match="baseline of the planes' shape"):
        without(np.ones((2, 5, 4, 4)), np.ones((1, 5, 4, 4)), np.ones((2, 2, 2), bool))
