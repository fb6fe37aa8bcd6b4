"""Random networks whose answers are known by construction.

A network is an attention, or two, in a spelling that is drawn. Beside it stands its truth: the same attention by the
plain formula, and by closed formulas what it costs and what of it can't learn. What axes are called: `spellings`.
"""

import math
import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from territory.interpret.dead import CONSTANT, ONE_KEY, SATURATED
from tests.fuzz.spellings import FAULTS, FUSED, SCORES, SOFTMAXES, WEIGHED, Projection, laid, layout, parameter, turned


class Attention(nn.Module):
    """One attention; with `cut`, which gets and gives its weights (b, heads, queries, keys), by the plain formula."""

    cut = None

    def __init__(self, how):
        super().__init__()
        torch.manual_seed(how["seed"])
        self.how, rng = how, random.Random(how["seed"])
        size = self.size = {letter: how[letter] for letter in "bngrijd"}
        heads, d = how["g"] * how["r"], how["d"]
        w = size["w"] = heads * d + (3 if how["wide"] or heads * d < 4 else 0)
        tokens, keys = how["n"] * how["i"], how["n"] * how["j"]
        self.inputs = [tokens, keys] if how["source"] == "cross" else [keys]
        # (module, multiply-accumulates); and of twice as many on the way back, how many nobody needs
        self.costs, self.spared = [], 0
        asked = how["b"] if how["source"] != "learned, made once" else 1

        entry = how["entry"]
        if how["given"] in ("map", "words"):
            self.first = nn.Conv2d(3, w, 1) if how["given"] == "map" else nn.Embedding(9, w)
        if entry in ("places", "class token"):
            self.added = parameter(max(self.inputs) if entry == "places" else 1, w)
        elif entry == "layers":
            self.entry = nn.Sequential(nn.Linear(w, w + 1), nn.GELU(), nn.Linear(w + 1, w))
        elif entry != "none":
            self.entry = nn.LayerNorm(w) if entry == "norm" else nn.GRU(w, w, batch_first="first" not in entry)
        for count in self.inputs:
            here = how["b"] * (count - (entry == "class token"))
            self.costs += [(self.first, here * 3 * w)] if how["given"] == "map" else []
            self.costs += [(self.entry[each], here * w * (w + 1)) for each in (0, 2) if entry == "layers"]
            self.costs += [(self.entry, here * 6 * w * w)] if "recurrent" in entry else []
            self.spared += how["b"] * 3 * w * w if "recurrent" in entry else 0  # for the state before the first

        if how["source"].startswith("learned"):
            self.query = parameter(how["i"], w)
        self.numbers = {"q": heads * d, "k": how["g"] * d, "v": how["g"] * d}
        made = {"q": asked * tokens, "k": how["b"] * keys, "v": how["b"] * keys}
        if how["score"] == "torch's":
            self.inner = nn.MultiheadAttention(w, heads, batch_first=rng.random() < 0.5)
            nn.init.normal_(self.inner.in_proj_bias)
            self.costs += [(self.inner, made[each] * w * w) for each in "qkvq"]
        elif how["projection"] == "packed":
            self.joint = [*"qkv"] if how["source"] == "self" else [*"kv"]
            self.packed = nn.Linear(w, sum(self.numbers[each] for each in self.joint))
            self.costs += [(self.packed, made[each] * w * self.numbers[each]) for each in self.joint]
        for each in () if how["score"] == "torch's" else "qkv":
            if how["projection"] != "packed" or each not in self.joint:
                kind = "layer" if how["projection"] == "packed" else how["projection"]
                made_by = Projection(kind, w, self.numbers[each] // d, d)
                self.add_module(each, made_by)
                for holder in made_by.holders:
                    self.costs.append((holder, made[each] * w * self.numbers[each] // len(made_by.holders)))

        if how["scale"] == "temperature" and how["score"] not in ("fused", "torch's"):
            self.temperature = nn.Parameter(torch.rand(heads, 1, 1) + 0.5)
        if how["mask"] == "bias":
            self.bias = parameter(heads, how["i"], how["j"])
        if how["score"] == "additive":
            self.mix = parameter(d)
        self.lead, self.klead = layout(how, size, rng)
        words = [*self.lead, "i", "d"], [*self.klead, "j", "d"], [*self.lead, "i", "j"]
        self.orders = [rng.sample(each, len(each)) for each in words]  # as einsum has them
        self.orders[2].sort(key=lambda word: word == "i" and how["n"] > 1)  # windows follow one another
        one = how["b"] * how["n"] * heads * how["i"] * how["j"] * d
        scored = how["score"] not in ("sum", "distance") and (how["score"] != "einsum" or d > 1)  # einsum sums nothing
        weighed = how["score"] in FUSED or (how["weighed"] != "sum" and (how["weighed"] != "einsum" or how["j"] > 1))
        self.spared += one if how["score"] == "additive" else 0  # an outer product is no sum
        self.costs.append((getattr(self, "inner", self), (scored + weighed) * one))
        self.out = nn.Linear(heads * d, w)
        self.costs.append((self.out, how["b"] * tokens * heads * d * w))
        if how["fault"] != "none":
            self.branch = nn.Linear(w, 1 if how["fault"] == "constant" else w)
            self.costs.append((self.branch, how["b"] * tokens * w * len(self.branch.bias)))
            self.spared += 2 * self.costs[-1][1] if how["fault"] == "detached" else 0
            if how["fault"] == "saturated":
                nn.init.constant_(self.branch.bias, 1e4)

    def enter(self, x):
        """What is given, as (examples, tokens, width)."""
        given, entry = self.how["given"], self.how["entry"]
        x = self.first(x) if given in ("map", "words") else x
        x = x.flatten(2).mT if given == "map" else x.transpose(0, 1) if given == "tokens first" else x
        x = x.unflatten(1, (-1, self.size["w"])) if given == "vector" else x
        if entry == "places":
            return x + self.added[: x.shape[1]]
        if entry == "class token":
            return torch.cat([self.added.expand(len(x), 1, -1), x], 1)
        if entry == "recurrent, tokens first":
            return self.entry(x.transpose(0, 1))[0].transpose(0, 1)
        return self.entry(x)[0] if entry == "recurrent" else self.entry(x) if hasattr(self, "entry") else x

    def heads(self, which, x, letter, packed):
        """Queries, keys or values, turned, and the words for their axes."""
        if which == "q" and self.how["source"] == "learned, made once":
            made, places = self.q(self.query).expand(self.how["b"], -1, -1, -1), torch.arange(x.shape[1])
            return turned(made, self.how["turned"], places), "b i gr d"
        held = self.how["held"].replace("t", letter)
        made = packed[which] if which in packed else getattr(self, which)(self.hold(x, letter))
        places = self.hold(torch.arange(x.shape[1])[None, :, None].expand(len(x), -1, 1), letter)[..., 0]
        made = made if which == "v" else turned(made, self.how["turned"], places)
        return made, f"{held} {'gr' if which == 'q' else 'g'} d"

    def hold(self, x, letter):
        size = self.size | {"w": x.shape[-1]}
        return laid(x, f"b n {letter} w", f"{self.how['held'].replace('t', letter)} w", size, self.how["moves"])

    def sides(self, x, c):
        packed = {}
        if hasattr(self, "packed"):
            made = self.packed(self.hold(c, "j")).split([self.numbers[each] for each in self.joint], -1)
            packed = {each: one.unflatten(-1, (-1, self.size["d"])) for each, one in zip(self.joint, made, strict=True)}
        return self.heads("q", x, "i", packed), self.heads("k", c, "j", packed), self.heads("v", c, "j", packed)

    def bounds(self, c):
        """What is added to scores (b, n, heads, i, j), or which of them count."""
        size, mask = self.size, self.how["mask"]
        if mask == "bias":
            return self.bias
        keep = torch.ones(size["i"], size["j"], dtype=torch.bool).tril(1)
        if mask == "padding":
            keep = laid(c[..., 0] > 0, "b n j", "b n j", size)[:, :, None, None]
            keep = keep | (torch.arange(size["j"]) < 2)
        return keep if mask != "none" else None

    def by_formula(self, q, k, v, bounds):
        """What comes out, and the words for its axes."""
        how, size = self.how, self.size
        q = laid(*q, "b n gr i d", size)
        k, v = (laid(*each, "b n g j d", size).repeat_interleave(size["r"], 2) for each in (k, v))
        plain = how["score"] if how["score"] in ("additive", "distance") else "matmul"
        scores = SCORES[plain](q, k, getattr(self, "mix", None)) * getattr(self, "temperature", 1)
        if how["score"] in FUSED or how["scale"] in ("before", "after"):
            scores = scores * size["d"] ** -0.5
        if bounds is not None:
            scores = scores + bounds if bounds.is_floating_point() else scores.masked_fill(~bounds, -math.inf)
        weights = self.cut(laid(scores.softmax(-1), "b n gr i j", "b gr ni j", size))
        return laid(weights, "b gr ni j", "b n gr i j", size) @ v, "b n gr i d"

    def as_spelled(self, q, k, v, bounds):
        """The same."""
        how, size, lead, klead = self.how, self.size, " ".join(self.lead), " ".join(self.klead)
        shared = self.klead != self.lead
        if size["r"] > 1 and not shared:
            k, v = ((self.repeated(made), words[:-3] + "gr d") for made, words in (k, v))
        if how["score"] == "fused":
            q, k, v = laid(*q, f"{lead} i d", size), laid(*k, f"{klead} j d", size), laid(*v, f"{klead} j d", size)
            mask = None if bounds is None else self.over(bounds, f"{lead} i j")
            return F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=shared), f"{lead} i d"
        scale, ksize = size["d"] ** -0.5, size | ({"r": 1} if shared else {})
        q = q[0] * scale if how["scale"] == "before" else q[0], q[1]
        letters = dict(zip([*self.lead, "i", "j", "d"], "abcdefgh", strict=False))
        asking, asked, scored = ("".join(map(letters.get, words)) for words in self.orders)
        asking_words, asked_words, words = map(" ".join, self.orders)
        if how["score"] == "einsum":
            q, k = laid(*q, asking_words, size), laid(*k, asked_words, size)
            scores = torch.einsum(f"{asking},{asked}->{scored}", q, k)
        else:
            q, k = laid(*q, f"{lead} i d", size), laid(*k, f"{lead} j d", ksize)
            scores = SCORES[how["score"]](q, k, getattr(self, "mix", None))
            words = f"{lead} j i" if how["score"] == "keys first" else f"{lead} i j"
        if how["scale"] in ("after", "temperature"):
            scores = scores * (self.over(self.temperature, words) if how["scale"] == "temperature" else scale)
        scores, dim = self.masked(scores, bounds, words), words.split().index("j")
        weights = SOFTMAXES[how["softmax"]](scores, dim)
        if how["weighed"] == "einsum":
            scored = "".join(map(letters.get, words.split()))
            made = torch.einsum(f"{scored},{asked}->{asking}", weights, laid(*v, asked_words, size))
        else:
            asking_words = f"{lead} i d"
            weights_laid = weights.mT if how["score"] == "keys first" else laid(weights, words, f"{lead} i j", size)
            made = WEIGHED[how["weighed"]](weights_laid, laid(*v, f"{lead} j d", ksize))
        if how["softmax"] == "late":
            made = made / laid(weights.sum(dim, True), words, asking_words, size | {"j": 1, "d": 1})
        return made, asking_words

    def repeated(self, x):
        """For each head of a group."""
        if self.how["groups"] == "repeated":
            return x.repeat_interleave(self.size["r"], -2)
        return x.unsqueeze(-2).expand(*x.shape[:-1], self.size["r"], x.shape[-1]).flatten(-3, -2)

    def over(self, x, words):
        """What every score has, or is multiplied with, laid like the scores."""
        full = [math.prod(self.size[each] for each in word) for word in ("b", "n", "gr", "i", "j")]
        return laid(x.expand(full), "b n gr i j", words, self.size)

    def masked(self, scores, bounds, words):
        if bounds is None:
            return scores
        bounds = self.over(bounds, words)
        if bounds.is_floating_point():
            return scores + bounds
        if self.how["masked"] == "where":
            return torch.where(bounds, scores, -math.inf)
        if self.how["masked"] == "fill":
            return scores.masked_fill(~bounds, -math.inf)
        return scores + torch.zeros_like(scores).masked_fill(~bounds, -math.inf)

    def torchs(self, x, c, bounds):
        """`nn.MultiheadAttention`."""
        if self.cut is None:
            bounds = None if bounds is None else self.over(bounds, "bgr i j")
            bounds = ~bounds if bounds is not None and bounds.dtype == torch.bool else bounds
            x, c = (x, c) if self.inner.batch_first else (x.transpose(0, 1), c.transpose(0, 1))
            made = self.inner(x, c, c, attn_mask=bounds, need_weights=self.how["wide"] == 0)[0]
            return made if self.inner.batch_first else made.transpose(0, 1)
        parts = zip(self.inner.in_proj_weight.chunk(3), self.inner.in_proj_bias.chunk(3), (x, c, c), "ijj", strict=True)
        sides = [(F.linear(each, weight, bias), f"b {letter} gd") for weight, bias, each, letter in parts]
        return self.inner.out_proj(laid(*self.by_formula(*sides, bounds), "b i grd", self.size))

    def forward(self, x, *context):
        x = self.enter(x)
        c = self.enter(*context) if context else x
        x = self.query.expand(len(x), -1, -1) if hasattr(self, "query") else x
        bounds, held = self.bounds(c), self.how["held"].replace("t", "i")
        if self.how["score"] == "torch's":
            y = self.out(self.torchs(x, c, bounds))
        else:
            sides = self.sides(x, c)
            made = self.as_spelled(*sides, bounds) if self.cut is None else self.by_formula(*sides, bounds)
            y = laid(self.out(laid(*made, f"{held} grd", self.size)), f"{held} w", "b ni w", self.size)
        if self.how["fault"] == "constant":
            weights = self.branch(y.mean(1, keepdim=True).expand_as(y)).softmax(1)
            weights = weights if self.cut is None else self.cut(weights.mT[:, None])[:, 0].mT
            return y + (weights * y).sum(1, keepdim=True)
        return FAULTS[self.how["fault"]](y, getattr(self, "branch", None))

    def dead(self):
        """What of it can't learn: (module, how many of its numbers); and what nothing moves: (module, what it is)."""
        one_key, w = self.size["j"] == 1, self.size["w"]
        cancels = self.how["score"] not in ("additive", "distance") and self.how["turned"] == "no"
        found, marks = [], [(getattr(self, "inner", self), ONE_KEY)] if one_key else []
        if self.how["score"] == "torch's":
            found.append((self.inner, 2 * w * (w + 1) if one_key else w))
        if hasattr(self, "packed") and cancels and not one_key:  # of a vector that has a gradient zeros say nothing
            found.append((self.packed, self.numbers["k"]))
        for side in (getattr(self, each) for each in "qk" if hasattr(self, each)):
            if one_key:
                found += [(each, sum(p.numel() for p in each.parameters(recurse=False))) for each in side.modules()]
            elif cancels and side is getattr(self, "k", None):
                found += [(each, each.bias.numel()) for each in side.holders]
        if one_key:
            own = dict(self.named_parameters(recurse=False)).items()
            asks = [each.numel() for name, each in own if name in ("query", "temperature", "bias", "mix")]
            found.append((self, sum(asks)))
        if self.how["fault"] != "none":
            found += [(each, sum(p.numel() for p in each.parameters(recurse=False))) for each in self.branch.modules()]
        tokens = self.size["n"] * self.size["i"]
        marks += {"saturated": [(self, SATURATED)], "constant": [(self, CONSTANT if tokens > 1 else ONE_KEY)]}.get(
            self.how["fault"], []
        )
        return found, marks


class Twice(nn.Module):
    def forward(self, weight):
        return 2 * weight


class Around(nn.Module):
    """Checkpoints what is inside, or calls it twice."""

    def __init__(self, how, inner):
        super().__init__()
        self.how, self.inner = how, nn.ModuleList([inner])

    def forward(self, *xs):
        if self.how == "checkpoint":
            return checkpoint(self.inner[0], *xs, use_reentrant=False)
        return self.inner[0](self.inner[0](*xs)) if self.how == "shared" else self.inner[0](*xs)


def network(how):
    """A network in that spelling, in evaluation mode."""
    made = Attention(how)
    if how["wrap"] in ("Sequential", "stacked"):
        more = [Attention(how | {"seed": how["seed"] + 1})] if how["wrap"] == "stacked" else [nn.Identity()]
        return nn.Sequential(made, *more).eval()
    if how["wrap"] == "parametrized":
        for layer in [each for each in made.modules() if isinstance(each, nn.Linear)]:
            parametrize.register_parametrization(layer, "weight", Twice())
    return (Around(how["wrap"], made) if how["wrap"] in ("checkpoint", "list", "shared") else made).eval()


def attentions(model):
    return [each for each in model.modules() if isinstance(each, Attention)]


def inputs(model, seed):
    """What it takes, with gradients where it is numbers."""
    first, rng = attentions(model)[0], torch.Generator().manual_seed(seed)
    b, w, given = first.size["b"], first.size["w"], first.how["given"]
    for tokens in first.inputs:
        tokens -= first.how["entry"] == "class token"
        grid = (2, tokens // 2) if tokens % 2 == 0 else (1, tokens)
        if given == "words":
            yield torch.randint(9, (b, tokens), generator=rng)
        else:
            shapes = {"map": (b, 3, *grid), "vector": (b, tokens * w), "tokens first": (tokens, b, w)}
            yield torch.randn(shapes.get(given, (b, tokens, w)), generator=rng, requires_grad=True)


def by_formula(model, xs, change=lambda number, weights: weights):
    """What comes out, and all weights, by the plain formula; ``change`` gets them as the network's n-th."""
    seen = []

    def cut(weights):
        seen.append(change(len(seen), weights))
        return seen[-1]

    for each in attentions(model):
        each.cut = cut
    try:
        return model(*xs), [each.detach() for each in seen]
    finally:
        for each in attentions(model):
            each.cut = None
