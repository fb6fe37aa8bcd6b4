"""Every number of the design's parameter table: both networks are the document's, to the parameter."""

from functools import cache

import pytest
from torch import nn

from territory import models

BASELINE = {
    "map_branch.blocks.0.conv": 5 * 32 * 8 * 8 + 32,  # 10,272
    "map_branch.blocks.1.conv": 32 * 64 * 4 * 4 + 64,  # 32,832
    "map_branch.blocks.2.conv": 64 * 64 * 3 * 3 + 64,  # 36,928
    "map_branch.to_features": 6_423_040,
    "map_branch": 6_503_072,
    "global_branch": 18_688,
    "fusion": 164_096,
    "actor": 44_506,
    "critic": 33_025,
    "": 6_763_387,
}
ATTENTION = {
    "map_branch.blocks.0.conv": 10_272,
    "map_branch.blocks.1.conv": 32_832,
    "map_branch.blocks.2.conv": 131_200,
    "map_branch.blocks.0.norm": 64,
    "map_branch.blocks.1.norm": 128,
    "map_branch.blocks.2.norm": 256,
    "map_branch.blocks.0.attention": 33,
    "map_branch.blocks.1.attention": 65,
    "map_branch.blocks.2.attention": 129,
    "map_branch.to_features": 33_024,
    "map_branch": 208_003,
    "global_branch": 18_688,
    "cross_attention.q": 256 * 128 + 128,  # 32,896
    "cross_attention.k": 128 * 128 + 128,  # 16,512: with q the 49,408 that get no gradient
    "cross_attention": 82_432,
    "fusion": 131_328,
    "actor": 44_506,
    "critic": 33_025,
    "": 517_982,
}
TOKENS = {
    "map_branch.stem.conv": 5 * 32 * 8 * 8 + 32,  # 10,272
    "map_branch.patches.conv": 32 * 64 * 2 * 2 + 64,  # 8,256
    "map_branch": 10_272 + 64 + 8_256 + 128,
    "global_branch": 2 * 16 * 64,
    "cross_attention.map_to_stats": 4 * 64 * 64 + 3 * 64,  # no bias for keys: it could not learn
    "cross_attention.stats_to_map": 16_576,
    "cross_attention.think": 16_576,  # 64 -> 128 -> 64
    "cross_attention": 3 * 16_576 + 3 * 128,
    "fusion": 16 * 64 * 256 + 256,
    "actor": 44_506,
    "critic": 33_025,
    "": 410_811,
}


@cache  # the largest matrix takes a second to make orthogonal
def build(name: str, **options) -> nn.Module:
    return models.build(name, **options)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("part, expected", BASELINE.items())
def test_baseline_part(part, expected):
    assert count(build("baseline").get_submodule(part)) == expected


@pytest.mark.parametrize("options", [{}, {"norm": "group"}, {"norm": "group", "heads": 4}], ids=str)
@pytest.mark.parametrize("part, expected", ATTENTION.items())
def test_attention_part_whatever_its_options(part, expected, options):
    assert count(build("attention", **options).get_submodule(part)) == expected


@pytest.mark.parametrize("name", models.names())
def test_all_parameters_train_and_the_named_parts_hold_all_of_them(name):
    model = build(name)
    assert all(parameter.requires_grad for parameter in model.parameters())
    parts = dict(model.named_children())
    assert sum(count(part) for part in parts.values()) == count(model)
    assert set(parts) - {"cross_attention"} == {"map_branch", "global_branch", "fusion", "actor", "critic"}


@pytest.mark.parametrize("options", [{}, {"norm": "batch"}, {"heads": 4}], ids=str)
@pytest.mark.parametrize("part, expected", TOKENS.items())
def test_tokens_part(part, expected, options):
    assert count(build("tokens", **options).get_submodule(part)) == expected
