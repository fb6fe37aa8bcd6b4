"""Which axis of some weights is of heads: each head's weights, and the network without it, against the plain formula.

Every network is written with a function ``cut`` around its weights, laid as (B, heads, queries, keys): the instruments
have to see what ``cut`` is given, and to change the output as a ``cut`` by hand does.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.zoo import Calls
from territory.errors import BadInput
from territory.interpret import capture, intervene, zero_head

B, T, D, HEADS = 3, 6, 16, 4
SIZE = D // HEADS


def heads(x):
    return x.unflatten(-1, (HEADS, SIZE)).transpose(1, 2)


def merged(x):
    return x.transpose(1, 2).flatten(2)


def cells(side=4):
    return torch.randn(B, D, side, side, generator=torch.Generator().manual_seed(0))


def tokens(count=T):
    return torch.randn(B, count, D, generator=torch.Generator().manual_seed(0))


def softmax(q, k):
    return (q @ k.mT / 2).softmax(-1)


def grouped(s, x, cut):
    q, k = s.q(x).view(B, T, 2, 2, SIZE), s.k(x)[..., : 2 * SIZE].view(B, T, 2, SIZE)
    w = torch.einsum("btgrd,bsgd->bgrts", q, k).softmax(-1)
    return torch.einsum("bgrts,bsgd->btgrd", cut(w.flatten(1, 2)).unflatten(1, (2, 2)), k).flatten(2)


def near(s, x, cut):
    """Each query has a window of its own, by a product of matrices."""
    windows = F.pad(heads(s.k(x)), (0, 0, 1, 1)).unfold(2, 3, 1)
    w = (heads(s.q(x))[..., None, :] @ windows).softmax(-1)
    return merged((cut(w[..., 0, :])[..., None, :] @ windows.mT)[..., 0, :])


def by_windows(s, x, cut, heads_first):
    """Windows of four tokens, in an axis of their own."""
    order = (0, 3, 1, 2, 4) if heads_first else (0, 1, 3, 2, 4)
    q, k = (layer(x).view(B, 4, 4, HEADS, SIZE).permute(order) for layer in (s.q, s.k))
    w = softmax(q, k) if heads_first else softmax(q, k).transpose(1, 2)
    w = cut(w.flatten(2, 3)).unflatten(2, (4, 4))
    k = k if heads_first else k.transpose(1, 2)
    return (w @ k).permute(0, 2, 3, 1, 4).reshape(B, 16, D)


def by_fused_windows(s, x, cut):
    q, k = (layer(x).view(B, 4, 4, HEADS, SIZE).transpose(2, 3) for layer in (s.q, s.k))
    if cut is not kept:
        return by_windows(s, x, cut, heads_first=False)
    return F.scaled_dot_product_attention(q, k, k).transpose(2, 3).reshape(B, 16, D)


def deformable(s, x, cut):
    """Learned queries of cells give the weights of three points each, by a layer."""
    values = s.q(x.flatten(2).mT).view(B, 1, 16, HEADS, SIZE)[:, :, :3]
    w = s.shares(x.flatten(2).mT[:, :5]).view(B, 5, HEADS, 3).softmax(-1)
    return torch.einsum("bhqk,bqkhd->bqhd", cut(w.transpose(1, 2)), values.expand(-1, 5, -1, -1, -1)).flatten(2)


def involution(s, x, cut):
    w = cut(s.kernels(x).view(B, HEADS, 9, 4, 4).softmax(2).flatten(3).mT).mT.unflatten(3, (4, 4))
    return (w[:, :, None] * F.unfold(x, 3, padding=1).view(B, HEADS, SIZE, 9, 4, 4)).sum(3).flatten(1, 2)


def synthesised(s, x, cut):
    return merged(cut(s.keys(heads(s.q(x))).softmax(-1)) @ heads(s.k(x)))


def made_at_once(s, x, cut):
    """One layer gives the weights of all tokens for all tokens."""
    return cut(s.whole(x.flatten(1)).view(B, T, T).softmax(-1)[:, None])[:, 0] @ x


def additive(s, x, cut):
    scores = s.one(torch.tanh(heads(s.q(x))[:, :, :, None] + heads(s.k(x))[:, :, None])).squeeze(-1)
    return merged(cut(scores.softmax(-1)) @ heads(s.k(x)))


def talking(s, x, cut):
    scores = torch.einsum("bhij,hg->bgij", heads(s.q(x)) @ heads(s.k(x)).mT / 2, s.mix)
    return merged(torch.einsum("bhij,hg->bgij", cut(scores.softmax(-1)), s.mix) @ heads(s.k(x)))


def keys_over_features(s, x, cut):
    """As efficient attention has it: each feature is a query, and the softmax is over the tokens."""
    return merged(heads(s.q(x)) @ (cut(heads(s.k(x)).softmax(2).mT) @ heads(s.k(x))))


def keys_over_packed_features(s, x, cut):
    made = F.linear(x, torch.cat([s.q.weight, s.k.weight, s.v.weight])).view(B, T, 3, HEADS, SIZE)
    q, k, v = made.permute(2, 0, 3, 1, 4).unbind(0)
    return merged(q @ (cut(k.softmax(2).mT) @ v))


def slots(s, x, cut):
    """A softmax over the queries, and then each query's own over the tokens."""
    shares = torch.einsum("id,bjd->bij", s.mix.repeat(1, 4)[:3], s.k(x)).softmax(1) + 1e-8
    return cut((shares / shares.sum(-1, keepdim=True))[:, None])[:, 0] @ x


