"""What a layer looks from and at is read off its name and its shape; overlays are rows and columns of it."""

import numpy as np
import pytest
import torch

from territory import models
from territory.interpret import (
    MEAN,
    attention_maps,
    capture_frames,
    capture_replay,
    intervene,
    layers_of,
    overlay,
    uniform,
)
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


class Sixteen(torch.nn.Module):
    """Attention among 16 tokens, perhaps behind a class token: the statistics, or 4 x 4 cells of the map."""

    def __init__(self, of, first):
        super().__init__()
        self.of, self.first, self.each = of, first, torch.nn.Linear(1, 8)
        self.cells, self.attend = torch.nn.Conv2d(5, 8, 16, 16), torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.actor, self.critic = torch.nn.Linear(8, 90), torch.nn.Linear(8, 1)

    def forward(self, maps, stats):
        cells = self.cells(maps / 255).flatten(2).transpose(1, 2)
        tokens = cells if self.of == "cells" else self.each(stats[:, :, None]) + cells.new_ones(1, 16, 8)
        tokens = torch.cat([tokens.new_zeros(len(tokens), self.first, 8), tokens], dim=1)
        features = self.attend(tokens, tokens, tokens)[0].mean(1)
        return self.actor(features), self.critic(features)[:, 0]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("of", ["cells", "statistics"])
def test_attention_among_sixteen_statistics_is_not_laid_over_the_map(of, first):
    torch.manual_seed(0)
    game = record(lambda obs, mask: 80, WorldParams(height=64, width=64, num_bots=1, max_steps=2), seed=1)
    found = capture_replay(Sixteen(of, first), game)
    assert [each.grid for each in layers_of(found)] == [(4, 4) if of == "cells" else None]
    assert len(attention_maps(found)) == (2 if of == "cells" else 0)
    assert found.attention["attend"].shape[2:] == (16 + first, 16 + first)


@pytest.mark.parametrize("of", ["cells", "statistics"])
def test_what_is_known_of_a_network_holds_while_its_attention_is_ablated(of):
    """Weights that are all alike are the same on any map, whatever they are of; nor is the network asked again."""
    torch.manual_seed(0)
    game = record(lambda obs, mask: 80, WorldParams(height=64, width=64, num_bots=1, max_steps=2), seed=1)
    network = Sixteen(of, 0)
    usual, calls = capture_replay(network, game), []
    network.register_forward_hook(lambda *_: calls.append(1))
    with intervene(network, {"attend": uniform}):
        found = capture_frames(network, usual.frames[:1], no_cells=usual)
    assert [each.grid for each in layers_of(found)] == [(4, 4) if of == "cells" else None]
    assert calls == [1]
