"""The attention blocks against sums done by hand, and where hooks find what they attend to."""

import math

import pytest
import torch

from territory import models
from territory.errors import BadInput
from territory.models.blocks import ConvBlock, SpatialGate
from territory.models.cross_attention import AttentionWeights, CrossAttention


def test_a_gate_multiplies_every_channel_of_its_cell():
    gate = SpatialGate(2)
    with torch.no_grad():
        gate.score.weight[:] = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
        gate.score.bias[:] = 0.0
    cells = torch.tensor([[[[3.0, 0.0]], [[1.0, 0.0]]]])  # (1, 2, 1, 2): a cell (3, 1) and a cell (0, 0)
    out = gate(cells)
    open_at = 1 / (1 + math.exp(-(3 - 1)))  # 0.8808 in the first cell; sigmoid(0) = 0.5 in the second
    assert torch.allclose(out[0, :, 0, 0], torch.tensor([3 * open_at, 1 * open_at]))
    assert torch.equal(out[0, :, 0, 1], torch.zeros(2))


def test_weights_by_hand_on_one_query_and_two_keys():
    q = torch.tensor([[[[2.0, 0.0, 0.0, 0.0]]]])  # width 4, so scores are halved
    k = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [-1.0, 5.0, 0.0, 0.0]]]])
    # scores (2, -2) / sqrt(4) = (1, -1); softmax = (e, 1/e) / (e + 1/e)
    expected = math.e / (math.e + 1 / math.e)
    assert torch.allclose(AttentionWeights()(q, k), torch.tensor([[[[expected, 1 - expected]]]]))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_cross_attention_agrees_with_torch(heads):
    """The same weights in torch's own multi-head attention give the same output and the same attention."""
    torch.manual_seed(0)
    ours = CrossAttention(query_size=6, context_size=8, size=8, heads=heads)
    theirs = torch.nn.MultiheadAttention(8, heads, batch_first=True)
    lift = torch.nn.Linear(6, 8)  # torch wants queries of its own width: ours.q after the identity on them
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([torch.eye(8), ours.k.weight, ours.v.weight]))
        theirs.in_proj_bias.copy_(torch.cat([torch.zeros(8), ours.k.bias, ours.v.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
        lift.load_state_dict(ours.q.state_dict())
    queries, context = torch.randn(3, 5, 6), torch.randn(3, 7, 8)
    caught = []
    ours.weights.register_forward_hook(lambda _module, _args, out: caught.append(out))
    out = ours(queries, context)
    expected, weights = theirs(lift(queries), context, context, average_attn_weights=False)
    assert torch.allclose(out, expected, atol=1e-5)
    assert torch.allclose(caught[0], weights, atol=1e-5)


def test_hooks_find_every_gate_and_the_cross_weights_in_the_attention_model():
    model = models.build("attention", heads=2)
    shapes = {}
    for path, module in model.named_modules():
        if isinstance(module, SpatialGate):
            module.gate.register_forward_hook(lambda _m, _a, out, path=path: shapes.update({path: tuple(out.shape)}))
        if isinstance(module, AttentionWeights):
            module.register_forward_hook(lambda _m, _a, out, path=path: shapes.update({path: tuple(out.shape)}))
    model(torch.zeros(3, 5, 128, 128, dtype=torch.uint8), torch.zeros(3, 16))
    assert shapes == {
        "map_branch.blocks.0.attention": (3, 1, 32, 32),
        "map_branch.blocks.1.attention": (3, 1, 8, 8),
        "map_branch.blocks.2.attention": (3, 1, 4, 4),
        "cross_attention.weights": (3, 2, 1, 1),
    }


def test_a_plain_block_is_convolution_and_relu_alone():
    block = ConvBlock(2, 4, kernel=3, stride=1)
    x = torch.randn(1, 2, 6, 6)
    assert torch.equal(block(x), block.conv(x).clamp(min=0))


def test_heads_must_divide_the_size():
    with pytest.raises(BadInput, match="divides 10; got 4"):
        CrossAttention(6, 8, 10, heads=4)


@pytest.mark.parametrize(("queries", "keys"), [(64, 16), (16, 64), (3, 1)])
def test_attention_weights_in_bfloat16_are_the_same_but_for_rounding(queries, keys):
    dice = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, 2, number, 32, generator=dice).bfloat16().requires_grad_() for number in (queries, keys))
    exact = AttentionWeights()(q.float(), k.float())
    rounded = AttentionWeights()(q, k)
    assert rounded.shape == (2, 2, queries, keys) and rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, atol=0.01, rtol=0.02)
    pull = torch.randn(exact.shape, generator=dice)
    for wanted, got in zip(
        torch.autograd.grad((exact * pull).sum(), (q, k)),
        torch.autograd.grad((rounded * pull).sum(), (q, k)),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted, atol=0.02, rtol=0.1)
