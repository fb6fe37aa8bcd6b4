"""What a layer looks from and at is read off its name and its shape; overlays are rows and columns of it."""

import numpy as np
import pytest
import torch

from territory import models
from territory.interpret import MEAN, capture_replay, layers_of, overlay
from territory.world import WorldParams
from territory.world.replay import record


def records(name, side):
    torch.manual_seed(0)
    game = record(lambda obs, mask: 80, WorldParams(height=side, width=side, num_bots=1, max_steps=2), seed=1)
    return capture_replay(models.build(name), game)


@pytest.fixture(scope="module", params=[64, 128])
def tokens(request):
    return records("tokens", request.param)  # 64 x 64 tiles: 16 cells beside 16 statistics, told apart by name


def test_the_sides_of_both_cross_attentions_are_known(tokens):
    cells = tokens.frames[0].owner.shape[0] // 16
    asked = [(layer.queries, layer.keys, layer.grid, layer.heads) for layer in layers_of(tokens)]
    assert asked == [("cells", "stats", (cells, cells), 2), ("stats", "cells", (cells, cells), 2)]


def test_gates_are_grids_and_one_vector_asking_one_has_none():
    found = {layer.name: layer for layer in layers_of(records("attention", 128))}
    assert [found[f"spatial.{n}"].grid for n in (1, 2, 3)] == [(32, 32), (8, 8), (4, 4)]
    one = found["cross.map_to_stats"]
    assert (one.queries, one.keys, one.grid, one.low, one.high) == ("one", "one", None, 1, 1)
    assert overlay(one, np.ones((1, 1, 1))) is None
    gate = np.eye(32)
    assert overlay(found["spatial.1"], gate) is gate


def test_a_network_without_attention_has_no_layers():
    assert layers_of(records("baseline", 128)) == ()


def test_an_overlay_is_a_statistics_row_or_column(tokens):
    asks, asked = layers_of(tokens)
    weights = tokens.attention[asks.name][1]
    assert (overlay(asks, weights, head=1, stat=5).reshape(-1) == weights[1, :, 5]).all()
    weights = tokens.attention[asked.name][1]
    grid = overlay(asked, weights, MEAN, stat=5)
    assert grid.shape == asked.grid and grid.sum() == pytest.approx(1, abs=1e-5)
    assert grid.reshape(-1) == pytest.approx(weights[:, 5].mean(axis=0))
