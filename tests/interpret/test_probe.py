"""Probes read a number off frozen features where it is, and nowhere else."""

import numpy as np
import pytest
import torch
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.interpret import centre_of, features_of, probe
from territory.interpret.probe import predict, r2_interval
from territory.world.layout import Plane


def _planted(games=24, moments=10, features=6, noise=0.0):
    """Features, and a target that is a linear map of two of them."""
    random = np.random.default_rng(0)
    features = random.normal(size=(games * moments, features))
    target = 2 * features[:, 0] - features[:, 1] + 3 + noise * random.normal(size=len(features))
    return features, target, np.repeat(np.arange(games), moments)


def test_a_number_that_is_in_the_features_is_found_on_games_never_seen():
    result = probe(*_planted())
    assert result.r2.low > 0.999
    assert (result.features, result.games) == (6, 12)


def test_half_of_the_variance_gives_half_of_the_r2():
    result = probe(*_planted(games=200, noise=5**0.5))  # the signal's variance is 4 + 1
    assert result.r2.low < 0.5 < result.r2.high


def test_a_number_that_is_not_in_them_is_not_found():
    features, _, games = _planted()
    result = probe(features, np.random.default_rng(1).normal(size=len(features)), games)
    assert result.r2.low < 0.05


def test_what_only_tells_games_apart_is_worth_nothing_on_other_games():
    """Each game has its own target and its own constant feature: by moments split at random this would look known."""
    games = np.repeat(np.arange(24), 10)
    target = np.random.default_rng(0).normal(size=24)[games]
    assert probe(np.eye(24)[games], target, games).r2.mean < 0.1


def test_ridge_by_samples_is_the_ridge_of_the_textbook():
    random = np.random.default_rng(0)
    x, y, z = random.normal(size=(30, 4)), random.normal(size=(30, 2)), random.normal(size=(5, 4))
    mean = x.mean(axis=0)
    scale = np.sqrt(np.square(x - mean).sum(axis=1).mean())
    a, b = (x - mean) / scale, (z - mean) / scale
    weights = np.linalg.solve(a.T @ a + 0.3 * 30 * np.eye(4), a.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(predict(x, y, z, 0.3), b @ weights + y.mean(axis=0))


def test_the_interval_is_over_games_and_holds_the_estimate():
    """Games that fit exactly and games that don't: 1 - (0 + 0 + 1 + 1) / 4 over four games of spread 1."""
    interval = r2_interval(np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4), np.arange(4))
    assert interval.mean == 0.5
    assert interval.low < 0.5 < interval.high
    alike = r2_interval(np.full(4, 0.25), np.ones(4), np.arange(4))
    assert tuple(alike) == (0.75, 0.75, 0.75)


def test_rows_without_a_target_are_left_out():
    features, target, games = _planted()
    target[games == 3] = np.nan
    assert probe(features, target, games).r2.low > 0.999


def test_too_few_games_are_refused():
    with pytest.raises(BadInput, match="eight games"):
        probe(*_planted(games=7))


def test_the_centre_of_land_is_the_mean_of_its_tiles():
    maps = np.zeros((3, 5, 4, 8), np.uint8)
    maps[0, Plane.OWN, 0, 7] = 255  # the north-eastern tile of 4 x 8: its middle is at 0.5/4, 7.5/8
    maps[1, Plane.OWN, :, :2] = 128  # two columns in the west
    np.testing.assert_allclose(centre_of(maps, Plane.OWN)[:2], [[0.125, 0.9375], [0.5, 0.125]])
    assert np.isnan(centre_of(maps, Plane.OWN)[2]).all()


def test_features_come_from_the_layer_that_was_named_and_the_network_stays_as_it_was():
    torch.manual_seed(0)
    model = models.build("attention").train()
    maps = np.random.default_rng(0).integers(0, 256, (70, 5, 64, 64)).astype(np.uint8)
    stats = np.zeros((70, 16), np.float32)
    before = features_of(model, "map_branch.blocks", maps, stats)
    after = features_of(model, "map_branch", maps, stats)
    assert (before.shape, after.shape) == ((70, 128 * 2 * 2), (70, 256))
    assert model.training and not model.map_branch._forward_hooks
    with torch.no_grad():
        pooled = torch.from_numpy(before).view(70, 128, 4).mean(dim=2)
        np.testing.assert_allclose(torch.relu(model.map_branch.to_features(pooled)), after, atol=1e-5)


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="no layer 'pool'"):
        features_of(
            models.build("attention"), "pool", np.zeros((1, 5, 64, 64), np.uint8), np.zeros((1, 16), np.float32)
        )


def test_features_and_targets_of_any_kind_of_array_are_probed_alike():
    features = np.random.default_rng(0).random((64, 4))
    targets, games = features @ [1.0, 2.0, 3.0, 4.0], np.repeat(np.arange(16), 4)
    expected = probe(features, targets, games)
    assert probe(torch.from_numpy(features.reshape(64, 2, 2)), targets.tolist(), games.tolist()) == expected
    for wrong, told in (
        ((features, targets[:9], games), r"of the same states; got \[\(64,\), \(9,\), \(64,\)\]"),
        ((features * np.nan, targets, games), "expected finite features and targets"),
        ((features, np.full(64, np.inf), games), "expected finite features and targets"),
        ((features, targets, games, -1), "seed must be a whole number of at least 0, got -1"),
    ):
        with pytest.raises(BadInput, match=told):
            probe(*wrong)


class Own(nn.Module):
    """A layer that is called twice, one that isn't, one whose output begins with tokens, and a state."""

    def __init__(self):
        super().__init__()
        self.cells, self.twice, self.idle = nn.Conv2d(5, 8, 8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.tokens, self.norm = nn.Linear(8, 8), nn.BatchNorm1d(8)
        self.calls = 0

    def forward(self, maps, stats):
        self.calls += 1
        tokens = self.tokens(self.cells(maps.float()).flatten(2).permute(2, 0, 1))  # (16, B, 8)
        return self.norm(self.twice(self.twice(tokens.mean(dim=0))))


def test_features_of_anybodys_network_have_a_row_for_each_observation_or_are_refused():
    model, maps, stats = Own(), np.zeros((3, 5, 32, 32), np.uint8), np.zeros((3, 16), np.float32)
    assert features_of(model, "cells", maps, stats).shape == (3, 8 * 4 * 4)
    assert features_of(torch.compile(model, backend="eager"), "norm", maps, stats).shape == (3, 8)
    assert features_of(model, "", maps, stats).shape == (3, 8)
    for layer, got in (("twice", r"\(3, 8\), \(3, 8\)"), ("idle", "never called"), ("tokens", r"\(16, 24\)")):
        with pytest.raises(BadInput, match=f"a row for each of 3 observations; got, flattened, {got}"):
            features_of(model, layer, maps, stats)
    assert model.training and model.calls == 0


def test_features_are_those_of_one_tensor_and_of_maps_that_there_are():
    model, maps, stats = models.build("tokens"), torch.zeros(2, 5, 32, 32, dtype=torch.uint8), torch.zeros(2, 16)
    assert len(features_of(model, "map_branch", maps, stats)) == 2
    for layer, count, told in (("", 2, "puts out a tuple"), ("map_branch", 0, "got 0 and 0")):
        with pytest.raises(BadInput, match=told):
            features_of(model, layer, maps[:count], stats[:count])
    with pytest.raises(BadInput, match="Tokens cannot take maps and statistics of shapes"):
        features_of(model.bfloat16(), "map_branch", maps, stats)
