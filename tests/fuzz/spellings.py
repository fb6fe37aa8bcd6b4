"""How an attention can be spelled: everything that is drawn for a random network (`networks`), the plain way first.

A tensor's axes are words, of letters: b examples, n windows, g groups of heads, r heads in each, i queries, j keys, d
numbers of a head, w numbers of a token. "bg r i d" has examples and groups in one axis.
"""

import math
import random

import torch
import torch.nn.functional as F
from torch import nn


def exps(a, dim):
    return (a - a.amax(dim, keepdim=True)).exp()


SOFTMAXES = {
    "softmax": lambda a, dim: a.softmax(dim),
    "functional": lambda a, dim: F.softmax(a, dim - a.ndim),
    "module": lambda a, dim: nn.Softmax(dim)(a),
    "logarithm": lambda a, dim: F.log_softmax(a, dim).exp(),
    "logsumexp": lambda a, dim: (a - a.logsumexp(dim, keepdim=True)).exp(),
    "softmin": lambda a, dim: F.softmin(-a, dim),
    "sum": lambda a, dim: (e := exps(a, dim)) / e.sum(dim, keepdim=True),
    "share": lambda a, dim: (e := exps(a, dim)) * (1 / e.sum(dim, True)),
    "norm": lambda a, dim: F.normalize(exps(a, dim), 1, dim),
    "by two": lambda a, dim: (e := torch.exp2((a - a.amax(dim, True)) * math.log2(math.e))) / e.sum(dim, keepdim=True),
    "in place": lambda a, dim: (e := a.sub(a.amax(dim, True)).exp_()) / e.sum(dim, True),
    "double": lambda a, dim: torch.softmax(a, dim, dtype=torch.float64).to(a.dtype),
    "late": exps,  # divided once the values have been multiplied
}
PROJECTIONS = {  # of tokens (..., width): (..., heads, numbers)
    "layer": lambda s, x: s.layer(x).unflatten(-1, (s.heads, s.size)),
    "numbers first": lambda s, x: s.layer(x).unflatten(-1, (s.size, s.heads)).mT,
    "flat": lambda s, x: s.layer(x.flatten(0, -2)).view(*x.shape[:-1], s.heads, s.size),
    "convolution": lambda s, x: s.layer(x.flatten(0, -2).T).T.reshape(*x.shape[:-1], s.heads, s.size),
    "stacked": lambda s, x: torch.stack([each(x) for each in s.layers], -2),
    "joined": lambda s, x: torch.cat([each(x) for each in s.layers], -1).unflatten(-1, (s.heads, s.size)),
    "einsum": lambda s, x: torch.einsum("...w,hdw->...hd", x, s.weight) + s.bias,
    "matmul": lambda s, x: (x @ s.weight.flatten(0, 1).T).unflatten(-1, (s.heads, s.size)) + s.bias,
    "functional": lambda s, x: F.linear(x, s.weight.flatten(0, 1), s.bias.flatten()).unflatten(-1, s.bias.shape),
    "by head": lambda s, x: (x[..., None, None, :] @ s.weight.mT).squeeze(-2) + s.bias,
}
SPELLINGS = {  # the plain one first
    "given": ["tokens", "tokens first", "map", "words", "vector"],
    "entry": ["none", "norm", "layers", "places", "class token", "recurrent", "recurrent, tokens first"],
    "source": ["self", "self", "self", "cross", "learned", "learned, made once"],
    "projection": [*PROJECTIONS, "packed", "packed"],
    "moves": ["permute", "movedim", "einsum"],
    "turned": ["no", "no", "halves", "pairs", "complex"],  # by rotary positions
    "held": ["b n t", "n t b", "bn t", "bnt", "nt b", "b nt"],  # what tokens are while they become heads
    "groups": ["repeated", "expanded", "shared"],
    "score": ["matmul", "einsum", "bmm", "baddbmm", "sum", "keys first", "additive", "distance", "fused", "torch's"],
    "scale": ["none", "before", "after", "temperature"],
    "mask": ["none", "causal", "padding", "bias"],
    "masked": ["add", "fill", "where"],
    "softmax": [*SOFTMAXES],
    "weighed": ["matmul", "einsum", "sum", "turned"],
    "wrap": ["alone", "Sequential", "checkpoint", "list", "parametrized", "shared", "stacked"],
    "fault": ["none", "none", "detached", "zeroed", "saturated", "constant"],
    **{"b": [2, 1, 3, 4], "n": [1, 1, 1, 2, 3], "g": [2, 1, 3], "r": [1, 1, 2, 3]},
    **{"i": [5, 1, 2, 3, 4, 6], "j": [7, 1, 2, 3, 4, 5], "d": [4, 1, 2, 3], "wide": [0, 3], "seed": range(10**6)},
}


