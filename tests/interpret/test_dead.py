"""The detector reports what is there and does nothing, in our networks and in others, and nothing that works."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.interpret import OneKeyMap, find_dead_attention, one_key_map
from territory.interpret.dead import CANCELS, CONSTANT, NO_GRADIENT, ONE_KEY
from territory.models.cross_attention import CrossAttention


def _boards(batches=3, size=4):
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randint(0, 256, (size, 5, 128, 128), dtype=torch.uint8, generator=generator),
            torch.randn(size, 16, generator=generator),
        )
        for _ in range(batches)
    ]


def _sets(keys, batches=3, size=8):
    generator = torch.Generator().manual_seed(1)
    shapes = ((8, 5, size), (8, keys, size))
    return [tuple(torch.randn(shape, generator=generator) for shape in shapes) for _ in range(batches)]


def _found(model, batches):
    return {(finding.module, finding.what): finding.parameters for finding in find_dead_attention(model, batches)}


class Functional(nn.Module):
    """Attention as many write it: three linear maps and a function of torch."""

    def __init__(self, attend):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 8)
        self.attend = attend

    def forward(self, queries, context):
        return self.attend(self.q(queries), self.k(context), self.v(context))


def _by_hand(q, k, v):
    return torch.softmax(q @ k.transpose(1, 2) / 8**0.5, dim=-1) @ v


class Torchs(nn.Module):
    """torch's own module, asked for no weights, as its encoder layers ask."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, queries, context):
        return self.attend(queries, context, context, need_weights=False)[0]


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("heads", [1, 4])
def test_the_redesign_has_one_key_and_49_408_parameters_that_never_learn(norm, heads):
    torch.manual_seed(0)
    findings = find_dead_attention(models.build("attention", norm=norm, heads=heads), _boards())
    assert [(each.module, each.what, each.parameters) for each in findings] == [
        ("cross_attention.weights", ONE_KEY, 0),
        ("cross_attention.q", NO_GRADIENT, 256 * 128 + 128),
        ("cross_attention.k", NO_GRADIENT, 128 * 128 + 128),
    ]
    assert sum(each.parameters for each in findings) == 49_408
    assert [(each.low, each.high) for each in findings] == [(1, 1), (0, 0), (0, 0)]


@pytest.mark.parametrize("name", [name for name in models.names() if name != "attention"])
def test_a_network_without_a_fault_is_left_in_peace(name):
    torch.manual_seed(0)
    assert find_dead_attention(models.build(name), _boards()) == []


@pytest.mark.parametrize("attend", [_by_hand, F.scaled_dot_product_attention], ids=["softmax", "fused"])
def test_attention_written_as_a_function_is_seen_too(attend):
    torch.manual_seed(0)
    model = Functional(attend)
    assert _found(model, _sets(keys=1)) == {
        ("Functional", ONE_KEY): 0,
        ("q", NO_GRADIENT): 72,
        ("k", NO_GRADIENT): 64,
    }
    assert _found(model, _sets(keys=2)) == {}


def test_torchs_module_is_judged_in_thirds_since_it_stacks_queries_keys_and_values():
    torch.manual_seed(0)
    dead = _found(Torchs(), _sets(keys=1))
    assert dead.pop(("attend", ONE_KEY)) == 0
    assert sum(dead.values()) == 2 * (8 * 8 + 8)
    assert _found(Torchs(), _sets(keys=2)) == {("attend", CANCELS): 8}


def test_a_bias_of_keys_shifts_all_scores_of_a_query_alike_so_its_gradient_cancels():
    torch.manual_seed(0)
    model = CrossAttention(8, 8, 8, heads=2)
    assert _found(model, _sets(keys=3)) == {("k", CANCELS): 8}
    queries, context = _sets(keys=3)[0]
    before = model(queries, context)
    with torch.no_grad():
        model.k.bias += 5
    torch.testing.assert_close(model(queries, context), before)


