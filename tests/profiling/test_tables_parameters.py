"""The parameter tables count what torch holds, once, under the name where it sits."""

from functools import cache

import pytest
import torch
from torch import nn

from territory import models, profiling
from territory.errors import BadInput

build = cache(models.build)


class Tied(nn.Module):
    """A learner's module: a raw parameter, a nested layer, and one weight used by two layers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
        self.body[3].weight = self.body[2].weight


def test_a_small_module_by_hand():
    rows = [(r.part, r.layer, r.shape, r.parameters) for r in profiling.parameter_table(Tied())]
    assert rows == [
        ("model", "model", (3,), 3),  # the raw parameter belongs to the model itself
        ("body", "0", (4, 3), 3 * 4 + 4),
        ("body", "2", (4, 4), 16),  # and nothing for layer 3, which shares its weight
    ]
    assert [r.share for r in profiling.parameter_table(Tied())] == [3 / 35, 16 / 35, 16 / 35]


@pytest.mark.parametrize("name, total, parts", [("baseline", 6_763_387, 5), ("attention", 517_982, 6)])
def test_both_tables_add_up_to_the_model(name, total, parts):
    layers, by_part = profiling.parameter_table(build(name)), profiling.part_table(build(name))
    assert sum(r.parameters for r in layers) == sum(r.parameters for r in by_part) == total
    assert sum(r.share for r in layers) == pytest.approx(1)
    assert sum(r.share for r in by_part) == pytest.approx(1)
    assert len(by_part) == parts


def test_the_largest_layer_holds_95_percent_and_its_branch_96():
    layer = max(profiling.parameter_table(build("baseline")), key=lambda r: r.parameters)
    assert (layer.part, layer.layer, layer.shape) == ("map_branch", "to_features", (512, 12_544))
    assert layer.share == 6_423_040 / 6_763_387
    branch = profiling.part_table(build("baseline"))[0]
    assert (branch.part, branch.share) == ("map_branch", 6_503_072 / 6_763_387)


def test_a_model_that_is_one_layer_and_a_model_without_parameters():
    record = profiling.parameter_table(nn.Linear(2, 3))[0]
    assert (record.part, record.layer, record.parameters, record.share) == ("model", "model", 9, 1.0)
    assert profiling.parameter_table(nn.ReLU()) == profiling.part_table(nn.ReLU()) == []


@pytest.mark.parametrize("wrong, named", [(nn.ReLU, "the class ReLU"), ({}, "dict"), ("attention", "str")])
@pytest.mark.parametrize("table", [profiling.parameter_table, profiling.part_table, profiling.macs_table])
def test_what_is_no_module_is_named(table, wrong, named):
    with pytest.raises(BadInput, match=f"expected a torch module; got {named}"):
        table(wrong)
