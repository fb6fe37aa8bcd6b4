"""Attention of networks that nobody here has written: read as the plain formula has it, changed, and left alone."""

import math
import sys
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.bias import causal_lower_right
from torch.nn.attention.flex_attention import flex_attention
from torch.utils.checkpoint import checkpoint

from benchmarks.zoo import Calls
from examples.small_vit import SmallViT
from territory import load_agent
from territory.errors import BadInput
from territory.interpret import (
    Sample,
    ablation_table,
    attention_maps,
    capture,
    capture_frames,
    grad_cam,
    intervene,
    layers_of,
    lift_table,
    likeliest_direction,
    occlusion,
    overlay,
    policy_on,
    sanity_table,
    total_variation,
    uniform,
    uniform_head,
    zero_head,
)
from territory.interpret.records import to_tensors
from territory.models.policy import masked_softmax
from tests.helpers.known_networks import frames, replay
from tests.helpers.left_behind import hooks_of_all_modules

T, WIDTH, HEADS = 5, 8, 2


def tokens(size=3):
    return torch.randn(size, T, WIDTH, generator=torch.Generator().manual_seed(0))


def by_heads(x):
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)


def plain(q, k, mask=None, scale=None):
    scores = q @ k.transpose(-2, -1) * (scale or q.shape[-1] ** -0.5)
    return (scores if mask is None else scores + mask).softmax(dim=-1)


def causal():
    return torch.full((T, T), -torch.inf).triu(1)


class Attends(nn.Module):
    """Self-attention, computed by whatever function of queries, keys and values it is given."""

    def __init__(self, attend):
        super().__init__()
        torch.manual_seed(0)
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.attend = attend

    def forward(self, x):
        return self.attend(by_heads(self.q(x)), by_heads(self.k(x)), by_heads(self.v(x))).transpose(1, 2).flatten(2)


def sdpa(**options):
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options)


def by_exp(q, k, v):
    e = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).exp()
    return (e / e.sum(dim=-1, keepdim=True)) @ v


def by_exp_by_keyword(q, k, v):
    e = torch.exp(input=q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5)
    return torch.div(e, other=torch.sum(input=e, dim=-1, keepdim=True)) @ v


def by_logsumexp(q, k, v):
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    return (scores - scores.logsumexp(dim=(-1,), keepdim=True)).exp() @ v


def by_log_of_sum(q, k, v):
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    scores = scores - scores.amax(-1, keepdim=True)
    return (scores - scores.exp().sum(-1, keepdim=True).log()).exp() @ v


def less_its_maximum(q, k, v):
    scores = q @ k.mT / 2
    most = scores.amax(-1, keepdim=True)
    return (scores - most - (scores - most).exp().sum(-1, keepdim=True).log()).exp() @ v


def added_in_one_call(weights, v):
    total = torch.zeros_like(v)
    for j in range(T):
        total = torch.addcmul(total, weights[..., [j]], v[:, :, [j]])
    return total


def by_lookup(q, k, v):
    """Each query has a bag of its own: all keys of its example and head."""
    weights, rows = (q @ k.mT / 2).softmax(-1).reshape(-1, T), torch.arange(len(v) * HEADS).repeat_interleave(T)
    bags = rows[:, None] * T + torch.arange(T)
    return F.embedding_bag(bags, v.flatten(0, 2), per_sample_weights=weights, mode="sum").view(v.shape)


def key_by_key(weights, values):
    return [weights[..., [j]] * values[:, :, [j]] for j in range(T)]


def added(parts):
    total = torch.zeros_like(parts[0])
    for part in parts:
        total += part
    return total


def by_share(q, k, v):
    e = torch.exp2((q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5) / math.log(2))
    return (e * (1 / (e.sum(dim=-1, keepdim=True) + 1e-9))) @ v


def divided_afterwards(q, k, v):
    scores = q @ k.mT / 2
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    return torch.einsum("bhij,bhjd->bhid", e, v) / e.sum(-1)[..., None]


def times_a_share_afterwards(q, k, v):
    e = torch.exp(q @ k.mT / 2)
    return e.sum(dim=(-1,), keepdim=True).reciprocal() * torch.matmul(e, other=v)


def divided_in_place(q, k, v):
    e = (q @ k.mT / 2).exp()
    e.div_(e.sum(-1, keepdim=True))
    return e @ v


def product_divided_in_place(q, k, v):
    e = (q @ k.mT / 2).exp()
    out = e @ v
    out.div_(e.sum(-1, keepdim=True))
    return out


def laid(scores, weights, dim, shift=0.0):
    """By einsum, examples and heads not first; queries, keys and values come as (B, T, heads, width)."""

    def attend(q, k, v):
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        given = torch.einsum(scores, q, k) / 2 + shift
        return torch.einsum(weights, given.softmax(dim), v).transpose(1, 2)

    return attend


def laid_by_exp(q, k, v):
    e = torch.einsum("bhid,bhjd->bijh", q, k).div(2).exp()
    return torch.einsum("bijh,bhjd->bhid", e / e.sum(2, keepdim=True), v)


def by_linear(q, k, v, linear=F.linear):
    """Head by head and example by example, as F.linear knows matrices alone."""
    weights = (q @ k.mT / 2).softmax(-1)
    return torch.stack(
        [torch.stack([linear(a, b.mT) for a, b in zip(*each, strict=True)]) for each in zip(weights, v, strict=True)]
    )


def kernel(name):
    return getattr(torch.ops.aten, name)