def scattered(s, x, cut):
    best, at = (heads(s.q(x)) @ heads(s.k(x)).mT).topk(3, -1)
    return merged(torch.zeros(B, HEADS, T, T).scatter(-1, at, cut(best.softmax(-1))) @ heads(s.k(x)))


def written(s, x, cut):
    room = torch.zeros(B, HEADS, T, T + 1)
    room[..., :T] = cut(softmax(heads(s.q(x)), heads(s.k(x))))
    return merged(room @ F.pad(heads(s.k(x)), (0, 0, 0, 1)))


def chosen(s, x, cut):
    w = cut(softmax(heads(s.q(x)), heads(s.k(x))))
    return merged(torch.where(torch.eye(T) > 0, 0.0, w) @ heads(s.k(x)))


def graph(s, x, cut):
    """As many nodes as heads, whose scores are summed number by number: heads stand behind the keys."""
    left, right = ((layer(x).unflatten(2, (HEADS, SIZE)) * s.mix).sum(-1) for layer in (s.q, s.k))
    w = F.leaky_relu(left[:, :, None] + right[:, None]).softmax(2)
    return merged(cut(w.permute(0, 3, 1, 2)) @ heads(x))


def near_cells(s, x, cut):
    """Scores summed number by number, of maps: keys stand before queries."""
    q = s.keyed(x)[:, :D].reshape(B, HEADS, SIZE, 1, 16)
    k = F.unfold(s.keyed(x)[:, D : 2 * D], 3, padding=1).view(B, HEADS, SIZE, 9, 16)
    return (cut((q * k).sum(2).softmax(2).mT).mT[:, :, None] * k).sum(3).flatten(1, 2)


def copied_windows(s, x, cut):
    q = s.keyed(x)[:, :D].view(B, HEADS, SIZE, 2, 2, 2, 2).permute(0, 1, 3, 5, 4, 6, 2).flatten(2, 3).flatten(3, 4)
    return cut(softmax(q, q).flatten(2, 3)).unflatten(2, (4, 4)) @ q


def biased_windows(s, x, cut):
    """As many windows as heads, and a layer's bias that all windows share."""
    q = s.q(x).view(B, 4, 4, HEADS, SIZE).transpose(2, 3)
    bias = s.shares(x)[..., :HEADS].view(B, 4, 4, HEADS).permute(0, 3, 1, 2)[:, None]
    w = (q @ q.mT + bias).softmax(-1)
    return cut(w.transpose(1, 2).flatten(2, 3)).unflatten(2, (4, 4)).transpose(1, 2) @ q


def one_head(s, x, cut):
    """Learned queries of cells, with a window of three for each: one head in an axis of its own."""
    w = s.shares(x.flatten(2).mT[:, :5])[..., :3].view(B, 5, 1, 3).softmax(-1)
    return torch.einsum("bhqk,bkd->bqd", cut(w.transpose(1, 2)), x.flatten(2).mT[:, :3])


def near_with_one_head(s, x, cut):
    windows = F.pad(s.k(x)[:, None], (0, 0, 1, 1)).unfold(2, 3, 1)
    w = torch.einsum("bhtd,bhtdk->bhtk", s.q(x).view(B, 1, T, D), windows).softmax(-1)
    return torch.einsum("bhtk,bhtdk->bhtd", cut(w), windows)


def of_words(s, x, cut):
    """Weights of each word over a window: that it is of words, only their number says."""
    w = cut(s.words(x).unflatten(2, (HEADS, SIZE)).relu().clone().sort(-1).values.softmax(-1).transpose(1, 2))
    return merged(w @ s.mix)


