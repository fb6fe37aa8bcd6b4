"""Only what a network reads can move it."""

import numpy as np
import pytest
from helpers.known_networks import OneStat, frames

from territory import models
from territory.interpret import ReplayRecord, attention_moved, capture_frames, sensitivity, with_stat
from territory.world.layout import Stat

FRAMES = (*frames(3)[2:6], *frames(4)[2:6])


def test_a_network_that_reads_the_rank_moves_with_the_rank_alone():
    moving = with_stat(FRAMES, Stat.RANK, np.linspace(0, 1, len(FRAMES)))
    found = sensitivity(OneStat(), moving)
    assert (found["policy"][:, Stat.RANK] > 0.01).all()
    others = np.arange(16) != Stat.RANK
    assert not found["policy"][:, others].any() and not found["value"][:, others].any()
    np.testing.assert_allclose(found["value"][:, Stat.RANK], 2 * 4 / 7, rtol=1e-5)  # four steps of 1/7 away, times 2
    assert list(found) == ["policy", "value"]


def test_setting_a_statistic_leaves_the_frames_and_all_else_alone():
    before = FRAMES[0].obs["global"].copy()
    (changed,) = with_stat(FRAMES[:1], Stat.TIME, 0.5)
    assert changed.obs["global"][Stat.TIME] == 0.5
    assert np.delete(changed.obs["global"], Stat.TIME).tolist() == np.delete(before, Stat.TIME).tolist()
    assert (FRAMES[0].obs["global"] == before).all() and changed.obs["map"] is FRAMES[0].obs["map"]


def test_what_an_attention_can_depend_on_is_fixed_by_the_drawing():
    tokens, gated = (sensitivity(models.build(name), FRAMES) for name in ("tokens", "attention"))
    assert tokens["cross.map_to_stats"].any() and tokens["cross.stats_to_map"].any()
    attention = [moved for name, moved in gated.items() if name not in ("policy", "value")]
    assert not any(moved.any() for moved in attention)  # gates see the map alone, and one key is one key


def test_the_share_of_attention_that_moves():
    def record(weights, gates):
        return ReplayRecord((), np.zeros((1, 90)), np.zeros(1), {"cross.x": weights, "spatial.1": gates})

    before = record(np.array([[[[1.0, 0.0]], [[0.5, 0.5]]]]), np.array([[[3.0, 1.0]]]))  # two heads of one query
    after = record(np.array([[[[0.0, 1.0]], [[0.5, 0.5]]]]), np.array([[[0.2, 0.2]]]))
    moved = attention_moved(before, after)
    assert moved["cross.x"] == pytest.approx([0.5])  # one head moves all, the other nothing
    assert moved["spatial.1"] == pytest.approx([0.25])  # from 3/4, 1/4 to halves


def test_unmoved_statistics_move_no_attention():
    same = capture_frames(models.build("tokens"), FRAMES)
    assert not any(moved.any() for moved in attention_moved(same, same).values())