SPELLINGS = {
    "fused": (sdpa(), None),
    "fused and causal": (sdpa(is_causal=True), causal()),
    "fused with a mask of truths": (sdpa(attn_mask=causal() == 0), causal()),
    "fused with torch's own causal bias": (sdpa(attn_mask=causal_lower_right(T, T)), causal()),
    "fused with a mask of numbers": (sdpa(attn_mask=causal()), causal()),
    "softmax": (lambda q, k, v: torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v, None),
    "softmax and dropout": (lambda q, k, v: F.dropout(F.softmax(q @ k.mT / 2, dim=-1), 0.5, False) @ v, None),
    "einsum": (lambda q, k, v: torch.einsum("bhqk,bhkd->bhqd", (q @ k.mT / 2).softmax(-1), v), None),
    "heads last": (laid("bihd,bjhd->bijh", "bijh,bjhd->bihd", 2), None),
    "heads last, with dots": (laid("... i h d, ... j h d -> ... i j h", "...ijh,...jhd->...ihd", -2), None),
    "heads between": (laid("bihd,bjhd->bihj", "bihj,bjhd->bihd", -1), None),
    "examples and heads last": (laid("bihd,bjhd->ijbh", "ijbh,bjhd->bihd", 1), None),
    "heads last, masked": (laid("bihd,bjhd->bijh", "bijh,bjhd->bihd", 2, causal()[:, :, None]), causal()),
    "heads last, then first": (
        lambda q, k, v: (torch.einsum("bhid,bhjd->bijh", q, k).permute(0, 3, 1, 2) / 2).softmax(-1) @ v,
        None,
    ),
    "heads last, by exp": (laid_by_exp, None),
    "softmin": (lambda q, k, v: F.softmin(-(q @ k.mT) / 2, dim=-1) @ v, None),
    "log softmax": (lambda q, k, v: F.log_softmax(q @ k.mT / 2, dim=-1).exp() @ v, None),
    "exp over its sum": (by_exp, None),
    "exp less logsumexp": (by_logsumexp, None),
    "exp less the logarithm of the sum": (by_log_of_sum, None),
    "a power of e": (lambda q, k, v: ((e := torch.pow(math.e, q @ k.mT / 2)) / e.sum(-1, keepdim=True)) @ v, None),
    "exp times one over its sum": (by_share, None),
    "by keyword": (
        lambda q, k, v: torch.matmul(input=torch.softmax(input=q @ k.mT / 2, dim=-1), other=v),
        None,
    ),
    "exp over its sum, by keyword": (by_exp_by_keyword, None),
    "clamped, by vecdot": (
        lambda q, k, v: torch.linalg.vecdot((q @ k.mT / 2).softmax(-1).clamp(0)[:, :, :, None], v.mT[:, :, None]),
        None,
    ),
    "padded and cut": (lambda q, k, v: F.pad((q @ k.mT / 2).softmax(-1), (0, 2))[..., :T] @ v, None),
    "exp over its sum in a tuple": (
        lambda q, k, v: ((e := (q @ k.mT / 2).exp()) / e.sum(dim=(-1,), keepdim=True)) @ v,
        None,
    ),
    "divided by the sum afterwards": (divided_afterwards, None),
    "times one over the sum afterwards": (times_a_share_afterwards, None),
    "divided in place": (divided_in_place, None),
    "divided in place afterwards": (product_divided_in_place, None),
    "a linear layer of two computed matrices": (by_linear, None),
    "that by keyword": (lambda *qkv: by_linear(*qkv, lambda a, b: F.linear(input=a, weight=b)), None),
    "a weighted mean": (lambda q, k, v: T * ((q @ k.mT / 2).softmax(-1)[..., None] * v[:, :, None]).mean(3), None),
    "added key by key": (lambda q, k, v: sum(key_by_key((q @ k.mT / 2).softmax(-1), v)), None),
    "stacked and summed": (lambda q, k, v: torch.stack(key_by_key((q @ k.mT / 2).softmax(-1), v)).sum(0), None),
    "added to zeros in place": (lambda q, k, v: added(key_by_key((q @ k.mT / 2).softmax(-1), v)), None),
    "softmax over an axis, as NumPy calls it": (lambda q, k, v: torch.softmax(q @ k.mT / 2, axis=-1) @ v, None),
    "summed over an axis": (lambda q, k, v: ((e := (q @ k.mT / 2).exp()) / e.sum(axis=-1, keepdims=True)) @ v, None),
    "exp less logsumexp, of scores made twice": (
        lambda q, k, v: torch.exp(q @ k.mT / 2 - torch.logsumexp(q @ k.mT / 2, -1, keepdim=True)) @ v,
        None,
    ),
    "exp over exp of logsumexp": (
        lambda q, k, v: ((s := q @ k.mT / 2).exp() / s.logsumexp(-1, keepdim=True).exp()) @ v,
        None,
    ),
    "less its maximum and a logarithm": (less_its_maximum, None),
    "divide": (lambda q, k, v: torch.divide(e := (q @ k.mT / 2).exp(), e.sum(-1, keepdim=True)) @ v, None),
    "times a power": (lambda q, k, v: ((e := (q @ k.mT / 2).exp()) * e.sum(-1, keepdim=True) ** -1) @ v, None),
    "a tensor to a power": (
        lambda q, k, v: ((e := torch.tensor(math.e) ** (q @ k.mT / 2)) / e.sum(-1, keepdim=True)) @ v,
        None,
    ),
    "logarithm and back": (lambda q, k, v: (q @ k.mT / 2).softmax(-1).log().exp() @ v, None),
    "addcdiv": (
        lambda q, k, v: torch.addcdiv(torch.zeros(()), e := (q @ k.mT / 2).exp(), e.sum(-1, keepdim=True)) @ v,
        None,
    ),
    "addcmul": (lambda q, k, v: added_in_one_call((q @ k.mT / 2).softmax(-1), v), None),
    "baddbmm": (
        lambda q, k, v: torch.baddbmm(torch.zeros(()), (q @ k.mT / 2).softmax(-1).flatten(0, 1), v.flatten(0, 1)).view(
            v.shape
        ),
        None,
    ),
    "baddbmm, divided afterwards": (
        lambda q, k, v: (
            torch.baddbmm(v.flatten(0, 1), e := (q @ k.mT / 2).exp().flatten(0, 1), v.flatten(0, 1), beta=0)
            / e.sum(-1, keepdim=True)
        ).view(v.shape),
        None,
    ),
    "weights of a lookup": (by_lookup, None),
    "spread over the values first": (
        lambda q, k, v: ((q @ k.mT / 2).softmax(-1)[..., None].expand(-1, -1, -1, -1, 4) * v[:, :, None]).sum(3),
        None,
    ),
    "exp made twice, divided afterwards": (
        lambda q, k, v: ((q @ k.mT / 2).exp() @ v) / (q @ k.mT / 2).exp().sum(-1, keepdim=True),
        None,
    ),
    "multiplied out before the division": (
        lambda q, k, v: ((e := (q @ k.mT / 2).exp())[..., None] * v[:, :, None]).sum(3) / e.sum(-1, keepdim=True),
        None,
    ),
    "torch's own kernel of softmax": (lambda q, k, v: kernel("_softmax")(q @ k.mT / 2, -1, False) @ v, None),
    "a fused kernel": (
        lambda q, k, v: kernel("_scaled_dot_product_flash_attention_for_cpu")(q, k, v, is_causal=True)[0],
        causal(),
    ),
    "a kernel that is not fused": (
        lambda q, k, v: kernel("_scaled_dot_product_attention_math").default(q, k, v, causal())[0],
        causal(),
    ),
    "a weighted sum": (lambda q, k, v: ((q @ k.mT / 2).softmax(-1)[..., None] * v[:, :, None]).sum(3), None),
}