def folded_first(s, x, cut):
    """Heads before examples, in one axis."""
    q, k = (layer(x).view(B, T, HEADS, SIZE).permute(2, 0, 1, 3).contiguous().view(-1, T, SIZE) for layer in (s.q, s.k))
    w = cut(softmax(q, k).unflatten(0, (HEADS, B)).transpose(0, 1)).transpose(0, 1).flatten(0, 1)
    return merged((w @ k).unflatten(0, (HEADS, B)).transpose(0, 1))


def folded_windows(s, x, cut):
    """Each window an example of its own, and as many examples as heads."""
    windows = x.unflatten(1, (4, 4)).flatten(0, 1)
    w = softmax(heads(s.q(windows)), heads(s.k(windows))).unflatten(0, (len(x), 4)).transpose(1, 2)
    w = cut(w.flatten(2, 3)).unflatten(2, (4, 4)).transpose(1, 2).flatten(0, 1)
    return merged(w @ heads(s.k(windows)))


def asked_at_once(s, x, cut):
    """Heads folded into the queries, as they have one head of keys."""
    q, k = s.q(x).view(B, T * HEADS, SIZE), s.k(x)[..., :SIZE]
    w = cut(softmax(q, k).unflatten(1, (T, HEADS)).transpose(1, 2)).transpose(1, 2).flatten(1, 2)
    return (w @ k).view(B, T, D)


def frames(s, x, cut):
    """Each frame an example of its own while a convolution reads it; what it makes are tokens."""
    made = s.keyed(x.unflatten(1, (4, 4)).flatten(0, 1).mT[..., None]).mean((2, 3)).view(len(x), 4, -1)
    q, k = heads(s.q(made[..., :D])), heads(s.k(made[..., :D]))
    return merged(cut(softmax(q, k)) @ k)


def turned(s, x, cut):
    """Each example beside its mirror image, as if it were another one."""
    both = torch.stack([x, x.flip(1)], dim=1).flatten(0, 1)
    w = softmax(heads(s.q(both)), heads(s.k(both))).unflatten(0, (B, 2)).transpose(1, 2)
    w = cut(w.flatten(2, 3)).unflatten(2, (2, T)).transpose(1, 2).flatten(0, 1)
    return merged(w @ heads(s.k(both)))


def criss_cross(s, x, cut):
    """Each cell asks those of its row and of its column."""
    q, k = (layer(x).unflatten(1, (4, 4)) for layer in (s.q, s.k))
    scores = torch.cat([torch.einsum("bhwd,bhvd->bhwv", q, k), torch.einsum("bhwd,bgwd->bhwg", q, k)], dim=-1)
    w = cut(scores.softmax(-1).flatten(1, 2)[:, None])[:, 0].unflatten(1, (4, 4))
    return torch.einsum("bhwv,bhvd->bhwd", w[..., :4], k) + torch.einsum("bhwg,bgwd->bhwd", w[..., 4:], k)


def folded_heads(layer, x):
    return heads(layer(x)).reshape(-1, x.shape[1], SIZE)


def overlapping(s, x, cut, chunks):
    """Chunks of four tokens, every two tokens, ask all tokens."""
    q, k = chunks(folded_heads(s.q, x)).unflatten(0, (B, HEADS)), heads(s.k(x))[:, :, None]
    return cut(softmax(q, k).flatten(2, 3)).unflatten(2, (-1, 4)) @ k