def drawn(seed):
    rng = random.Random(seed)
    return {name: rng.choice(options) for name, options in SPELLINGS.items()}


def possible(how):
    """What was drawn, without what doesn't go together."""
    how = dict(how)
    if how["wrap"] in ("shared", "stacked", "Sequential"):  # takes one input, and gives what it takes
        how |= {"source": "self", "given": "tokens"}
    if how["score"] == "torch's":
        how |= {"projection": "layer", "turned": "no", "held": "b nt", "r": 1, "n": 1, "d": 4, "wide": 0}
        how |= {"source": how["source"].split(",")[0], "softmax": "softmax"}
    how["j"], how["n"] = (how["i"], how["n"]) if how["source"] == "self" else (how["j"], 1)
    how["turned"] = "no" if how["d"] % 2 else how["turned"]
    if how["score"] in ("additive", "distance") and how["scale"] == "before":
        how["scale"] = "after"
    how["weighed"] = "matmul" if how["d"] == 1 and how["weighed"] == "sum" else how["weighed"]  # else of numbers
    if how["score"] in ("sum", "additive", "distance") and how["projection"] == "numbers first":
        how["r"] = 1  # what was summed was not the last of what was cut
    how["groups"] = "repeated" if how["score"] in ("bmm", "baddbmm") else how["groups"]
    if how["i"] == 1 or how["given"] in ("vector", "map", "tokens first"):
        how["n"] = 1  # windows of one token, of a vector's numbers, across rows, or of the first axis
    if how["d"] == 1:  # nothing is cut where heads are numbers
        how |= {"r": 1, "projection": "layer" if how["projection"] in ("joined", "stacked") else how["projection"]}
    if how["projection"] == "stacked" and (how["given"] == "vector" or 1 in (how["b"], how["i"], how["j"])):
        how["projection"] = "layer"  # one example, or none of the tokens, is nothing that was taken apart
    if how["given"] == "vector" and how["source"] == "cross" and how["j"] == how["g"] * how["r"] == 1:
        how["given"] = "tokens"  # of one key and one head: queries may be heads of the vector
    if how["j"] == 1 and how["score"] in ("additive", "distance") and (how["b"] == 1 or how["given"] == "tokens first"):
        how["score"] = "matmul"  # nobody can tell queries of one key from examples
    if how["source"] != "self" and how["fault"] == "constant" and (how["given"] == "tokens first" or how["b"] == 1):
        how["fault"] = "none"  # the tokens that came first are gone; those of a single example seem fixed
    how["projection"] = "layer" if how["j"] == 2 and how["projection"] == "packed" else how["projection"]  # exact zeros
    if (how["entry"] == "class token" and how["wrap"] in ("shared", "stacked")) or 1 in (how["i"], how["j"]):
        how["entry"] = "none"
    return how