class Stacked(nn.Module):
    """Queries, keys and values from one layer, one after the other for each head or for all of them."""

    def __init__(self, by_head, key_bias=True):
        super().__init__()
        self.qkv = nn.Linear(8, 24, bias=key_bias)
        self.by_head = by_head

    def forward(self, x, _):
        parts = self.qkv(x)
        if self.by_head:
            q, k, v = parts.unflatten(2, (2, 3, 4)).transpose(1, 2).unbind(3)
        else:
            q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in parts.chunk(3, dim=2))
        return (q @ k.transpose(2, 3) / 2).softmax(-1) @ v


@pytest.mark.parametrize("by_head", [False, True])
def test_the_bias_of_keys_is_seen_inside_a_layer_that_gives_queries_and_values_too(by_head):
    torch.manual_seed(0)
    model = Stacked(by_head)
    (finding,) = find_dead_attention(model, _sets(keys=3))
    assert (finding.module, finding.what, finding.parameters) == ("qkv", CANCELS, 8)
    assert 0 < finding.high < 1e-5  # rounding
    assert find_dead_attention(Stacked(by_head, key_bias=False), _sets(keys=3)) == []


def test_queries_and_keys_that_are_zero_make_constant_weights_for_good():
    torch.manual_seed(0)
    model = Functional(_by_hand)
    for layer in (model.q, model.k):
        nn.init.zeros_(layer.weight)
    nn.init.zeros_(model.q.bias)
    (constant, queries, keys) = find_dead_attention(model, _sets(keys=2))
    assert (constant.what, constant.low, constant.high) == (CONSTANT, 0.5, 0.5)
    assert (queries.module, keys.module, keys.what, keys.parameters) == ("q", "k", NO_GRADIENT, 64)


def test_a_part_that_the_outputs_never_use_is_reported():
    torch.manual_seed(0)
    model = Functional(_by_hand)
    model.forgotten = nn.Linear(3, 2)
    assert _found(model, _sets(keys=2)) == {("forgotten", NO_GRADIENT): 8}


def test_a_relu_that_rests_on_one_batch_is_no_fault_and_one_that_always_rests_is():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    nn.init.ones_(model[0].weight)
    resting, working = (-torch.ones(4, 1),), (torch.ones(4, 1),)
    assert find_dead_attention(model, [resting, working]) == []
    assert _found(model, [resting, resting]) == {("0", NO_GRADIENT): 2}


def test_one_batch_is_too_little_to_accuse_anybody():
    with pytest.raises(BadInput, match="two batches"):
        find_dead_attention(models.build("attention"), _boards(batches=1))


@pytest.mark.parametrize("batch", [torch.randn(4, 8), {"x": torch.randn(4, 8)}])
def test_one_batch_instead_of_a_list_of_them_is_refused(batch):
    with pytest.raises(BadInput, match=r"a list of two batches or more.*got one batch alone"):
        find_dead_attention(nn.Linear(8, 8), batch)


def test_the_network_is_as_it_was():
    torch.manual_seed(0)
    model = models.build("attention", norm="batch").train()
    model.actor.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    find_dead_attention(model, _boards())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and not model.actor.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("heads", [1, 8])
def test_over_one_key_the_whole_block_is_a_linear_map_of_the_statistics(heads):
    torch.manual_seed(0)
    model = models.build("attention", norm="group", heads=heads)
    nn.init.normal_(model.cross_attention.v.bias)
    (batch,) = _boards(batches=1)
    logits, values = model(*batch)
    before = sum(parameter.numel() for parameter in model.cross_attention.parameters())
    model.cross_attention = OneKeyMap(model.cross_attention)
    after = sum(parameter.numel() for parameter in model.cross_attention.parameters())
    torch.testing.assert_close(model(*batch), (logits, values), rtol=1e-5, atol=1e-5)
    assert (before, after) == (82_432, 16_512)


def test_over_two_keys_it_is_not():
    torch.manual_seed(0)
    attention = CrossAttention(8, 8, 8)
    queries, context = _sets(keys=2)[0]
    assert not torch.allclose(attention(queries, context), one_key_map(attention)(context).mean(1, keepdim=True))
    with pytest.raises(BadInput, match="one key"):
        OneKeyMap(attention)(queries, context)