def strided(x):
    return x.as_strided((len(x), x.shape[1] // 2 - 1, 4, SIZE), (x.stride(0), 2 * x.stride(1), x.stride(1), 1))


def banded(s, x, cut):
    """Chunks of three tokens ask themselves: their diagonals become columns, and are written into zeros."""
    q, k = (folded_heads(layer, x).unflatten(1, (-1, 3)) for layer in (s.q, s.k))
    band = F.pad(q @ k.mT, (0, 0, 0, 1)).view(B * HEADS, -1, 3, 4)
    scores = band.new_zeros(B * HEADS, x.shape[1] // 3 + 1, 3, 4)
    scores[:, :-1] = band
    w = cut(scores.view(B, HEADS, -1, 4).transpose(1, 2).softmax(-1).transpose(1, 2))
    return w @ s.mix


def head_by_head(s, x, cut):
    q, k = heads(s.q(x)), heads(s.k(x))
    scores = q.new_zeros(HEADS, B, T, T)
    for head in range(HEADS):
        scores[head] = q[:, head] @ k[:, head].mT
    return merged(cut(scores.softmax(-1).transpose(0, 1)) @ k)


def in_ten_axes(s, x, cut):
    """More than are followed: what comes of them begins anew."""
    x = x.view(B, T, *[1] * 7, D).transpose(2, 8).view(B, T, D)
    return merged(cut(softmax(heads(s.q(x)), heads(s.k(x)))) @ heads(x))


def later(s, x, cut):
    """The first tokens are taken away."""
    q, k = heads(s.q(x[:, 2:])), heads(s.k(x[:, 2:]))
    return merged(cut(softmax(q, k)) @ k)


def out_of_sight(q, k):
    """By a library that is not torch's."""
    return torch.from_numpy((heads(q) @ heads(k).mT).flatten(0, 1)[:, None].numpy().copy())


def unfolded(s, x, cut):
    """What was folded out of sight is examples again when it is as many."""
    w = out_of_sight(s.q(x), s.k(x)).unflatten(0, (B, HEADS))[:, :, 0].softmax(-1)
    return merged(cut(w) @ heads(x))


def rotary(s, x, cut):
    """Places are angles, by which pairs of numbers are turned as complex ones; two heads share a key."""

    def at_its_place(y):
        pairs = torch.view_as_complex(y.unflatten(-1, (-1, 2)))
        angles = torch.arange(T).view(T, 1, 1) * torch.ones(pairs.shape[-1])
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2).transpose(1, 2)

    q, values = s.q(x).unflatten(2, (HEADS, SIZE)), s.k(x)[..., : 2 * SIZE].unflatten(2, (2, SIZE))
    q, k, v = at_its_place(q), at_its_place(values), values.transpose(1, 2)
    if cut is kept:
        return merged(F.scaled_dot_product_attention(q, k, v, scale=0.5, enable_gqa=True))
    k, v = (each.repeat_interleave(HEADS // 2, dim=1) for each in (k, v))
    return merged(cut(softmax(q, k)) @ v)


def asked_by_experts(s, x, cut):
    """Two of the heads' halves are experts': their rows are sorted by expert and put back; the keys are repeated."""
    rows = torch.arange(2 * B * T).view(-1, 2).T.flatten()  # first those of one expert
    made = torch.cat([layer(x.flatten(0, 1)) for layer in (s.q, s.v)])[:, : D // 2]
    asked = torch.zeros(2 * B * T, D // 2).index_add(0, rows, made).view(B, T, HEADS, SIZE).transpose(1, 2)
    keys = s.k(x)[..., : D // 2].unflatten(2, (2, SIZE)).transpose(1, 2).repeat(1, 2, 1, 1)
    return merged(cut(softmax(asked, keys)) @ keys)


def kept(w):
    return w


def by_weights_of_each_head(s, x, cut):
    q, k = (x[:, None] @ layer.weight.unflatten(0, (HEADS, SIZE)).mT for layer in (s.q, s.k))
    return merged(cut(softmax(q, k)) @ heads(x))


def by_a_layer_of_each_head(s, x, cut):
    """Put together on a new axis, one after the other."""
    made = ([F.linear(x, w) for w in layer.weight.unflatten(0, (HEADS, SIZE))] for layer in (s.q, s.k))
    q, k = (torch.stack(each, 2).transpose(1, 2) for each in made)
    return merged(cut(softmax(q, k)) @ heads(x))


def by_a_contraction(s, x, cut):
    q = heads(torch.tensordot(x, s.q.weight, dims=([2], [1])))
    k = heads(torch.einsum("abc,ec->abe", x, s.k.weight))
    return merged(cut(softmax(q, k)) @ heads(x))


def by_distance(s, x, cut):
    """Fewer queries than keys, and two heads of keys for four of queries."""
    q, k = heads(s.q(x[:, :3])), heads(s.k(x))[:, :2].repeat_interleave(2, 1)
    return merged(cut((-(q[..., None, :] - k[..., None, :, :]).square().sum(-1)).softmax(-1)) @ k)


def by_pairs(s, x, cut):
    q, k = heads(s.q(x[:, :3])), heads(s.k(x))[:, :2].repeat_interleave(2, 1)
    return merged(cut((q[..., None, :] * k[..., None, :, :]).sum(-1).softmax(-1)) @ k)


def by_pairs_in_groups(s, x, cut):
    """Two groups of two heads, in axes of their own."""
    q, k = (layer(x).view(B, T, 2, 2, SIZE).permute(0, 2, 3, 1, 4) for layer in (s.q, s.k))
    w = (q[..., None, :] * k[..., None, :, :]).sum(-1).softmax(-1)
    return merged(cut(w.flatten(1, 2)) @ k.flatten(1, 2))


def by_measured_distance(s, x, cut):
    q, k = heads(s.q(x[:, :3])), heads(s.k(x))[:, :2].repeat_interleave(2, 1)
    return merged(cut((-torch.cdist(q, k)).softmax(-1)) @ k)


def learned_queries(s, x, cut):
    """Three, the same for all examples; tokens come before examples."""
    x, queries = x.transpose(0, 1), s.v.weight[:3].expand(B, -1, -1)
    return merged(cut(softmax(heads(s.q(queries)), heads(s.k(x)))) @ heads(x))


def learned_queries_of_each_head(s, x, cut):
    w = torch.einsum("hqd,bkd->bhqk", s.q.weight.unflatten(0, (HEADS, SIZE))[:, :3], x).softmax(-1)
    return torch.einsum("bhqk,bkd->bhqd", cut(w), x)


def divided_elsewhere(s, x, cut):
    """Afterwards, where heads come behind tokens."""
    e = (heads(s.q(x)) @ heads(s.k(x)).mT / 8).exp()
    if cut is not kept:
        return merged(cut(e / e.sum(-1, keepdim=True)) @ heads(x))
    made = torch.einsum("bhij,bjhd->bihd", e, heads(x).transpose(1, 2))
    return (made / e.sum(-1).transpose(1, 2)[..., None]).flatten(2)


def summed_by_einsum(s, x, cut):
    e = softmax(heads(s.q(x)), heads(s.k(x))).exp()
    return merged(cut(e / torch.einsum("bhij->bhi", e)[..., None]) @ heads(x))


def fused_in_groups(s, x, cut):
    """Tokens come before examples."""
    q, k = heads(s.q(x.transpose(0, 1))), heads(s.k(x.transpose(0, 1)))[:, :2]
    if cut is not kept:
        k = k.repeat_interleave(2, 1)
        return merged(cut(softmax(q, k)) @ k)
    return merged(F.scaled_dot_product_attention(q, k, k, enable_gqa=True))


def by_convolutions(s, x, cut):
    """Tokens come before examples."""
    q, k = (F.conv1d(x.permute(1, 2, 0), layer.weight[..., None]).mT for layer in (s.q, s.k))
    return merged(cut(softmax(heads(q), heads(k))) @ heads(k))


def padded(s, x, cut):
    """By as many tokens as there are, which are taken away again."""
    x = F.pad(x, (0, 0, 3, 3))[:, 3:-3]
    return merged(cut(softmax(heads(s.q(x)), heads(s.k(x)))) @ heads(x))


def on_one_key(s, x, cut):
    """Tokens come before examples."""
    x = x.transpose(0, 1)
    return merged(cut(softmax(heads(s.q(x)), heads(s.k(x.mean(1, keepdim=True))))) @ heads(x.mean(1, keepdim=True)))


def of_vectors(s, x, cut):
    """The tokens of an example come in one long vector."""
    x = x.unflatten(1, (T, D))
    return merged(cut(softmax(heads(s.q(x[:, :2])), heads(s.k(x)))) @ heads(x))


def by_rows_of_one_head(s, x, cut):
    w = softmax(s.q(x), s.k(x))
    return cut(w.flatten(1, 2)[:, None])[:, 0].unflatten(1, (2, T)) @ x


def viewed_as_another(s, x, cut):
    q, k = (heads(layer(x)).flatten(0, 1) for layer in (s.q, s.k))
    scores = q @ k.mT
    w = (scores.view(B, HEADS, T, T) * s.mix[0].view(HEADS, 1, 1)).view_as(scores).softmax(-1)
    return cut(w.unflatten(0, (B, HEADS))).flatten(0, 1) @ k


def example_by_example(s, x, cut):
    x = torch.cat([s.v(each) for each in x.split(1)])
    return merged(cut(softmax(heads(s.q(x)), heads(s.k(x)))) @ heads(x))


def twice_each(s, x, cut):
    """The mean of two tokens in place of both, and a bias for each distance."""
    x, places = x.unflatten(1, (-1, 2)).mean(2).repeat_interleave(2, 1), torch.arange(T)
    bias = s.words((places[:, None] - places).abs())[..., :HEADS].permute(2, 0, 1)
    return merged(cut((heads(s.q(x)) @ heads(s.k(x)).mT / 2 + bias).softmax(-1)) @ heads(x))


def divided_late(s, x, cut):
    """Keys first, and divided once the values have been multiplied, in axes of another order."""
    q, k = heads(s.q(x)), heads(s.k(x))
    if cut is not kept:
        return merged(cut(softmax(q, k)) @ k)
    e = (k @ q.mT / 2).exp()
    return merged((k.mT @ e).mT / e.sum(2).unsqueeze(-1))


def groups_in_another_order(s, x, cut):
    """Heads are numbered as they were cut from features, though the second of each group lies before the first's."""
    q, k = (layer(x).view(B, T, 2, 2, SIZE).permute(0, 3, 2, 1, 4) for layer in (s.q, s.k))
    w = cut(softmax(q, k).transpose(1, 2).flatten(1, 2)).unflatten(1, (2, 2)).transpose(1, 2)
    return (w @ k).permute(0, 3, 2, 1, 4).reshape(B, T, D)


def layers_by_head(s, x, cut):
    """Each head has a layer of its own, and scores are no product."""
    q, k = (torch.stack([F.linear(x, w) for w in each.weight.chunk(HEADS)], 1) for each in (s.q, s.k))
    return merged(cut((q[:, :, :, None] + k[:, :, None]).tanh().sum(-1).softmax(-1)) @ k)


NETWORKS = {
    "keys first, divided late": (divided_late, tokens()),
    "groups in another order": (groups_in_another_order, tokens()),
    "layers by head, additive": (layers_by_head, tokens()),
    "grouped queries": (grouped, tokens()),
    "near tokens": (near, tokens()),
    "windows behind heads": (lambda s, x, cut: by_windows(s, x, cut, heads_first=True), tokens(16)),
    "windows before heads": (lambda s, x, cut: by_windows(s, x, cut, heads_first=False), tokens(16)),
    "windows, fused": (by_fused_windows, tokens(16)),
    "deformable": (deformable, cells()),
    "involution": (involution, cells()),
    "synthesised": (synthesised, tokens()),
    "made at once": (made_at_once, tokens()),
    "additive": (additive, tokens()),
    "talking heads": (talking, tokens()),
    "keys over features": (keys_over_features, tokens()),
    "keys over features, packed": (keys_over_packed_features, tokens()),
    "slots": (slots, tokens()),
    "scattered": (scattered, tokens()),
    "written into zeros": (written, tokens()),
    "where": (chosen, tokens()),
    "as many nodes as heads": (graph, tokens(HEADS)),
    "near cells": (near_cells, cells()),
    "windows that were copied": (copied_windows, cells()),
    "windows with a bias": (biased_windows, tokens(16)),
    "one head": (one_head, cells()),
    "near tokens with one head": (near_with_one_head, tokens()),
    "heads folded before examples": (folded_first, tokens()),
    "windows folded into examples": (folded_windows, torch.randn(HEADS, 16, D)),
    "heads folded into queries": (asked_at_once, tokens()),
    "frames": (frames, tokens(16)),
    "mirror images": (turned, tokens()),
    "turned by their places": (rotary, tokens()),
    "criss-cross": (criss_cross, tokens(16)),
    "overlapping chunks, by strides": (lambda s, x, cut: overlapping(s, x, cut, strided), tokens(8)),
    "overlapping chunks, unfolded": (
        lambda s, x, cut: overlapping(s, x, cut, lambda each: each.unfold(1, 4, 2).mT),
        tokens(8),
    ),
    "a band": (banded, tokens(9)),
    "in ten axes": (in_ten_axes, tokens()),
    "scores head by head": (head_by_head, tokens()),
    "without the first tokens": (later, tokens(8)),
    "unfolded again": (unfolded, tokens()),
    "heads of experts": (asked_by_experts, tokens()),
    "weights of each head": (by_weights_of_each_head, tokens()),
    "a layer of each head": (by_a_layer_of_each_head, tokens()),
    "layers that are contractions": (by_a_contraction, tokens()),
    "distances": (by_distance, tokens()),
    "pairs": (by_pairs, tokens()),
    "pairs in groups": (by_pairs_in_groups, tokens()),
    "measured distances": (by_measured_distance, tokens()),
    "learned queries, tokens first": (learned_queries, tokens().transpose(0, 1)),
    "learned queries of each head": (learned_queries_of_each_head, tokens()),
    "divided elsewhere": (divided_elsewhere, tokens()),
    "summed by einsum": (summed_by_einsum, tokens()),
    "fused, in groups, tokens first": (fused_in_groups, tokens().transpose(0, 1)),
    "convolutions, tokens first": (by_convolutions, tokens().transpose(0, 1)),
    "padded": (padded, tokens()),
    "one key, tokens first": (on_one_key, tokens().transpose(0, 1)),
    "one long vector": (of_vectors, tokens().flatten(1)),
    "rows of one head": (by_rows_of_one_head, tokens(2 * T).unflatten(1, (2, T))),
    "viewed as another": (viewed_as_another, tokens()),
    "example by example": (example_by_example, tokens()),
    "each token twice": (twice_each, tokens()),
    "words": (of_words, torch.randint(9, (B, T), generator=torch.Generator().manual_seed(0))),
}


def network(forward):
    torch.manual_seed(0)
    layers = {"q": nn.Linear(D, D), "k": nn.Linear(D, D), "shares": nn.Linear(D, 3 * HEADS), "one": nn.Linear(SIZE, 1)}
    layers |= {
        "kernels": nn.Conv2d(D, 9 * HEADS, 1),
        "keys": nn.Linear(SIZE, T),
        "keyed": nn.Conv2d(D, 3 * D, 1),
        "wide": nn.Conv2d(D, 3 * D, 3, padding=1),
        "whole": nn.Linear(T * D, T * T),
        "words": nn.Embedding(9, D),
        "v": nn.Linear(D, D),
    }
    return Calls(lambda s, x: forward(s, x, kept), **layers, mix=nn.Parameter(torch.randn(HEADS, HEADS)))


@pytest.mark.parametrize("name", NETWORKS)
def test_heads_are_those_of_the_plain_formula_and_are_ablated_one_by_one(name):
    forward, x = NETWORKS[name]
    model, seen = network(forward), []
    with torch.no_grad():
        forward(model, x, lambda w: seen.append(w) or w)
        with capture(model) as record:
            model(x)
        path = next(iter(record))
        torch.testing.assert_close(record[path], seen[0], rtol=1e-5, atol=1e-5)
        assert not record.unread
        for head in range(seen[0].shape[1]):
            with intervene(model, {path: zero_head(head)}):
                found = model(x)
            torch.testing.assert_close(found, forward(model, x, zero_head(head)), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def can_be_stacked(name):
    forward, x = NETWORKS[name]
    return network(forward)(x).shape == x.shape


@pytest.mark.parametrize("name", [name for name in NETWORKS if can_be_stacked(name)])
def test_a_second_layer_has_the_heads_of_the_plain_formula_too(name):
    forward, x = NETWORKS[name]
    first, second, seen = network(forward), network(forward), []
    with torch.no_grad():
        forward(second, first(x), lambda w: seen.append(w) or w)
        both = nn.Sequential(first, second)
        with capture(both) as record:
            both(x)
    torch.testing.assert_close(next(record[path] for path in record if path.startswith("1")), seen[0])


def test_a_layer_whose_weights_are_more_numbers_than_its_input_keeps_the_windows_of_that():
    def forward(s, x):
        windows = x.view(B, D, 2, 2, 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(4 * B, D, 2, 2)
        q, k, v = s.wide(windows).flatten(2).unflatten(1, (3, HEADS, SIZE)).transpose(3, 4).unbind(1)
        return softmax(q, k) @ v

    model = network(lambda s, x, cut: forward(s, x))
    with torch.no_grad(), capture(model) as record:
        model(cells())
    assert [tuple(weights.shape) for weights in record.values()] == [(B, HEADS, 4 * 4, 4)]


def test_places_made_from_nothing_are_of_no_examples_though_the_input_has_as_many_of_both():
    """The grid's places go side by side with what is seen there, and are the larger part."""

    def forward(s, x):
        axis = torch.linspace(-1, 1, B)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)[..., None] * torch.arange(1, 7)
        places = grid.sin().flatten(2)[None].expand(len(x), -1, -1, -1)  # (B, 3, 3, 12)
        cells = torch.cat([x, places], -1).flatten(1, 2)  # (B, 9, 16)
        asking = s.mix.flatten().view(1, 1, D).expand(len(x), 5, D)
        return merged(softmax(heads(s.q(asking)), heads(s.k(cells))) @ heads(s.v(cells)))

    model = network(lambda s, x, cut: forward(s, x))
    for examples in (1, B, 5):
        with torch.no_grad(), capture(model) as record:
            model(torch.randn(examples, B, B, 4))
        assert [tuple(weights.shape) for weights in record.values()] == [(examples, HEADS, 5, 9)]


def test_questions_that_are_given_once_for_all_examples_are_queries():
    def forward(s, x, questions):
        asked = s.q(questions)[None].expand(len(x), -1, -1)
        return merged(softmax(heads(asked), heads(s.k(x))) @ heads(s.v(x)))

    model = Calls(forward, **{name: nn.Linear(D, D) for name in "qkv"})
    with torch.no_grad(), capture(model) as record:
        model(tokens(), torch.randn(5, D))
    assert [tuple(weights.shape) for weights in record.values()] == [(B, HEADS, 5, T)]


def test_layers_that_were_stacked_have_the_examples_that_they_had():
    """Each token attends to what it was in earlier layers, which lie in the first axis."""

    def forward(s, x):
        depth = torch.stack([x, s.v(x), s.q(x)])
        x = torch.einsum("lbth,lbtd->bthd", s.shares(depth)[..., :HEADS].softmax(0), depth).mean(2)
        return merged(softmax(heads(s.q(x)), heads(s.k(x))) @ heads(s.v(x)))

    model = network(lambda s, x, cut: forward(s, x))
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    assert [tuple(weights.shape) for weights in record.values()] == [(B, HEADS, T, 3), (B, HEADS, T, T)]


@pytest.mark.parametrize("size", [1, 3])
def test_weights_that_were_folded_out_of_sight_are_said_to_be_unread_rather_than_of_more_examples(size):
    model = Calls(lambda s, x: out_of_sight(s.q(x), s.k(x)).softmax(-1) @ heads(x).flatten(0, 1))
    model.q, model.k = nn.Linear(D, D), nn.Linear(D, D)
    x = torch.randn(size, T, D)
    with torch.no_grad(), capture(model) as record:
        model(x)
    assert not record
    assert record.unread == {"Calls": "weights of which nobody knows which axis is of examples"}
    with pytest.raises(BadInput, match="nobody knows which axis"), torch.no_grad(), intervene(model, {"Calls": 0.0}):
        model(x)


def test_windows_of_a_second_layer_are_no_heads():
    def layer(s, x):
        q, k, v = (each(x).unflatten(1, (2, T)).flatten(0, 1) for each in (s.q, s.k, s.v))
        return merged(softmax(heads(q), heads(k)) @ heads(v)).unflatten(0, (B, 2)).flatten(1, 2)

    parts = {name: nn.Linear(D, D) for name in "qkv"}
    model = nn.Sequential(Calls(layer, **parts), Calls(layer, **parts))
    with torch.no_grad(), capture(model) as record:
        model(tokens(2 * T))
    assert [tuple(weights.shape) for weights in record.values()] == 2 * [(B, HEADS, 2 * T, T)]


def test_tokens_that_experts_took_and_added_to_a_sum_are_those_of_their_examples_in_the_next_layer():
    def layer(s, x):
        x = merged(softmax(heads(s.q(x)), heads(s.k(x))) @ heads(s.v(x)))
        rows = torch.arange(2 * B * T) % (B * T)  # two experts take every token
        added = torch.zeros(B * T, D).index_add(0, rows, x.flatten(0, 1)[rows] * torch.ones(len(rows), 1))
        return added.view(B, T, D)

    parts = {name: nn.Linear(D, D) for name in "qkv"}
    model = nn.Sequential(Calls(layer, **parts), Calls(layer, **parts))
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    assert [tuple(weights.shape) for weights in record.values()] == 2 * [(B, HEADS, T, T)]


def test_layers_that_are_einsums_cut_heads_at_once_and_join_them():
    weights = []

    def layer(s, x):
        q, k, v = (torch.einsum("bth,hnd->btnd", x, each) for each in (s.q, s.k, s.v))
        weights.append(torch.einsum("bind,bjnd->bnij", q, k).softmax(-1))
        return x + torch.einsum("bind,hnd->bih", torch.einsum("bnij,bjnd->bind", weights[-1], v), s.out)

    torch.manual_seed(0)
    parts = {name: nn.Parameter(torch.randn(D, HEADS, SIZE) / 4) for name in ("q", "k", "v", "out")}
    model = nn.Sequential(Calls(layer, **parts), Calls(layer, **parts))
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    torch.testing.assert_close([*record.values()], weights)
    assert {tuple(each.shape) for each in weights} == {(B, HEADS, T, T)}


def test_rows_that_were_taken_from_two_axes_at_once_have_examples_again_where_they_are_parted():
    examples, places = torch.arange(B).repeat_interleave(T), torch.arange(B * T) % 4 + 1

    def forward(s, x):
        q, k, v = (each(x[examples, places].view(B, T, D)) for each in (s.q, s.k, s.v))
        return merged(softmax(heads(q), heads(k)) @ heads(v))

    model = Calls(forward, **{name: nn.Linear(D, D) for name in "qkv"})
    with torch.no_grad(), capture(model) as record:
        model(tokens())
    assert [tuple(each.shape) for each in record.values()] == [(B, HEADS, T, T)]
