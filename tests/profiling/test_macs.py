"""MACs against closed formulas, and against torch's own operator count."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from territory import models, profiling
from territory.errors import BadInput
from territory.models.cross_attention import CrossAttention

build = cache(models.build)

BASELINE = [  # cells out x channels out x window, then inputs x outputs
    32 * 32 * 32 * (5 * 8 * 8),
    16 * 16 * 64 * (32 * 4 * 4),
    14 * 14 * 64 * (64 * 3 * 3),
    12_544 * 512,
    16 * 128,
    128 * 128,
    640 * 256,
    256 * 128,
    128 * 90,
    256 * 128,
    128,
]
ATTENTION = [
    32 * 32 * 32 * (5 * 8 * 8),
    32 * 32 * 32,  # the gate: one output per cell over 32 channels
    8 * 8 * 64 * (32 * 4 * 4),
    8 * 8 * 64,
    4 * 4 * 128 * (64 * 4 * 4),
    4 * 4 * 128,
    128 * 256,
    16 * 128,
    128 * 128,
    256 * 128,  # q, k, v
    128 * 128,
    128 * 128,
    128 + 128,  # one query, one key: q.k, then weight x value
    128 * 128,
    512 * 256,
    256 * 128,
    128 * 90,
    256 * 128,
    128,
]


@pytest.mark.parametrize("name, expected", [("baseline", BASELINE), ("attention", ATTENTION)])
@pytest.mark.parametrize("batch", [1, 3])
def test_each_layer_by_formula(name, expected, batch):
    table = profiling.macs_table(build(name), profiling.example_inputs(batch))
    assert [r.macs for r in table] == [batch * macs for macs in expected]
    assert all(r.flops == 2 * r.macs for r in table)
    assert sum(r.share for r in table) == pytest.approx(1)


@pytest.mark.parametrize("name, options", [("baseline", {}), ("attention", {}), ("attention", {"heads": 4})])
def test_the_sum_is_torchs_own_count(name, options):
    inputs = profiling.example_inputs(2)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build(name, **options).eval()(*inputs)
    table = profiling.macs_table(build(name, **options), inputs)
    assert sum(r.flops for r in table) == counter.get_total_flops()
    assert "(other)" not in [r.part for r in table]


def test_attention_over_many_tokens_by_formula():
    block = CrossAttention(query_size=6, context_size=10, size=8, heads=2)
    table = {r.layer: r.macs for r in profiling.macs_table(block, (torch.zeros(3, 5, 6), torch.zeros(3, 7, 10)))}
    assert table == {
        "q": 3 * 5 * 6 * 8,
        "k": 3 * 7 * 10 * 8,
        "v": 3 * 7 * 10 * 8,
        "weights": 2 * 3 * 5 * 7 * 8,  # scores, then the weighted sum of values
        "out": 3 * 5 * 8 * 8,
    }


class Learners(nn.Module):
    """Grouped and one-dimensional convolutions, a layer used twice, a product outside any layer."""

    def __init__(self):
        super().__init__()
        self.line = nn.Conv1d(4, 6, 3, groups=2)
        self.twice = nn.Linear(6, 6)

    def forward(self, x):
        x = self.twice(self.twice(self.line(x).transpose(1, 2)))  # (B, 4, 10) -> (B, 8, 6)
        return x @ x.transpose(1, 2)  # (B, 8, 8)


def test_a_learners_module_keeps_nothing_hidden():
    table = {r.layer: r.macs for r in profiling.macs_table(Learners(), torch.zeros(2, 4, 10))}
    assert table == {"line": 2 * 8 * 6 * (4 // 2 * 3), "twice": 2 * (2 * 8 * 6 * 6), "(other)": 2 * 8 * 8 * 6}


def test_torchs_own_attention_is_not_lost_in_its_fused_path():
    layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True).eval()
    macs = sum(r.macs for r in profiling.macs_table(layer, torch.zeros(2, 5, 8)))
    assert macs == 2 * (5 * 8 * 24 + 2 * 5 * 5 * 8 + 5 * 8 * 8 + 2 * 5 * 8 * 16)  # qkv, attention, out, two linears


def test_a_model_without_memory_can_be_counted():
    with torch.device("meta"):
        model = models.build("attention")
    table = profiling.macs_table(model)
    assert sum(r.macs for r in table) == sum(ATTENTION)


def test_the_model_is_left_as_it_was():
    model = models.build("attention", norm="batch").train()
    model.critic.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    profiling.macs_table(model, profiling.example_inputs(2))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and model.actor.training and not model.critic.training
    assert not any(module._forward_hooks for module in model.modules())


def test_wrong_inputs_are_named_and_the_model_is_released():
    model = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(BadInput, match=r"Sequential cannot take inputs of shapes \(2, 5\).*Pass inputs="):
        profiling.macs_table(model, torch.zeros(2, 5))
    with pytest.raises(BadInput, match=r"shapes \(1, 5, 128, 128\), \(1, 16\)"):
        profiling.macs_table(model)  # a game observation is not for this model
    with pytest.raises(BadInput, match="expected tensors; came list"):
        profiling.macs_table(model, [[1.0, 2.0, 3.0]])
    with pytest.raises(BadInput, match="expected tensors on cpu like the model; came meta"):
        profiling.macs_table(model, torch.zeros(2, 3, device="meta"))
    assert not model[0]._forward_hooks and model.training


def test_example_inputs_refuse_nonsense():
    with pytest.raises(BadInput, match="at least 1; came 0, 128, 128"):
        profiling.example_inputs(0)
