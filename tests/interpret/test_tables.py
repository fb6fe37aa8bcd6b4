"""Tables hold what the instruments say, and tell a map that knows from one that doesn't."""

import numpy as np
import pytest
import torch
from helpers.known_networks import OneCell, everywhere, replay

from territory import models
from territory.interpret import (
    REGIONS,
    Sample,
    ablation_table,
    attention_maps,
    capture_frames,
    faithfulness_table,
    lift,
    lift_table,
    sanity_table,
    sensitivity_table,
    spread_table,
    untrained_like,
)
from territory.world.layout import Stat


@pytest.fixture(scope="module")
def sample():
    return Sample.of([replay(3), replay(4)], states=2)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.build("tokens")


def test_an_untrained_network_is_of_the_same_kind_and_leaves_the_callers_chance_alone(model):
    before = torch.get_rng_state()
    one, same, other = (untrained_like(model, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert one.options == model.options and not one.training
    assert torch.equal(one.fusion.weight, same.fusion.weight) and not torch.equal(
        one.fusion.weight, other.fusion.weight
    )


def test_what_was_learned_is_trained_less_untrained_game_by_game(model, sample):
    row = lift_table(model, sample, REGIONS["own land"])["stats_to_map 2"]
    lifts = []
    for game in (0, 1):  # each game meets an untrained network of its own
        frames = [frame for frame, of in zip(sample.frames, sample.games, strict=True) if of == game]
        seen = (attention_maps(capture_frames(net, frames)) for net in (model, untrained_like(model, game)))
        lifts.append([np.nanmean(lift(maps["stats_to_map 2"], REGIONS["own land"](frames))) for maps in seen])
    trained, untrained = np.mean(lifts, axis=0)
    assert (row["trained"].mean, row["untrained"].mean) == pytest.approx((trained, untrained), rel=1e-4)
    assert row["learned"].mean == pytest.approx(trained - untrained, rel=1e-3)


def test_entropy_is_told_of_every_head(model, sample):
    table = spread_table(model, sample)
    assert list(table) == ["map_to_stats 1", "map_to_stats 2", "stats_to_map 1", "stats_to_map 2"]
    assert all(0 < row["entropy"].mean <= 1 for row in table.values())


def test_a_true_map_is_above_chance_and_its_opposite_below():
    frames = tuple(everywhere(frame) for seed in (3, 4) for frame in tuple(replay(seed).play())[4:6])
    sample = Sample(frames, np.array([0, 0, 1, 1]))
    true = np.zeros((4, 4, 4))
    true[:, 1, 2] = 1
    lots = np.random.default_rng(0).random(true.shape)
    table = faithfulness_table(OneCell(), sample, maps={"true": true, "false": 1 - true, "random": lots})
    assert list(table) == ["true", "false"]
    assert table["true"]["deletion"].low > 0 and table["true"]["insertion"].low > 0
    assert table["false"]["deletion"].high < 0 and table["false"]["insertion"].high < 0


def test_attention_does_not_notice_that_the_heads_of_the_network_are_destroyed(model, sample):
    """It is computed before them: what gradients say does change."""
    table = sanity_table(model, sample)
    assert "random" not in table and "own land" not in table
    for head in ("stats_to_map 1", "stats_to_map 2"):
        assert table[head]["actor and critic"].mean == pytest.approx(1)
        assert table[head]["global_branch and map_branch"].mean < 0.9
    assert table["integrated gradients"]["actor and critic"].mean < 0.9


def test_every_statistic_has_a_row(model, sample):
    table = sensitivity_table(model, sample)
    assert len(table) == len(Stat) and "troops over cap" in table
    assert set(table["rank"]) == {"policy", "value", "cross.map_to_stats", "cross.stats_to_map"}


def test_ablations_stand_below_their_yardsticks(model, sample):
    table = ablation_table(model, sample)
    assert list(table)[:2] == ["another game's map", "another game's statistics"]
    assert "all mean-ablated" in table and "cross.stats_to_map head 2 zero-ablated" in table
    assert all(row["policy moves"].mean > 0 for row in table.values())
    assert len(ablation_table(OneCell(), sample)) == 2  # no attention: nothing to ablate
