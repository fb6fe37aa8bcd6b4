"""Destroyed weights, and whether two maps are alike."""

import numpy as np
import pytest
import torch

from territory import models
from territory.errors import BadInput
from territory.interpret import cascade, rank_correlation, shuffled


def test_shuffling_keeps_every_number_and_only_touches_the_named_parts():
    model = models.build("tokens")
    broken = shuffled(model, ["actor", "fusion"], seed=1)
    moved = set()
    for (name, before), after in zip(model.named_parameters(), broken.parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
        if not torch.equal(before, after):
            moved.add(name.split(".")[0])
    assert moved == {"actor", "fusion"}


def test_a_seed_decides_the_shuffle():
    model = models.build("tokens")
    one, same, other = (shuffled(model, ["fusion"], seed).fusion.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_part_that_is_not_there_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match=r"no part 'brain'; there is map_branch"):
        shuffled(models.build("tokens"), ["brain"])


def test_the_cascade_goes_from_the_heads_down_to_the_whole_network():
    model = models.build("tokens")
    stages = cascade(model)
    assert list(stages) == ["actor and critic", "fusion", "cross_attention", "global_branch and map_branch"]
    changed = [
        sum(not torch.equal(a, b) for a, b in zip(model.parameters(), each.parameters(), strict=True))
        for each in stages.values()
    ]
    assert changed == sorted(set(changed))  # ever more
    del model.cross_attention
    assert "cross_attention" not in cascade(model)


def test_rank_correlation_by_hand():
    one = np.array([[[1.0, 2.0], [2.0, 3.0]]])  # ranks 1, 2.5, 2.5, 4
    other = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    # deviations -1.5 0 0 1.5 and -1.5 -0.5 0.5 1.5: 4.5 / sqrt(4.5 * 5)
    assert rank_correlation(one, other) == pytest.approx([4.5 / np.sqrt(22.5)])
    assert rank_correlation(other, -(other**3)) == pytest.approx([-1])
    assert rank_correlation(other, np.exp(other)) == pytest.approx([1])


def test_a_map_without_an_order_has_no_correlation():
    assert np.isnan(rank_correlation(np.zeros((1, 2, 2)), np.arange(4.0).reshape(1, 2, 2))).all()
    with pytest.raises(BadInput, match="one shape"):
        rank_correlation(np.zeros((1, 2, 2)), np.zeros((1, 4, 4)))