def laid(x, had, wanted, size, moves="permute"):
    """The same numbers in other axes, as words say. Letters that stand for one are nowhere, or anywhere."""
    letters, sought = ([each for each in words if size.get(each, 1) > 1] for words in (had, wanted))
    x, order = x.reshape([size[each] for each in letters]), [letters.index(each) for each in sought]
    if moves == "permute":
        x = x.permute(order)
    elif moves == "movedim":
        x = x.movedim(order, [*range(len(order))])
    elif letters:
        x = torch.einsum(f"{''.join(letters)}->{''.join(sought)}", x)
    return x.reshape([math.prod(size.get(each, 1) for each in word) for word in wanted.split()])


def turned(x, how, places):
    """Rotary positions: the numbers of each head by pairs, as far as the token's place says."""
    if how == "no":
        return x
    angle = places[..., None, None] / 3 ** torch.arange(x.shape[-1] // 2)
    if how == "complex":
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)
    one, two = x.chunk(2, -1) if how == "halves" else (x[..., ::2], x[..., 1::2])
    both = one * angle.cos() - two * angle.sin(), two * angle.cos() + one * angle.sin()
    return torch.cat(both, -1) if how == "halves" else torch.stack(both, -1).flatten(-2)


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape) / shape[-1] ** 0.5)


class Projection(nn.Module):
    """Queries, keys or values."""

    def __init__(self, how, width, heads, size):
        super().__init__()
        self.how, self.heads, self.size = how, heads, size
        if how in ("stacked", "joined"):
            self.layers = nn.ModuleList(nn.Linear(width, size) for _ in range(heads))
        elif how in ("layer", "numbers first", "flat", "convolution"):
            self.layer = nn.Conv1d(width, heads * size, 1) if how == "convolution" else nn.Linear(width, heads * size)
        else:
            self.weight, self.bias = parameter(heads, size, width), parameter(heads, size)

    def forward(self, x):
        return PROJECTIONS[self.how](self, x)

    @property
    def holders(self):
        """The modules that multiply."""
        return [*getattr(self, "layers", [getattr(self, "layer", self)])]


FUSED = ("fused", "torch's")
SCORES = {  # of queries (..., i, d) and keys (..., j, d)
    "matmul": lambda q, k, mix: q @ k.mT,
    "bmm": lambda q, k, mix: torch.bmm(q, k.mT),
    "baddbmm": lambda q, k, mix: torch.baddbmm(torch.zeros(()), q, k.mT, beta=0),
    "sum": lambda q, k, mix: (q[..., None, :] * k[..., None, :, :]).sum(-1),
    "keys first": lambda q, k, mix: k @ q.mT,
    "additive": lambda q, k, mix: (q[..., None, :] + k[..., None, :, :]).tanh() @ mix,
    "distance": lambda q, k, mix: -(q[..., None, :] - k[..., None, :, :]).square().sum(-1),
}
WEIGHED = {  # weights (..., i, j) and values (..., j, d)
    "matmul": lambda w, v: w @ v,
    "sum": lambda w, v: (w[..., None] * v[..., None, :, :]).sum(-2),
    "turned": lambda w, v: (v.mT @ w.mT).mT,
}
FAULTS = {  # of what comes out, and a layer
    "none": lambda y, _: y,
    "detached": lambda y, branch: y + branch(y).detach(),
    "zeroed": lambda y, branch: y + 0 * branch(y),
    "saturated": lambda y, branch: y * branch(y).sigmoid(),
}


def layout(how, size, rng):
    """How examples, windows and heads of queries, and of keys, lie while scores are made: each word is an axis."""
    apart = how["groups"] == "shared" and how["r"] > 1
    if how["score"] == "fused" and apart:
        return ["bn", "gr"], ["bn", "g"]  # as `enable_gqa` wants it
    letters = [each for each in "bngr" if size[each] > 1 or each in "bg"]
    first, *others = rng.sample(letters, len(letters))
    lead = [first]
    for each in others:
        if how["score"] in ("bmm", "baddbmm") or (rng.random() < 0.5 and not (apart and "r" in (each, lead[-1]))):
            lead[-1] += each
        else:
            lead.append(each)
    return lead, [word for word in lead if word != "r" or not apart]
