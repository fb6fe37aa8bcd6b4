"""Networks that no other counter takes, with their multiply-accumulates by formula: what strangers brought."""

import importlib

import torch
import torch.nn.functional as F
from torch import nn
from torch._higher_order_ops.map import map as mapped
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.nn.attention.flex_attention import flex_attention

from benchmarks.papers import body, multi_head
from benchmarks.zoo import ATTENTION, LINEAR, MLP, B, Calls, D, Entry, T, frozen, heads, images, square, tokens, weight


def two() -> nn.Module:
    return nn.Sequential(square(), nn.ReLU(), square())


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = square(), two()

    def forward(self, x):
        return torch.cond(x.sum() > -1e9, lambda y: self.a(y), lambda y: self.b(y), (x,))


def exported(model: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(model, (tokens(),))


def steps(s, x):
    """Each token's state is a layer's reading of the state before, plus the token."""
    return scan(lambda state, token: ((s.a(state) + token).tanh(), state + token), torch.zeros(B, D), x, dim=1)[1]


def steps_in_containers(s, x):
    """As `steps`; what is carried is a tuple, and what a step gives a dict."""

    def step(state, token):
        return ((s.a(state[0]) + token["x"]).tanh(), state[1] + 1), {"out": state[0] + token["x"], "none": None}

    return scan(step, (torch.zeros(B, D), torch.tensor(0)), {"x": x.transpose(0, 1)})[1]["out"]


def loops(s, x):
    n = torch.tensor(0)
    return while_loop(lambda n, _: n < 3, lambda n, now: (n + 1, {"y": s.a(now["y"])}), (n, {"y": x}))[1]["y"]


def flexible(s, x):
    return flex_attention(*(heads(layer(x)) for layer in (s.q, s.k, s.v)))


def in_place(s, x):
    total = torch.zeros(B, T, T).baddbmm_(x, x.mT).sum() + torch.zeros(T).addmv_(x[0], s.w[0]).sum()
    return total + torch.zeros(D, D).addr_(s.w[0], s.w[1]).sum() + torch.zeros(T, D).addmm_(x[0], s.w).sum()


def sparse(s, x):
    """T entries on a diagonal, and distances by a product."""
    one = torch.eye(T)
    sampled = torch.sparse.sampled_addmm(one.to_sparse_csr(), x[0], x[1].mT).to_dense()
    mixed = torch.hspmm(one.to_sparse(), x[0]).to_dense() + torch.smm(one.to_sparse(), x[0]).to_dense()
    return sampled * s.w, mixed, torch.cdist(x[0], x[1], compute_mode="use_mm_for_euclid_dist") * s.w


def to_angles():
    return nn.Linear(3, 6)


class Yields(nn.Module):
    """A generator whose own products come after its forward has returned."""

    def __init__(self):
        super().__init__()
        self.w, self.layer = weight(D, D), square()

    def forward(self, x):
        for _ in range(3):
            x = self.layer(x @ self.w)
            yield x


class Kept:
    """A cache of keys that grows with every call, as of language models."""

    def __init__(self):
        self.keys = []

    def with_more(self, keys):
        self.keys.append(keys)
        return torch.cat(self.keys, 1)


def hooked() -> nn.Module:
    model = nn.Sequential(two(), square())
    model[0].register_forward_hook(lambda module, args, out: out @ out.mT @ out)
    return model


def packed_for_onednn() -> nn.Module:
    mkldnn = importlib.import_module("torch.utils.mkldnn")  # warns when it is imported
    inner = mkldnn.to_mkldnn(nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 3, 1)).eval())
    return Calls(lambda s, x: s.inner(x.to_mkldnn()).to_dense(), inner=inner)


STRANGERS: dict[str, Entry] = {
    "torch.cond": Entry(Branches, tokens, LINEAR),
    "torch.while_loop": Entry(
        body(
            lambda s, x: while_loop(lambda n, y: n < 3, lambda n, y: (n + 1, s.a(y)), (torch.tensor(0), x))[1], a=square
        ),
        tokens,
        3 * LINEAR,
    ),
    "torch.scan": Entry(body(steps, a=square), tokens, LINEAR),
    "torch.scan, in containers": Entry(body(steps_in_containers, a=square), tokens, LINEAR),
    "torch.while_loop, in containers": Entry(body(loops, a=square), tokens, 3 * LINEAR),
    "torch's map": Entry(body(lambda s, x: mapped(lambda y: {"y": s.a(y)}, x)["y"], a=square), tokens, LINEAR),
    "a region compiled once": Entry(
        body(lambda s, x: torch.compiler.nested_compile_region(lambda y: s.a(y))(x), a=square), tokens, LINEAR
    ),
    "exported": Entry(lambda: exported(two()).module(), tokens, MLP),
    "exported, with a branch": Entry(lambda: exported(Branches()).module(), tokens, LINEAR),
    "exported, a child": Entry(lambda: nn.Sequential(square(), exported(two()).module()), tokens, LINEAR + MLP),
    "exported, unflattened": Entry(lambda: torch.export.unflatten(exported(two())), tokens, MLP),
    "exported attention": Entry(
        lambda: exported(Calls(lambda s, x: s.a(x, x, x)[0], a=multi_head())).module(), tokens, 4 * LINEAR + ATTENTION
    ),
    "FlexAttention, frozen": Entry(
        lambda: frozen(Calls(flexible, q=square(), k=square(), v=square())), tokens, 3 * LINEAR + ATTENTION
    ),
    "products in place": Entry(
        body(in_place, w=lambda: weight(D, D)), tokens, B * T * T * D + T * D + D * D + T * D * D
    ),
    "sampled, half sparse and mixed products": Entry(
        body(sparse, w=lambda: weight(T, T)), tokens, T * D + 2 * T * D + T * T * (D + 2)
    ),
    "a spatial transformer": Entry(
        body(lambda s, x: F.grid_sample(x, F.affine_grid(s.a(x.mean((2, 3))).view(B, 2, 3), x.shape)), a=to_angles),
        images,
        B * 3 * 6 + B * 8 * 8 * 3 * 2,
    ),
    "a generator with products of its own": Entry(Yields, tokens, 3 * MLP),
    "a cache that grows": Entry(
        body(lambda s, x, kept: (x @ kept.with_more(s.k(x)).mT) @ x, k=square),
        lambda: (tokens(), Kept()),
        LINEAR + ATTENTION,
    ),
    "a list that grows": Entry(
        body(lambda s, xs: (xs.append(s.k(xs[0])), xs[-1])[1], k=square), lambda: ([tokens()],), LINEAR
    ),
    "a hook that multiplies": Entry(hooked, tokens, 3 * LINEAR + ATTENTION),
    "layers in a plain list": Entry(lambda: Calls(lambda s, x: s.l[1](s.l[0](x)), l=[square(), square()]), tokens, MLP),
    "packed for oneDNN": Entry(packed_for_onednn, lambda: images(4), B * 36 * (4 * 2 * 9 + 4 * 3)),
}
