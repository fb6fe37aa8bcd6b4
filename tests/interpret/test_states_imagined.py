"""States that never were: what is not changed stays exactly as the game had it."""

import numpy as np
import pytest

from territory.errors import BadInput
from territory.interpret import density_by_player, imagine
from territory.world import WorldParams
from territory.world.actions import Direction, encode
from territory.world.layout import Plane
from territory.world.replay import record


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)

    def builds_when_it_can(obs, mask):
        city = encode(Direction.WAIT, build=True)
        return city if mask[city] else rng.choice(np.flatnonzero(mask))

    params = WorldParams(height=64, width=64, num_bots=2, max_steps=150)
    return list(record(builds_when_it_can, params, seed=3).play())


def test_imagining_nothing_gives_every_state_of_a_game_back(frames):
    assert any(frame.city.any() for frame in frames)
    for frame in frames:
        same = imagine(frame)
        for key in ("map", "global"):
            assert (same.obs[key] == frame.obs[key]).all() and same.obs[key].dtype == frame.obs[key].dtype
        assert (same.mask == frame.mask).all()


def test_moved_statistics_leave_the_map_alone_and_stay_within_their_range(frames):
    stats = np.full(16, 3.0)
    changed = imagine(frames[9], stats=stats)
    assert (changed.obs["map"] == frames[9].obs["map"]).all()
    assert (changed.obs["global"] == 1).all() and changed.obs["global"].dtype == np.float32


def test_painted_land_changes_planes_and_mask_but_no_statistic(frames):
    frame = frames[9]
    owner = np.where(np.arange(64) < 32, 1, 2) * np.ones((64, 1), int)
    changed = imagine(frame, owner=owner)
    land = frame.terrain > 0
    planes = changed.obs["map"]
    assert (planes[Plane.OWN, :, :32] == 255 * land[:, :32]).all()
    assert (planes[Plane.ENEMY, :, 32:] == 255 * land[:, 32:]).all()
    assert not planes[Plane.UNCLAIMED].any()
    density = density_by_player(frame)
    assert set(np.unique(planes[Plane.TROOPS])) <= {0, density[1], density[2]}
    assert (changed.obs["global"] == frame.obs["global"]).all()
    assert changed.mask[encode(Direction.E)] and not changed.mask[encode(Direction.W)]
    assert (changed.owner[~land] == 0).all()


def test_painted_troops_and_cities_stand_on_owned_land_only(frames):
    frame = frames[9]
    everywhere = np.ones((64, 64), np.uint8)
    planes = imagine(frame, city=everywhere, density=200 * everywhere).obs["map"]
    assert (planes[Plane.TROOPS] == 200 * (frame.owner > 0)).all()
    assert (planes[Plane.CITIES] == np.select([frame.owner == 1, frame.owner > 1], [255, 128])).all()


def test_a_map_of_another_size_is_refused(frames):
    with pytest.raises(BadInput, match=r"owner: expected \(64, 64\), as in the frame; got \(2, 2\)"):
        imagine(frames[0], owner=np.ones((2, 2), np.uint8))
