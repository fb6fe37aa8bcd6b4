"""Maps, shares and entropies by head, on weights that can be summed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.known_networks import replay

from territory import models
from territory.interpret import ReplayRecord, attention_maps, capture_replay, spread, stat_shares

FRAMES = (SimpleNamespace(owner=np.zeros((32, 32), np.uint8)),) * 2


def _record(**attention):
    return ReplayRecord(
        FRAMES, np.zeros((2, 90)), np.zeros(2), {n.replace("_", ".", 1): a for n, a in attention.items()}
    )


def _stats_ask_cells():
    """Two heads, 16 statistics, 4 cells: head 1 looks at cell 2, head 2 half at cell 0 and half at cell 3."""
    weights = np.zeros((2, 2, 16, 4))
    weights[:, 0, :, 2] = 1
    weights[:, 1, :8, 0] = weights[:, 1, 8:, 3] = 1
    return weights


def test_a_head_that_asks_the_map_is_a_grid_meant_over_who_asks():
    maps = attention_maps(_record(cross_stats_to_map=_stats_ask_cells()))
    assert list(maps) == ["stats_to_map 1", "stats_to_map 2"]
    assert maps["stats_to_map 1"][1].tolist() == [[0, 0], [1, 0]]
    assert maps["stats_to_map 2"][0].tolist() == [[0.5, 0], [0, 0.5]]


def test_a_gate_is_its_own_map_and_cells_that_ask_give_none():
    gates = np.random.default_rng(0).random((2, 4, 4))
    record = _record(spatial_1=gates, cross_map_to_stats=np.full((2, 1, 4, 16), 1 / 16))
    maps = attention_maps(record)
    assert list(maps) == ["spatial.1"] and maps["spatial.1"] is gates


def test_the_statistics_share_what_the_cells_ask():
    asked = np.zeros((2, 1, 4, 16))
    asked[:, :, :3, 5] = asked[:, :, 3, 0] = 1  # three cells of four ask statistic 5
    (shares,) = stat_shares(_record(cross_map_to_stats=asked)).values()
    assert shares[0, [5, 0]].tolist() == [0.75, 0.25] and shares[0].sum() == 1


def test_spread_is_one_for_even_weights_and_zero_for_a_single_key():
    even, one = np.full((2, 1, 4, 16), 1 / 16), np.eye(16)[None, None].repeat(2, 0)
    assert spread(_record(cross_map_to_stats=even))["map_to_stats"] == pytest.approx([1, 1])
    assert spread(_record(cross_stats_to_map=one))["stats_to_map"].tolist() == [0, 0]
    assert spread(_record(cross_x=np.ones((2, 1, 1, 1))))["x"].tolist() == [0, 0]  # one key: nothing to choose
    halves = np.array([[0.5, 0.5, 0, 0]])[None, None].repeat(2, 0)
    assert spread(_record(cross_x=halves))["x"] == pytest.approx([0.5, 0.5])  # 1 bit of 2


def test_of_real_networks():
    tokens, gated = (capture_replay(models.build(name), replay()) for name in ("tokens", "attention"))
    assert {name: maps.shape[1:] for name, maps in attention_maps(gated).items()} == {
        "spatial.1": (16, 16),
        "spatial.2": (4, 4),
        "spatial.3": (2, 2),
    }
    assert {name: maps.shape[1:] for name, maps in attention_maps(tokens).items()} == {
        "stats_to_map 1": (4, 4),
        "stats_to_map 2": (4, 4),
    }
    for maps in attention_maps(tokens).values():
        assert maps.sum(axis=(1, 2)) == pytest.approx(np.ones(len(maps)), abs=1e-5)
    assert list(stat_shares(tokens)) == ["map_to_stats 1", "map_to_stats 2"] and stat_shares(gated) == {}