SUMS = {  # of exponentials, by functions that are not called so
    "a product with ones": lambda e: e @ torch.ones(T, 1),
    "einsum": lambda e: torch.einsum("bhij->bhi", e)[..., None],
    "a norm": lambda e: e.norm(p=1, dim=-1, keepdim=True),
    "a mean": lambda e: e.mean(-1, keepdim=True) * T,
    "a running sum": lambda e: e.cumsum(-1)[..., -1:],
}
SPELLINGS |= {
    f"exp over {name}": (lambda q, k, v, sums=sums: ((e := (q @ k.mT / 2).exp()) / sums(e)) @ v, None)
    for name, sums in SUMS.items()
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_read_as_the_plain_formula_has_it(spelling):
    attend, mask = SPELLINGS[spelling]
    model, x = Attends(attend), tokens()
    before = model(x)
    with capture(model) as record:
        assert torch.equal(model(x), before)
    assert list(record) == ["Attends"]
    expected = plain(by_heads(model.q(x)), by_heads(model.k(x)), mask)
    torch.testing.assert_close(record["Attends"], expected.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_head_of_every_spelling_can_be_ablated(spelling):
    model, x = Attends(SPELLINGS[spelling][0]), tokens()
    values = by_heads(model.v(x))
    with intervene(model, {"Attends": zero_head(0)}), capture(model) as record:
        zeroed = model(x)
    torch.testing.assert_close(zeroed[..., : WIDTH // HEADS], torch.zeros_like(zeroed[..., : WIDTH // HEADS]))
    torch.testing.assert_close(zeroed[..., WIDTH // HEADS :], model(x)[..., WIDTH // HEADS :])
    assert (record["Attends"][:, 0] == 0).all()
    with intervene(model, {"Attends": uniform}):
        averaged = model(x)
    torch.testing.assert_close(averaged[:, 0], values.mean(dim=2).flatten(1))


@pytest.mark.parametrize("masked", [lambda w: w * (causal() == 0), lambda w: w.masked_fill(causal() < 0, 0)])
@pytest.mark.parametrize("divided", [lambda w: w / w.sum(-1, keepdim=True), lambda w: F.normalize(w, p=1, dim=-1)])
def test_weights_that_are_masked_and_divided_by_their_sum_again_are_what_the_values_get(masked, divided):
    model, x = Attends(lambda q, k, v: divided(masked((q @ k.mT / 2).softmax(-1))) @ v), tokens()
    with capture(model) as record:
        model(x)
    assert list(record) == ["Attends#2"]  # the first one is no attention yet
    expected = plain(by_heads(model.q(x)), by_heads(model.k(x)), causal())
    torch.testing.assert_close(record["Attends#2"], expected.detach(), rtol=1e-5, atol=1e-5)
    with intervene(model, {"Attends#2": uniform}):
        averaged = model(x)
    torch.testing.assert_close(averaged[:, 0], by_heads(model.v(x)).mean(dim=2).flatten(1))


@pytest.mark.parametrize("pool", [lambda w, x: w @ x, lambda w, x: x.mT.mv(w), lambda w, x: (w[:, None] * x).sum(0)])
def test_one_query_over_the_tokens_of_one_example_is_attention(pool):
    model, x = (
        Calls(lambda s, x: pool((x @ s.query).softmax(0), x), query=nn.Parameter(torch.randn(WIDTH))),
        tokens()[0],
    )
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Calls"], (x @ model.query).softmax(0).detach()[None, None, None])
    with intervene(model, {"Calls": uniform}):
        torch.testing.assert_close(model(x), x.mean(0))


def test_a_softmax_without_an_axis_is_read_over_the_one_that_torch_takes():
    for x, over in ((torch.randn(3, HEADS, T, T), 1), (torch.randn(3, T, T), 0)):
        model = Calls(lambda s, x: F.softmax(x) @ x)
        with pytest.warns(UserWarning, match="Implicit dimension choice"), capture(model) as record:
            model(x)
        torch.testing.assert_close(record["Calls"].sum(-1), torch.ones(record["Calls"].shape[:-1]))
        assert record["Calls"].shape[-1] == x.shape[over]


def test_weights_are_kept_as_the_values_got_them_though_the_network_writes_into_them():
    def attend(q, k, v):
        weights = (q @ k.mT / 2).softmax(-1)
        weights[..., 0] = 0
        made = weights @ v
        weights.zero_()
        return made

    model, x = Attends(attend), tokens()
    with capture(model) as record, torch.no_grad():
        model(x)
    expected = plain(by_heads(model.q(x)), by_heads(model.k(x))).detach()
    expected[..., 0] = 0
    torch.testing.assert_close(record["Attends"], expected)


def test_weights_averaged_over_heads_before_the_product_are_attention_of_each_head():
    model, x = Attends(lambda q, k, v: (q @ k.mT / 2).softmax(-1).mean(1, keepdim=True) @ v), tokens()
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Attends"], plain(by_heads(model.q(x)), by_heads(model.k(x))).detach())


def test_attention_without_a_softmax_is_not_taken_for_one():
    def by_features(q, k, v):  # linear attention: the sum is that of another product
        q, k = q.exp(), k.exp()
        return q @ (k.mT @ v) / (q @ k.sum(2, keepdim=True).mT)

    def by_blocks(q, k, v):  # a softmax over blocks of keys: no single tensor holds its weights
        e, f = (q @ k[:, :, :2].mT).exp(), (q @ k[:, :, 2:].mT).exp()
        return (e @ v[:, :, :2] + f @ v[:, :, 2:]) / (e.sum(-1, keepdim=True) + f.sum(-1, keepdim=True))

    for attend in (by_features, by_blocks):
        with capture(Attends(attend)) as record:
            Attends(attend)(tokens())
        assert record == {}


@pytest.mark.parametrize(
    "made",
    [
        lambda q, k: (q @ k.mT / 2).exp() / (k @ q.mT / 2).exp().sum(-1, keepdim=True),  # memory is used again
        lambda q, k: (e := (q @ k.mT / 2).exp()) / e.sum(-1, keepdim=True).sqrt(),
        lambda q, k: (e := (q @ k.mT / 2).exp()) * e.sum(-1, keepdim=True),
        lambda q, k: torch.addcdiv(torch.ones(()), e := (q @ k.mT / 2).exp(), e.sum(-1, keepdim=True)),
    ],
    ids=["another's sum", "a root of the sum", "times the sum", "and one more"],
)
def test_exponentials_that_do_not_sum_to_one_are_no_weights(made):
    model = Attends(lambda q, k, v: made(q, k) @ v)
    with capture(model) as record:
        model(tokens())
    assert record == {}


def test_a_product_that_is_added_to_something_is_not_divided_into_attention():
    model = Attends(
        lambda q, k, v: (
            torch.baddbmm(v.flatten(0, 1), e := (q @ k.mT / 2).exp().flatten(0, 1), v.flatten(0, 1))
            / e.sum(-1, keepdim=True)
        ).view(v.shape)
    )
    with capture(model) as record:
        model(tokens())
    assert record == {}


def test_a_null_key_by_exp_leaves_less_than_one():
    def attend(q, k, v):
        scores = q @ k.mT / 2
        most = scores.amax(-1, keepdim=True).clamp(min=0)
        e = (scores - most).exp()
        return e / ((-most).exp() + e.sum(-1, keepdim=True)) @ v

    model, x = Attends(attend), tokens()
    with capture(model) as record:
        model(x)
    scores = by_heads(model.q(x)) @ by_heads(model.k(x)).mT / 2
    with_null = torch.cat([torch.zeros(3, HEADS, T, 1), scores], dim=-1).softmax(-1)[..., 1:]
    torch.testing.assert_close(record["Attends"], with_null.detach(), rtol=1e-5, atol=1e-5)


def test_of_two_maps_that_are_subtracted_both_are_attention():
    def attend(q, k, v):
        return ((q @ k.mT / 2).softmax(-1) - 0.3 * (k @ q.mT / 2).softmax(-1)) @ v

    model, x = Attends(attend), tokens()
    with capture(model) as record:
        model(x)
    q, k = by_heads(model.q(x)), by_heads(model.k(x))
    torch.testing.assert_close(record["Attends"], plain(q, k).detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(record["Attends#2"], plain(k, q).detach(), rtol=1e-5, atol=1e-5)


def folded_by_cat(x):
    return torch.cat(x.split(WIDTH // HEADS, dim=2))


def folded_by_reshape(x):
    return x.unflatten(2, (HEADS, -1)).permute(2, 0, 1, 3).reshape(-1, T, WIDTH // HEADS)


@pytest.mark.parametrize("fold", [folded_by_cat, folded_by_reshape])
@pytest.mark.parametrize("fused", [False, True])
def test_heads_folded_before_the_examples_are_told_from_them(fold, fused):
    """As the Set Transformer has them; examples before heads have another order."""

    def forward(s, x):
        q, k = fold(s.q(x)), fold(s.k(x))
        made = F.scaled_dot_product_attention(q, k, q) if fused else (q @ k.mT / 2).softmax(-1).bmm(q)
        return torch.cat(made.chunk(HEADS), dim=2)

    model, x = Calls(forward, q=nn.Linear(WIDTH, WIDTH), k=nn.Linear(WIDTH, WIDTH)), tokens()
    before = model(x)
    with capture(model) as record:
        model(x)
    expected = plain(by_heads(model.q(x)), by_heads(model.k(x)))
    torch.testing.assert_close(record["Calls"], expected.detach(), rtol=1e-5, atol=1e-5)
    with intervene(model, {"Calls": zero_head(1)}):
        changed = model(x)
    assert (changed[..., WIDTH // HEADS :] == 0).all()
    torch.testing.assert_close(changed[..., : WIDTH // HEADS], before[..., : WIDTH // HEADS])


def folded_by_examples(x):
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2).reshape(-1, T, WIDTH // HEADS)


def test_a_layer_that_folds_heads_in_another_order_has_an_order_of_its_own():
    def forward(s, x):
        q = folded_by_reshape(x)
        e = (q @ q.mT / 2).exp()
        x = (e / e.sum(-1, keepdim=True) @ q).view(HEADS, -1, T, WIDTH // HEADS).permute(1, 2, 0, 3).flatten(2)
        q = folded_by_examples(s.between(x))
        return (q @ q.mT / 2).softmax(-1) @ q

    model, x = Calls(forward, between=nn.Identity()), tokens()
    with capture(model) as record:
        model(x)
    first = plain(by_heads(x), by_heads(x))
    torch.testing.assert_close(record["Calls"], first)
    y = by_heads((first @ by_heads(x)).transpose(1, 2).flatten(2))
    torch.testing.assert_close(record["Calls#2"], plain(y, y))


@pytest.mark.parametrize("shape", [(8, 4), (6, 3, 4)], ids=["features", "fewer tokens"])
def test_examples_as_many_as_learned_tokens_are_examples(shape):
    model = Calls(
        lambda s, x: s.attend(z := s.latents + x.flatten(1).mean(1)[:, None, None], z, z)[0],
        latents=nn.Parameter(torch.randn(shape[0], WIDTH)),
        attend=nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
    )
    with capture(model) as record:
        model(torch.randn(shape))
    assert record["attend"].shape == (shape[0], HEADS, shape[0], shape[0])


@pytest.mark.parametrize("queries, keys", [(T, 0), (0, T), (0, 0)])
@pytest.mark.parametrize("attend", [sdpa(), lambda q, k, v: (q @ k.mT).softmax(-1) @ v], ids=["fused", "softmax"])
def test_no_keys_or_no_queries_are_no_trouble(attend, queries, keys):
    model = Calls(lambda s, x: attend(*(by_heads(s.layer(x[:, :n])) for n in (queries, keys, keys))))
    model.layer = nn.Linear(WIDTH, WIDTH)
    before = model(tokens())
    with capture(model) as record:
        torch.testing.assert_close(model(tokens()), before)
    assert record["Calls"].shape == (3, HEADS, queries, keys)
    with capture(model) as record:
        model(tokens()[:0])
    assert record["Calls"].shape == (0, HEADS, queries, keys)


def test_parts_of_a_batch_that_are_put_together_again_stay_examples():
    model, x = Calls(lambda s, x: (y := torch.cat(x.chunk(2))) + (y @ y.mT).softmax(-1) @ y), torch.randn(4, T, WIDTH)
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Calls"][:, 0], (x @ x.mT).softmax(-1))


def one_query(x):
    return x[:, :, None]


LAYOUTS = {  # what makes the weights, and how they come to (B, heads, queries, keys)
    "positions for scores": (
        lambda x: (x @ x.mT + torch.einsum("bhid,ijd->bhij", x, torch.linspace(0, 1, T * T * 4).view(T, T, 4))).softmax(
            -1
        ),
        lambda w: w,
    ),
    "queries before heads": (lambda x: (2 * x.transpose(1, 2)).softmax(-1), lambda w: w.transpose(1, 2)),
    "one query of each head": (lambda x: torch.einsum("bhd,bhtd->bht", x[:, :, 0], x).softmax(-1), one_query),
    "one query of each head, squeezed": (lambda x: (x[:, :, :1] @ x.mT).squeeze(2).softmax(-1), one_query),
}


LAYOUTS["examples last"] = (
    lambda x: torch.einsum("ibd,jbd->ijb", x[:, 0].transpose(0, 1), x[:, 1].transpose(0, 1)).softmax(1),
    lambda w: w.permute(2, 0, 1)[:, None],
)
LAYOUTS["one learned query of each head"] = (
    lambda x: torch.einsum("hd,bthd->bht", torch.linspace(-1, 1, 8).view(HEADS, 4), x.transpose(1, 2)).softmax(-1),
    one_query,
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_heads_are_told_from_queries_by_what_made_the_scores(layout):
    weights, seen = LAYOUTS[layout]
    model, x = Calls(lambda s, x: (weights(by_heads(x))[..., None] * torch.ones(2)).sum(-2)), tokens()
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Calls"], seen(weights(by_heads(x))))


def masked(scores):
    return scores.permute(0, 2, 1).masked_fill(torch.arange(T) > 3, -1e9) / 2


def over_itself(e):
    return e / e.sum(1, keepdim=True)


POOLS = {  # a layer's scores, or a product's number by number, to weights of each head over the tokens
    "heads last": (lambda s, x: s.score(x).softmax(1).mT, tokens()),
    "heads last, by exp": (lambda s, x: over_itself(s.score(x).exp()).mT, tokens()),
    "two layers": (lambda s, x: s.score(s.before(x).tanh()).softmax(1).mT, tokens()),
    "transposed": (lambda s, x: s.score(x).transpose(1, 2).softmax(-1), tokens()),
    "masked": (lambda s, x: masked(s.score(x)).softmax(-1), tokens()),
    "an axis for the query": (lambda s, x: s.score(x).mT[:, :, None].softmax(-1)[:, :, 0], tokens()),
    "as many tokens as heads": (lambda s, x: s.score(x).softmax(1).mT, tokens()[:, :HEADS]),
    "time first": (lambda s, x: s.score(x).softmax(0).permute(1, 2, 0), tokens().transpose(0, 1)),
    "one example": (lambda s, x: s.score(x).softmax(0).mT[None], tokens()[0]),
    "number by number": (lambda s, x: (x.unflatten(2, (HEADS, -1)) * s.query).sum(-1).softmax(1).mT, tokens()),
    "number by number, heads first": (lambda s, x: (by_heads(x) * s.query[:, None]).sum(-1).softmax(-1), tokens()),
    "cells": (lambda s, x: s.conv(x).flatten(2).softmax(-1), torch.randn(3, WIDTH, 4, 4)),
    "cells last": (lambda s, x: s.conv(x).flatten(2).mT.softmax(1).mT, torch.randn(3, WIDTH, 4, 4)),
}


@pytest.mark.parametrize("pool", POOLS)
def test_pooling_has_a_head_for_each_number_that_a_layer_gives_for_a_token(pool):
    weights, x = POOLS[pool]
    values = x.flatten(2).mT if x.ndim == 4 else x[None] if x.ndim == 2 else x
    values = by_heads(values.transpose(0, 1) if pool == "time first" else values)
    parts = {"score": nn.Linear(WIDTH, HEADS), "before": nn.Linear(WIDTH, WIDTH), "conv": nn.Conv2d(WIDTH, HEADS, 1)}
    model = Calls(lambda s, x: (weights(s, x)[..., None] * values).sum(2), query=torch.randn(HEADS, 4), **parts)
    with torch.no_grad(), capture(model) as record:
        before = model(x)
    torch.testing.assert_close(record["Calls"], weights(model, x)[:, :, None].detach())
    for head in range(HEADS):
        with intervene(model, {"Calls": zero_head(head)}):
            changed = model(x)
        assert (changed[:, head] == 0).all() and torch.equal(changed[:, 1 - head], before[:, 1 - head])


def test_a_window_of_its_own_for_each_query_has_queries_and_no_heads():
    def near(s, x):
        windows = F.pad(x, (0, 0, 1, 1)).unfold(1, 3, 1)
        return torch.einsum("btk,btdk->btd", torch.einsum("btd,btdk->btk", x, windows).softmax(-1), windows)

    with capture(model := Calls(near)) as record:
        model(tokens())
    assert record["Calls"].shape == (3, 1, T, 3)


def test_heads_of_one_graph_stand_before_its_nodes_and_those_of_a_parameter_are_of_one_example():
    def forward(s, x):
        h = x.unflatten(1, (HEADS, -1))
        return torch.einsum("ijh,jhd->ihd", (h.sum(2)[:, None] * h.sum(2)).softmax(1), h)

    x = tokens()[0]
    with capture(model := Calls(forward)) as record:
        model(x)
    s = x.unflatten(1, (HEADS, -1)).sum(2).T
    torch.testing.assert_close(record["Calls"], (s[:, :, None] * s[:, None]).softmax(-1)[None])
    model = Calls(lambda s, x: s.scores.softmax(-1) @ by_heads(x), scores=nn.Parameter(torch.randn(HEADS, T, T)))
    with capture(model) as record:
        model(tokens())
    torch.testing.assert_close(record["Calls"], model.scores.softmax(-1)[None].detach())


def test_tokens_of_one_example_have_heads_and_time_may_come_first():
    x = tokens()[0]
    model = Calls(lambda s, x: ((y := x.unflatten(1, (HEADS, -1)).transpose(0, 1)) @ y.mT).softmax(-1) @ y)
    with capture(model) as record:
        model(x)
    assert record["Calls"].shape == (1, HEADS, T, T)
    pool = Calls(lambda s, x: (s.score(x).softmax(0) * x).sum(0), score=nn.Linear(WIDTH, 1))
    steps = torch.randn(6, 3, WIDTH)
    with capture(pool) as record:
        pool(steps)
    torch.testing.assert_close(record["Calls"][:, 0, 0], pool.score(steps).softmax(0).detach()[..., 0].T)


def test_a_linear_layer_over_probabilities_is_no_attention():
    with capture(model := Chooses(nn.Linear(4, 3))) as record:
        model(tokens())
    assert record == {}


class Checkpointed(nn.Module):
    def __init__(self, attend):
        super().__init__()
        torch.manual_seed(0)
        self.before, self.attend = nn.Linear(WIDTH, WIDTH), attend

    def forward(self, x):
        return checkpoint(self.attend, self.before(x), use_reentrant=False)


def attends_to_itself():
    attend = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    return Calls(lambda s, x: s.attend(x, x, x)[0], attend=attend)


@pytest.mark.parametrize("attend", [attends_to_itself, lambda: Attends(sdpa()), lambda: Attends(divided_afterwards)])
@pytest.mark.parametrize("goes_back", ["backward", "autograd.backward", "autograd.grad"])
def test_a_checkpointed_network_has_the_same_gradients_while_it_is_captured(attend, goes_back):
    def gradient(model):
        loss = model(tokens()).square().sum()
        if goes_back == "autograd.grad":
            return torch.autograd.grad(loss, model.before.weight)[0]
        model.zero_grad()
        loss.backward() if goes_back == "backward" else torch.autograd.backward(loss)
        return model.before.weight.grad

    model = Checkpointed(attend())
    expected = gradient(model)
    with capture(model) as record:
        found = gradient(model)
    torch.testing.assert_close(found, expected)
    assert len(record) == 1 and not next(iter(record.values())).requires_grad


def test_attention_changed_under_checkpointing_has_no_gradients_and_says_so():
    model = Checkpointed(Attends(sdpa()))
    with intervene(model, {"attend": uniform}):
        changed = model(tokens())
        with pytest.raises(BadInput, match="Turn checkpointing off"):
            changed.sum().backward()


def test_a_loss_over_gated_vectors_is_not_part_of_the_network():
    model = Calls(lambda s, x: s.gate(x).softmax(-1)[..., None] * x[..., None, :], gate=nn.Linear(WIDTH, 4))
    with capture(model) as record:
        model(tokens()).sum()
    assert record == {}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script|.*nested tensors is in prototype")
def test_scripted_networks_and_nested_tensors():
    scripted = torch.jit.script(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Softmax(-1)))
    with capture(scripted) as record:
        scripted(tokens())
    with pytest.raises(BadInput, match="seen and not read: 1 \\(a script with a softmax\\)"):
        record["x"]
    nested = torch.nested.nested_tensor([torch.randn(HEADS, 3, 4), torch.randn(HEADS, 5, 4)])
    model = Calls(lambda s, q: F.scaled_dot_product_attention(q, q, q))
    with capture(model) as record:
        model(nested)
    with pytest.raises(BadInput, match="no attention that can be read"):
        record["Calls"]


def by_flex(q):
    return flex_attention(q, q, q)


def by_column_of_ones(q):
    out = (q @ q.mT).exp() @ torch.cat([q, torch.ones(*q.shape[:-1], 1)], dim=-1)
    return out[..., :-1] / out[..., -1:]


def over_edges(q):
    """A graph in which each node knows the next one and itself."""
    x = q[0, 0]
    source, target = torch.arange(T).repeat(2), torch.cat([torch.arange(T), torch.arange(T).roll(1)])
    e = (x[source] * x[target]).sum(1).exp()
    total = torch.zeros(T).index_add(0, target, e)
    return torch.zeros_like(x).index_add(0, target, (e / total[target])[:, None] * x[source])


def sparsely(q):
    return torch.sparse.mm(torch.sparse.softmax((q[0, 0] @ q[0, 0].T).to_sparse(), dim=1), q[0, 0])


NO_SOFTMAX, VMAP = "a product of three computed matrices in which no softmax was seen", "vmap or another transform"
HIDDEN = {
    "vmap, fused": (torch.vmap(lambda q: F.scaled_dot_product_attention(q, q, q)), f"{VMAP} of functions"),
    "vmap": (torch.vmap(lambda q: (q @ q.mT).softmax(-1) @ q), f"{VMAP} of functions"),
    "nested": (lambda q: F.scaled_dot_product_attention(*[torch.nested.as_nested_tensor([*q])] * 3), "nested tensors"),
    "flex": (by_flex, "FlexAttention"),
    "sigmoid": (lambda q: (q @ q.mT).sigmoid() @ q, NO_SOFTMAX),
    "relu, key by key": (lambda q: ((q @ q.mT).relu()[..., None] * q[:, :, None]).sum(3), NO_SOFTMAX),
    "expm1": (lambda q: ((e := (q @ q.mT).expm1() + 1) / e.sum(-1, keepdim=True)) @ q, NO_SOFTMAX),
    "linear": (lambda q: q.relu() @ (q.relu().mT @ q), NO_SOFTMAX),
    "logcumsumexp": (
        lambda q: ((s := q @ q.mT) - s.logcumsumexp(-1)[..., -1:]).exp() @ q,
        "exponentials whose sum was not seen",
    ),
    "column of ones": (by_column_of_ones, "exponentials whose sum was not seen"),
    "edges": (over_edges, "a softmax over an edge list"),
    "sparse": (sparsely, "a softmax of a sparse matrix"),
}


@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype|.*flex_attention called without")
@pytest.mark.parametrize("kind", HIDDEN)
def test_attention_that_cannot_be_read_is_told_of(kind):
    attend, where = HIDDEN[kind]
    model = nn.Sequential(Attends(sdpa()), Calls(lambda s, x: (attend(by_heads(x)), x)[1]))
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    assert list(record) == ["0"] and record.unread == {"1": where}
    with pytest.raises(BadInput, match=f"there is 0; seen and not read: 1 \\({where}\\)"):
        record["1"]


def cosines(q):
    q = q / torch.einsum("bhid,bhid->bhi", q, q).sqrt()[..., None]
    return (q @ q.mT).softmax(-1) @ q


NOT_HIDDEN = {
    "cosines": lambda s, x: cosines(by_heads(x)),
    "experts": lambda s, x: x.bmm(s.up).relu().bmm(s.down),
    "a bias of positions": lambda s, x: ((x @ x.mT) + torch.einsum("bid,ijd->bij", x, s.places)).softmax(-1) @ x,
    "a Gram matrix": lambda s, x: s.layer((x @ x.mT).flatten(1)),
    "a layer between": lambda s, x: (y := s.other(x.mT @ x).relu()) @ y,
    "divided afterwards": lambda s, x: (e := (x @ x.mT).exp()) @ x / e.sum(-1, keepdim=True),
}


@pytest.mark.parametrize("kind", NOT_HIDDEN)
def test_products_that_are_no_attention_or_are_read_are_not_told_of(kind):
    weights = {"up": nn.Parameter(torch.randn(3, WIDTH, 16)), "down": nn.Parameter(torch.randn(3, 16, WIDTH))}
    layers = {"layer": nn.Linear(T * T, 2), "other": nn.Linear(WIDTH, WIDTH)}
    model = Calls(NOT_HIDDEN[kind], **weights, **layers, places=torch.randn(T, T, WIDTH))
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    assert record.unread == {}


def test_shared_keys_of_grouped_queries_are_read_for_each_query_head():
    class Grouped(nn.Module):
        def forward(self, q, k):
            return F.scaled_dot_product_attention(q, k, k, enable_gqa=True, scale=0.3)

    q, k = torch.randn(2, 4, T, 8), torch.randn(2, 2, T, 8)
    model = Grouped()
    with capture(model) as record:
        out = model(q, k)
    expected = plain(q, k.repeat_interleave(2, dim=1), scale=0.3)
    torch.testing.assert_close(record["Grouped"], expected, rtol=1e-5, atol=1e-5)
    with intervene(model, {"Grouped": lambda weights: weights}):
        torch.testing.assert_close(model(q, k), out)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_torchs_own_module_by_head_whatever_its_caller_asks_for(need_weights, batch_first):
    torch.manual_seed(0)
    module, x = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first).eval(), tokens()
    x = x if batch_first else x.transpose(0, 1)
    padding = torch.zeros(3, T, dtype=torch.bool)
    padding[1, 3:] = True
    expected = module(x, x, x, key_padding_mask=padding, average_attn_weights=False)[1]
    with capture(module) as record, torch.no_grad():
        _, returned = module(x, x, x, key_padding_mask=padding, need_weights=need_weights)
    torch.testing.assert_close(record["MultiheadAttention"], expected.detach(), rtol=1e-5, atol=1e-5)
    if need_weights:
        torch.testing.assert_close(returned, expected.mean(1))
    else:
        assert returned is None


class Folded(nn.Module):
    """Heads folded into the examples, by hand, of tokens (T, B, width)."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x):
        q, k, v = (f(x).reshape(len(x), -1, WIDTH // HEADS).transpose(0, 1) for f in (self.q, self.k, self.v))
        return (torch.bmm(q, k.mT) / 2).softmax(-1).bmm(v).transpose(0, 1).reshape(x.shape)


@pytest.mark.parametrize("length, size", [(2, 4), (3, 6), (5, 4), (4, 4), (1, 3), (6, 3)])
def test_tokens_before_examples_as_torchs_own_layers_have_them(length, size):
    torch.manual_seed(0)
    x = torch.randn(length, size, WIDTH)
    for model in (nn.TransformerEncoderLayer(WIDTH, HEADS, 16, dropout=0.0).eval(), Folded()):
        with capture(model) as record:
            before = model(x)
        (name,) = record
        assert record[name].shape == (size, HEADS, length, length) and not record.windowed
        with intervene(model, {name: zero_head(0)}), capture(model) as changed:
            assert not torch.allclose(model(x), before)
        assert (changed[name][:, 0] == 0).all() and torch.equal(changed[name][:, 1], record[name][:, 1])


def test_weights_under_autocast_are_as_exact_as_without():
    model, x = Attends(sdpa()), tokens()
    with torch.autocast("cpu", torch.bfloat16):
        before = model(x)
        with capture(model) as record:
            assert torch.equal(model(x), before)
        q, k = by_heads(model.q(x)), by_heads(model.k(x))
    torch.testing.assert_close(record["Attends"], plain(q.float(), k.float()).detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_every_layer_of_torchs_encoder_on_its_quick_path_too(training):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=True).train(training)
    with torch.no_grad():
        before = model(tokens())
        with capture(model) as record:
            torch.testing.assert_close(model(tokens()), before)
        _, expected = model.layers[0].self_attn(tokens(), tokens(), tokens(), average_attn_weights=False)
        assert list(record) == ["layers.0.self_attn", "layers.1.self_attn"]
        torch.testing.assert_close(record["layers.0.self_attn"], expected, rtol=1e-5, atol=1e-5)
        with intervene(model, {"layers.1.self_attn": uniform_head(1)}):
            changed = model(tokens())
        assert not torch.allclose(changed, before)
        torch.testing.assert_close(model(tokens()), before)


def test_a_compiled_network_is_read_and_changed_as_it_is_written():
    in_place = Attends(sdpa())
    in_place.compile(backend="eager")
    for compiled in (torch.compile(Attends(sdpa()), backend="eager"), in_place):
        before = compiled(tokens())
        with capture(compiled) as record:
            compiled(tokens())
        assert len(record) == 1
        with intervene(compiled, {next(iter(record)): zero_head(0)}):
            assert not torch.allclose(compiled(tokens()), before)
        torch.testing.assert_close(compiled(tokens()), before)


@pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace")
def test_attention_inside_a_function_under_compile_is_refused():
    model = Attends(sdpa())

    def inside(x):
        with capture(model):
            return model(x)

    with pytest.raises(BadInput, match=r"called inside a function under torch\.compile"):
        torch.compile(inside, backend="eager")(tokens())


def test_threads_that_capture_at_once_wait_for_each_other_and_leave_nothing_behind():
    def several(_):
        model = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True).eval()
        names = []
        for _ in range(10):
            with torch.no_grad(), capture(model) as record:
                model(tokens())
            names += record
        return names

    fused, interval = F.scaled_dot_product_attention, sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(several, range(4))) == 4 * [10 * ["self_attn"]]
    finally:
        sys.setswitchinterval(interval)
        left = F.scaled_dot_product_attention is not fused, not torch.backends.mha.get_fastpath_enabled()
        F.scaled_dot_product_attention = fused
        torch.backends.mha.set_fastpath_enabled(True)
    assert left == (False, False)


@pytest.mark.parametrize("examples", [0, 2])
def test_of_no_examples_there_are_no_weights(examples):
    model = Calls(lambda s, x: (s.q(x) @ x.mT).softmax(-1) @ x, q=nn.Linear(8, 8))
    with capture(model) as record:
        model(torch.rand(examples, 5, 8))
    assert [tuple(weights.shape) for weights in record.values()] == [(examples, 1, 5, 5)]


@pytest.mark.parametrize("change", [uniform, uniform_head(0)])
def test_of_no_tokens_there_is_nothing_to_ablate(change):
    model = Calls(lambda s, x: (s.q(x) @ x.mT).softmax(-1) @ x, q=nn.Linear(8, 8))
    with intervene(model, {"Calls": change}):
        assert model(torch.rand(2, 0, 8)).shape == (2, 0, 8)


class Sigmoids(nn.Module):
    """Attention without a softmax: nobody can read it unless the module is named."""

    def __init__(self):
        super().__init__()
        self.weights, self.v = nn.Sigmoid(), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.weights(x @ x.transpose(1, 2)) @ self.v(x)


def test_a_module_of_ones_own_is_captured_and_changed_by_the_name_one_gives_it():
    model, x = Sigmoids(), tokens()
    with capture(model) as record:
        model(x)
    assert record.unread == {"Sigmoids": NO_SOFTMAX}
    with pytest.raises(BadInput, match=r"name the module that does: capture\(model, attention="):
        record["weights"]
    for module in (model.weights, "weights"):
        with capture(model, attention={"mine": module}) as record:
            model(x)
        assert record.unread == {}  # it is read now
        torch.testing.assert_close(record["mine"][:, 0], (x @ x.transpose(1, 2)).sigmoid())
    with intervene(model, {"mine": 0.0}, attention={"mine": model.weights}):
        assert (model(x) == 0).all()


def test_a_block_that_is_named_and_gives_its_weights_hides_nothing():
    def forward(s, x):
        weights = (x @ x.mT).relu()
        weights = weights / weights.sum(-1, keepdim=True)
        return weights @ x, weights

    model = Calls(lambda s, x: s.block(x)[0], block=Calls(forward))
    for chosen, unread in ((None, {"block": NO_SOFTMAX}), ({"mine": "block"}, {})):
        with capture(model, chosen) as record:
            model(tokens())
        assert record.unread == unread


class Gives(nn.Module):
    """Shares without a softmax, in whatever it is told to make of them and of the tokens."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def forward(self, x):
        scores = (x @ x.mT).sigmoid()
        return self.says(scores / scores.sum(-1, keepdim=True), x)


Both = namedtuple("Both", "made weights")


@pytest.mark.parametrize(
    "says, weights",
    [
        (lambda w, x: {"weights": w}, lambda given: given["weights"]),
        (lambda w, x: (w @ x, w), lambda given: given[1]),
        (lambda w, x: Both(w @ x, w), lambda given: given.weights),
    ],
    ids=["dictionary", "tuple", "named tuple"],
)
def test_weights_are_told_from_what_else_a_named_module_returns(says, weights):
    model, x = Calls(lambda s, x: weights(s.own(x)) @ x, own=Gives(says)), tokens()
    expected = weights(model.own(x))
    with capture(model, attention={"mine": "own"}) as record:
        model(x)
    torch.testing.assert_close(record["mine"][:, 0], expected)
    with intervene(model, {"mine": 0.0}, attention={"mine": "own"}):
        assert (model(x) == 0).all()


def test_weights_that_cannot_be_told_are_refused_and_a_second_call_has_a_number():
    model = Calls(lambda s, x: s.own(x)[0] @ x, own=Gives(lambda w, x: (2 * w, x)))
    told = (
        r"weights are not told in what it returns \(\(3, 5, 5\), \(3, 5, 8\)\): name a module that returns them alone"
    )
    with pytest.raises(BadInput, match=told), capture(model, attention={"mine": "own"}):
        model(tokens())
    twice = Calls(lambda s, x: s.own(s.own(x) @ x) @ x, own=Gives(lambda w, x: w))
    names = {"mine": "own"}
    with intervene(twice, {"mine#2": 0.0}, names), capture(twice, names) as record:
        assert (twice(tokens()) == 0).all()
    assert list(record) == ["mine", "mine#2"] and (record["mine"] > 0).all()


def test_a_block_that_is_named_gives_the_softmax_inside_it():
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), Attends(sdpa()))
    with capture(model, attention={"block": model[1]}) as record:
        model(tokens())
    assert list(record) == ["block"] and record["block"].shape == (3, HEADS, T, T)
    for names in ({"all": model, "block": model[1]}, {"block": model[1], "all": model}):
        with capture(model, attention=names) as inner:
            model(tokens())
        torch.testing.assert_close(inner["block"], record["block"])  # the innermost has it


class Chooses(nn.Module):
    """A softmax over four classes, and what is made of it."""

    def __init__(self, made):
        super().__init__()
        self.classes, self.made = nn.Linear(WIDTH, 4), made

    def forward(self, x):
        return self.made(self.classes(x).softmax(-1))


@pytest.mark.parametrize(
    "made",
    [
        lambda p: p,
        lambda p: (p * torch.arange(4.0)).sum(-1),
        lambda p: p @ torch.arange(4.0),
        lambda p: -(p * p.log()).sum(-1),
    ],
    ids=["probabilities", "a mean of numbers", "the same as a product", "entropy"],
)
def test_a_softmax_over_classes_is_no_attention(made):
    model = Chooses(made)
    with capture(model) as record:
        model(tokens())
    assert record == {}


def test_heads_folded_into_the_examples_are_told_apart_by_keyword_too():
    class Folded(nn.Module):
        def forward(self, *, x):
            folded = x.flatten(0, 1)
            return (folded @ folded.mT).softmax(-1) @ folded

    model, x = Folded(), torch.randn(3, HEADS, T, 4)
    with capture(model) as record:
        model(x=x)
    torch.testing.assert_close(record["Folded"], (x @ x.mT).softmax(-1))
    assert not model._forward_pre_hooks


def test_layers_nested_so_deep_that_watching_them_takes_too_many_calls_are_refused_in_a_sentence():
    model = nn.Linear(4, 4)
    for _ in range(200):
        model = Calls(lambda s, x: s.inside(x), inside=model)
    for watching in (capture(model), intervene(model, {})):
        told = r"Calls cannot be watched on inputs of shapes \(2, 4\): more than \d+ calls inside one another"
        with pytest.raises(BadInput, match=told), watching:
            model(torch.randn(2, 4))


def test_what_is_not_the_networks_or_not_attention_is_refused():
    model = Attends(sdpa())
    with pytest.raises(BadInput, match="got another Linear"), capture(model, attention={"x": nn.Linear(1, 1)}):
        pass
    with pytest.raises(BadInput, match="got 'nowhere'"), capture(model, attention={"x": "nowhere"}):
        pass
    with pytest.raises(BadInput, match="no attention called q; there is Attends"), intervene(model, {"q": 0.0}):
        model(tokens())
    with pytest.raises(BadInput, match="no attention called nowhere"), intervene(model, {"nowhere": 0.0}):
        pass


def test_nothing_is_left_behind_even_after_an_error():
    model, fused = Attends(sdpa()), F.scaled_dot_product_attention
    fast = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError), capture(model, attention={"q": model.q}):
        model(torch.zeros(2, 3))
    assert F.scaled_dot_product_attention is fused and torch.backends.mha.get_fastpath_enabled() == fast
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not hooks_of_all_modules()
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_vision_transformers_cells_lie_over_the_board_behind_its_class_token():
    torch.manual_seed(0)
    record = capture_frames(SmallViT(side=64), frames()[:3])
    layers = layers_of(record)
    assert [(each.name, each.heads, each.queries, each.keys, each.grid, each.extra) for each in layers] == [
        ("blocks.0.attention", 4, "cells", "cells", (4, 4), 1),
        ("blocks.1.attention", 4, "cells", "cells", (4, 4), 1),
    ]
    weights = record.attention["blocks.1.attention"][0]
    grid = overlay(layers[1], weights, head=2, cell=(1, 3))
    np.testing.assert_array_equal(grid, weights[2, 1 + 7, 1:].reshape(4, 4))  # row 1, column 3 is the eighth cell
    mean = overlay(layers[1], weights, head=2)
    np.testing.assert_array_equal(mean, weights[2, 1:, 1:].mean(axis=0).reshape(4, 4))
    reads = overlay(layers[1], weights, head=2, cell=(1, 3), token=0)
    np.testing.assert_array_equal(reads, weights[2, 0, 1:].reshape(4, 4))  # the class token


class Windows(nn.Module):
    """Attention within windows of 8 x 8 cells, each an example of its own; 16 x 16 cells of a 64 x 64 board."""

    def __init__(self):
        super().__init__()
        self.stem, self.attend = nn.Conv2d(5, WIDTH, 4, 4), Attends(sdpa())
        self.actor, self.critic = nn.Linear(WIDTH, 90), nn.Linear(WIDTH, 1)

    def forward(self, maps, stats):
        grid = self.stem(maps.float() / 255)
        windows = grid.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 4, 5, 1).flatten(3, 4).flatten(0, 2)
        features = self.attend(windows).unflatten(0, (len(maps), -1)).mean(dim=(1, 2))
        return self.actor(features), self.critic(features).squeeze(1)


def test_windows_of_a_map_have_heads_but_no_place_on_the_board():
    """64 tokens of a window would pass for 8 x 8 cells of the whole map."""
    torch.manual_seed(0)
    model, states = Windows(), frames()[:3]
    record = capture_frames(model, states)
    assert record.attention["attend"].shape == (3, HEADS, 4 * 64, 64)
    (layer,) = layers_of(record)
    assert (layer.queries, layer.keys, layer.grid) == ("windows", "windows", None)
    assert overlay(layer, record.attention["attend"][0]) is None
    with intervene(model, {"attend": zero_head(1)}), capture(model.attend) as inside:
        capture_frames(model, states)
    assert (inside["Attends"][:, 1] == 0).all() and (inside["Attends"][:, 0] > 0).all()  # of every window


class Latents(Windows):
    """Four latents attend to the cells, 16 x 16, and one mean over all channels is weighted by a softmax of its own."""

    def __init__(self):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(4, WIDTH))
        self.attend = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, maps, stats):
        cells = self.stem(maps.float() / 255).flatten(2).mT
        latents, _ = self.attend(self.latents.expand(len(maps), -1, -1), cells, cells)
        features = (latents.mean(dim=2).softmax(dim=1)[:, :, None] * latents).sum(dim=1)
        return self.actor(features), self.critic(features).squeeze(1)


@pytest.mark.parametrize("size", [2, 4])
def test_of_two_grids_the_larger_is_the_maps_and_weights_without_queries_have_one(size):
    torch.manual_seed(0)
    record = capture_frames(Latents(), frames()[:size])
    layers = [(each.name, each.heads, each.queries, each.keys, each.grid) for each in layers_of(record)]
    assert layers == [
        ("attend", HEADS, "other", "cells", (16, 16)),
        ("Latents", 1, "one", "cells", (2, 2)),
    ]  # four latents or cells: nobody can see
    weights, layer = record.attention["attend"][0], layers_of(record)[0]
    assert layer.others == 4
    np.testing.assert_array_equal(overlay(layer, weights, head=1, token=2), weights[1, 2].reshape(16, 16))
    np.testing.assert_array_equal(overlay(layer, weights, head=1), weights[1].mean(axis=0).reshape(16, 16))
    assert attention_maps(record)["attend 1"].shape == (size, 16, 16)
    assert record.attention["Latents"].shape == (size, 1, 1, 4)


def test_a_gate_over_as_many_experts_as_there_are_examples_has_examples():
    model = Calls(
        lambda s, x: (s.gate(x).softmax(-1)[:, :, None] * s.experts(x).unflatten(1, (4, -1))).sum(1),
        gate=nn.Linear(WIDTH, 4),
        experts=nn.Linear(WIDTH, 4 * WIDTH),
    )
    x = torch.randn(4, WIDTH)
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Calls"], model.gate(x).softmax(-1)[:, None, None].detach())
    with intervene(model, {"Calls": uniform}):
        torch.testing.assert_close(model(x), model.experts(x).unflatten(1, (4, -1)).mean(1))


def test_a_part_that_is_called_alone_has_examples_of_its_own():
    model, x = nn.Sequential(Calls(lambda s, *, x: (x @ x.mT).softmax(-1) @ x), nn.Linear(WIDTH, WIDTH)), tokens()
    with capture(model) as record:
        model[1](model[0](x=x))
    torch.testing.assert_close(record["0"], (x @ x.mT).softmax(-1)[:, None])


def test_of_one_sequence_without_examples_queries_are_queries():
    model, x = Calls(lambda s, x: (x @ x.mT).softmax(-1) @ x), tokens()[0]
    with capture(model) as record:
        model(x)
    torch.testing.assert_close(record["Calls"], (x @ x.mT).softmax(-1)[None, None])


class OneByOne(Windows):
    """Each example by itself, as where they differ in length."""

    def forward(self, maps, stats):
        cells = self.stem(maps.float() / 255).flatten(2).mT
        features = torch.stack([((each @ each.mT).softmax(-1) @ each).mean(0) for each in cells])
        return self.actor(features), self.critic(features).squeeze(1)


def test_a_network_that_goes_through_its_examples_has_each_frames_own_weights():
    model, states = OneByOne(), frames()[:3]
    cells = model.stem(to_tensors(states)[0].float() / 255).flatten(2).mT
    record = capture_frames(model, states)
    np.testing.assert_allclose(record.attention["OneByOne"][:, 0], (cells @ cells.mT).softmax(-1).detach(), atol=1e-5)
    assert list(record.attention) == ["OneByOne"] and record.values.shape == (3,)


def test_ablation_reaches_every_frame_of_a_network_that_goes_through_its_examples():
    torch.manual_seed(0)
    model, sample = OneByOne(), Sample.of([replay(3), replay(4)], states=2)
    maps, _, masks = to_tensors(sample.frames)
    with torch.no_grad():
        pooled = model.actor(model.stem(maps.float() / 255).mean(dim=(2, 3)))  # what uniform weights make of it
    before, after = capture_frames(model, sample.frames).probabilities, masked_softmax(pooled, masks).numpy()
    moved = ablation_table(model, sample)["OneByOne mean-ablated"]["policy moves"]
    assert moved.mean == pytest.approx(sample.mean(total_variation(before, after)).mean, rel=1e-4)


class ToLatents(Windows):
    """A class token and 16 x 16 cells attend to four latents, or these to them."""

    def __init__(self, latents_ask):
        super().__init__()
        self.latents, self.latents_ask = nn.Parameter(torch.randn(4, WIDTH)), latents_ask
        self.attend = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, maps, stats):
        cells = self.stem(maps.float() / 255).flatten(2).mT
        sides = [torch.cat([cells.mean(1, keepdim=True), cells], dim=1), self.latents.expand(len(maps), -1, -1)]
        queries, keys = sides[:: -1 if self.latents_ask else 1]
        features = self.attend(queries, keys, keys)[0].mean(dim=1)
        return self.actor(features), self.critic(features).squeeze(1)


def test_a_grid_is_of_the_larger_side_behind_its_class_token_and_of_one_token_of_the_other():
    torch.manual_seed(0)
    for latents_ask in (True, False):
        record = capture_frames(ToLatents(latents_ask), frames()[:2])
        (layer,), weights = layers_of(record), record.attention["attend"][0][1]
        assert {layer.queries, layer.keys} == {"cells", "other"} and (layer.queries == "other") == latents_ask
        assert (layer.grid, layer.extra, layer.others) == ((16, 16), 1, 4)
        read = weights[2, 1:] if latents_ask else weights[1:, 2]
        np.testing.assert_array_equal(overlay(layer, record.attention["attend"][0], 1, token=2), read.reshape(16, 16))


class Pools(Windows):
    """Attention over 7 x 7 cells: no number of tiles."""

    def forward(self, maps, stats):
        tokens = F.adaptive_avg_pool2d(self.stem(maps.float() / 255), 7).flatten(2).mT
        features = self.attend(tokens).mean(dim=1)
        return self.actor(features), self.critic(features).squeeze(1)


def test_cells_that_are_no_number_of_tiles_make_no_grid():
    (layer,) = layers_of(capture_frames(Pools(), frames()[:2]))
    assert (layer.queries, layer.keys, layer.grid) == ("other", "other", None)


class Says(Windows):
    """Whatever it is told to make of logits and value."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def forward(self, maps, stats):
        return self.says(*super().forward(maps, stats))


OTHER_ANSWERS = {
    "got dict": lambda logits, value: {"logits": logits, "value": value},
    "got torch.float32 and NoneType": lambda logits, value: (logits, None),
    "got torch.int64 and torch.float32": lambda logits, value: (logits.argsort(), value),
    "got torch.sparse_coo and torch.float32": lambda logits, value: (logits.to_sparse(), value),
    r"got \(2, 89\) and \(2,\)": lambda logits, value: (logits[:, 1:], value),
    "KeyError: 'policy'": lambda logits, value: {}["policy"],
}


@pytest.mark.parametrize("told", OTHER_ANSWERS)
def test_whoever_asks_a_network_for_a_policy_says_what_it_gives_instead(told):
    model, states = Says(OTHER_ANSWERS[told]), frames()[:2]
    maps, stats, masks = to_tensors(states)
    for ask in (
        lambda: capture_frames(model, states),
        lambda: policy_on(model, states),
        lambda: occlusion(model, states),
        lambda: likeliest_direction(model, maps, stats, masks),
    ):
        with pytest.raises(BadInput, match=told):
            ask()


class Half(Windows):
    def __init__(self):
        super().__init__()
        self.bfloat16()

    def forward(self, maps, stats):
        features = self.stem(maps.bfloat16() / 255).mean(dim=(2, 3))
        return self.actor(features), self.critic(features).squeeze(1)


def test_grad_cam_of_half_precision_and_of_a_policy_without_gradient():
    states = frames()[:2]
    assert grad_cam(Half(), states).shape == (2, 4, 4)
    with pytest.raises(BadInput, match="a convolution that the policy comes from"):
        grad_cam(Says(lambda logits, value: (logits.detach(), value)), states)


def test_every_table_of_a_network_of_ones_own():
    torch.manual_seed(0)
    model, sample = SmallViT(side=64), Sample.of([replay(3), replay(4)], states=2)
    lifts, ablated, sane = lift_table(model, sample), ablation_table(model, sample), sanity_table(model, sample)
    assert len(lifts) == 8 and set(lifts["blocks.0.attention 1"]) == {"trained", "untrained", "learned"}
    assert "blocks.1.attention head 4 zero-ablated" in ablated
    assert next(iter(sane["blocks.0.attention 1"])) == "critic" and "grad-cam" in sane


@pytest.mark.parametrize("wrong, told", [("tokens", r"load_agent\('tokens'\)"), (SmallViT, "the class SmallViT")])
def test_a_name_or_a_class_instead_of_a_network_is_refused_in_a_sentence(wrong, told):
    with pytest.raises(BadInput, match=f"expected a torch module; got .*{told}|got {told}"):
        capture_frames(wrong, frames()[:1])
    with pytest.raises(BadInput, match="expected a torch module"), capture(wrong):
        pass


def test_an_agent_instead_of_its_network_is_refused_in_a_sentence():
    with pytest.raises(BadInput, match=r"got Agent. Hand over its network: \.model"), capture(load_agent("tokens")):
        pass


@pytest.mark.parametrize("add", ["index_add_", "scatter_add_"])
def test_a_router_whose_experts_add_their_tokens_to_a_sum_is_read_whatever_comes_after(add):
    """Each expert takes the tokens that chose it; what they become is weighted, and added where they were."""

    def forward(s, x):
        rows = x.flatten(0, 1)
        best, chosen = s.router(rows).topk(2, dim=-1)
        weights, out = best.softmax(-1), torch.zeros_like(rows)
        for number, expert in enumerate((s.first, s.second, s.third)):
            row, place = (chosen == number).nonzero(as_tuple=True)
            made = expert(rows[row]) * weights[row, place, None]
            getattr(out, add)(0, row if add == "index_add_" else row[:, None].expand_as(made), made)
        return out.view(x.shape)

    layers = {name: nn.Linear(WIDTH, WIDTH) for name in ("first", "second", "third")}
    model, x = Calls(forward, router=nn.Linear(WIDTH, 3), **layers), tokens(2)
    with torch.no_grad(), capture(model) as record:
        model(x)
    assert list(record) == ["Calls"]
    weights = model.router(x).topk(2, dim=-1).values.softmax(-1)
    torch.testing.assert_close(record["Calls"], weights[:, None].detach())
    assert not record.unread
