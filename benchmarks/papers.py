"""More networks whose multiply-accumulates can be counted by hand: as papers and their repositories write them."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from benchmarks.zoo import (
    ATTENTION,
    ENCODER,
    LINEAR,
    MLP,
    B,
    Calls,
    D,
    Entry,
    H,
    T,
    attends,
    encoder_layer,
    frozen,
    fused,
    heads,
    images,
    recurrent,
    square,
    tokens,
    vectors,
    weight,
)

QKV = 3 * LINEAR + ATTENTION
HIDDEN = 8  # of the small networks inside others
HEADS, PER_HEAD = 2, D // 2
EXPERTS = 4
SCALARS = 2 * B * T * T * HEADS * HEADS  # a mixture of heads, before and after the softmax
MODES = 3  # of a Fourier layer, along each axis
NODES = 5


def scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.mT * q.shape[-1] ** -0.5


def divided_afterwards(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    e = (scores(q, k) - scores(q, k).amax(-1, keepdim=True)).exp()
    return torch.einsum("bhij,bhjd->bhid", e, v) / e.sum(-1)[..., None]


def by_linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.stack([F.linear(a[0], b[0].mT) for a, b in zip(scores(q, k).softmax(-1), v, strict=True)])


def rotated(x: Tensor) -> Tensor:
    """Rotary positions, by complex numbers (Su et al. 2021)."""
    angles = torch.arange(T)[:, None] / 100 ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    turns = torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turns).flatten(-2)


def with_linear_biases(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Press, Smith & Lewis 2021."""
    distance = (torch.arange(T)[:, None] - torch.arange(T)).abs()
    return fused(q, k, v, attn_mask=-distance * torch.tensor([0.5, 0.25])[:, None, None])


def without_softmax(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Linear attention (Katharopoulos et al. 2020)."""
    q, k = F.elu(q) + 1, F.elu(k) + 1
    return q @ (k.mT @ v) / (q @ k.sum(-2, keepdim=True).mT)


def in_windows(x: Tensor, shift: int) -> Tensor:
    """Swin: a grid of 4 x 4 cells in windows of 2 x 2 (Liu et al. 2021)."""
    grid = torch.roll(x[:, :16].unflatten(1, (4, 4)), (-shift, -shift), (1, 2))
    return grid.unflatten(1, (2, 2)).unflatten(3, (2, 2)).transpose(2, 3).flatten(3, 4).flatten(0, 2)


def talking_heads(s: Any, x: Tensor) -> Tensor:
    """Shazeer et al. 2020."""
    before = torch.einsum("hg,bhij->bgij", s.pre, scores(heads(s.q(x)), heads(s.k(x))))
    return torch.einsum("hg,bhij->bgij", s.post, before.softmax(-1)) @ heads(s.v(x))


def slots(s: Any, x: Tensor) -> Tensor:
    """Slot attention, two rounds of three slots (Locatello et al. 2020)."""
    slot, keys, values = s.start.expand(B, -1, -1), s.k(x), s.v(x)
    for _ in range(2):
        weights = (keys @ s.q(slot).mT).softmax(-1)
        mean = (weights / weights.sum(1, keepdim=True)).mT @ values
        slot = s.cell(mean.flatten(0, 1), slot.flatten(0, 1)).view_as(slot)
    return slot


SLOTS = 2 * LINEAR + 2 * (B * 3 * D * D + 2 * B * T * 3 * D + B * 3 * 6 * D * D)


def axial(s: Any, x: Tensor) -> Tensor:
    """Along rows, then along columns (Ho et al. 2019)."""
    rows = x.permute(0, 2, 3, 1).flatten(0, 1)
    columns = x.permute(0, 3, 2, 1).flatten(0, 1)
    return s.rows(rows).sum() + s.columns(columns).sum()


def induced(s: Any, x: Tensor) -> Tensor:
    """Set Transformer's induced attention by three points (Lee et al. 2019)."""
    return s.out(x, *2 * [s.into(s.points.expand(B, -1, -1), x, x)[0]])[0]


def multi_head() -> nn.Module:
    return nn.MultiheadAttention(D, HEADS, batch_first=True)


def experts(s: Any, x: Tensor) -> Tensor:
    """The two likeliest of four experts for each token (Shazeer et al. 2017)."""
    flat = x.flatten(0, 1)
    chosen = s.gate(flat).topk(2)
    out = torch.zeros_like(flat)
    for number, expert in enumerate(s.experts):
        token, place = (chosen.indices == number).nonzero(as_tuple=True)
        out.index_add_(0, token, chosen.values.softmax(-1)[token, place, None] * expert(flat[token]))
    return out


def grouped_experts(s: Any, x: Tensor) -> Tensor:
    """The tokens of each expert as one group of a grouped product."""
    ends = torch.arange(1, EXPERTS + 1, dtype=torch.int32) * (B * T // EXPERTS)
    multiply: Any = torch._grouped_mm  # pyright: ignore[reportPrivateImportUsage] -- public from torch 2.10 on
    return multiply(x.flatten(0, 1), s.experts, offs=ends)


def fourier(s: Any, x: Tensor) -> Tensor:
    """A Fourier neural operator's layer: Li et al. 2020."""
    waves = torch.fft.rfft2(s.inside(x))
    kept = torch.zeros_like(waves)
    kept[..., :MODES, :MODES] = torch.einsum("bixy,ioxy->boxy", waves[..., :MODES, :MODES], s.modes)
    return torch.fft.irfft2(kept, s=x.shape[-2:]) + s.beside(s.inside(x))


def graph_attention(s: Any, x: Tensor) -> Tensor:
    """Velickovic et al. 2018, on a ring."""
    hidden, ring = s.into(x), torch.eye(T) + torch.eye(T).roll(1, 0) > 0
    edges = F.leaky_relu(s.left(hidden) + s.right(hidden).mT, 0.2)
    return edges.masked_fill(~ring, -math.inf).softmax(-1) @ hidden


def ring() -> Tensor:
    return (torch.eye(NODES) + torch.eye(NODES).roll(1, 0)) / 2


class Graph(nn.Module):
    """A convolution over a graph, whose matrix is a sparse buffer (Kipf & Welling 2017)."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.into = square()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix @ self.into(x)


def selective_scan(s: Any, x: Tensor) -> Tensor:
    """A state space model step by step (Gu & Dao 2023)."""
    inner = F.silu(s.near(x.mT)[..., :T].mT)
    into, out = s.projections(inner).chunk(2, -1)
    state, ys = x.new_zeros(B, D, HIDDEN), []
    for step in range(T):
        state = state * s.decay.sigmoid() + inner[:, step, :, None] * into[:, step, None]
        ys.append(torch.einsum("bdn,bn->bd", state, out[:, step]))
    return torch.stack(ys, 1)


def convolution_of_its_own(s: Any, x: Tensor) -> Tensor:
    """Each example's kernel is a mixture of two (Chen et al. 2020)."""
    shares = s.router(x.mean((2, 3))).softmax(-1)
    kernels = torch.einsum("bk,koihw->boihw", shares, s.kernels).flatten(0, 1)
    return F.conv2d(x.flatten(0, 1)[None], kernels, groups=B)


def lora() -> nn.Module:
    """Hu et al. 2021."""
    low, high = nn.Linear(D, 2, bias=False), nn.Linear(2, D, bias=False)
    return Calls(lambda s, x: s.base(x) + s.high(s.low(x)), base=frozen(square()), low=low, high=high)


def u_net(s: Any, x: Tensor) -> Tensor:
    top = F.relu(s.down(x))
    return s.out(torch.cat([top, s.up(F.max_pool2d(top, 2))], 1))


class Product(torch.autograd.Function):
    """x w^T by hand."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        return inputs[0] @ inputs[1].mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return gradients[0] @ w, gradients[0].mT @ x


def slope(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A force: the gradient of an energy, itself part of the forward pass."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)[0]


def by_each_of_three(s: Any, x: Tensor) -> Tensor:
    return torch.vmap(lambda one: torch.func.functional_call(s.body, {"weight": one}, (x,)))(s.weights)


def nested() -> Tensor:
    return torch.nested.nested_tensor([torch.randn(5, D), torch.randn(7, D)], layout=torch.jagged)


def nested_attention(s: Any, x: Tensor) -> Tensor:
    q, k, v = (layer(x).unflatten(-1, [HEADS, PER_HEAD]).transpose(1, 2) for layer in (s.q, s.k, s.v))
    return fused(q, k, v).transpose(1, 2).flatten(2)


def packed(s: Any, x: Tensor) -> Tensor:
    lengths = torch.tensor([T, T // 2])
    return s.rnn(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))[1][0]


def padded_encoder(s: Any, x: Tensor) -> Tensor:
    return s.body(x, src_key_padding_mask=torch.arange(T) >= torch.tensor([[T // 2], [T]]))


def three(**more: Any) -> dict[str, Any]:
    return {"q": square(), "k": square(), "v": square(), **more}


def body(forward: Callable[..., Any], **children: Any) -> Callable[[], nn.Module]:
    """A factory of a module whose children are made anew each time."""
    return lambda: Calls(forward, **{name: make() for name, make in children.items()})


def attention_of(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], nn.Module]:
    return partial(attends, function)


conv = partial(partial, nn.Conv2d)
linear = partial(partial, nn.Linear)
parameter = partial(partial, weight)
SIDE = 8  # of images
PAPERS: dict[str, Entry] = {
    "attention divided afterwards": Entry(attention_of(divided_afterwards), tokens, QKV + B * T * T * D),
    "attention by F.linear": Entry(
        body(lambda s, x: by_linear(*(each(x)[:, None] for each in (s.q, s.k, s.v))), q=square, k=square, v=square),
        tokens,
        QKV,
    ),
    "attention with rotary positions": Entry(
        attention_of(lambda q, k, v: fused(rotated(q), rotated(k), v, is_causal=True)), tokens, QKV
    ),
    "attention with linear biases": Entry(attention_of(with_linear_biases), tokens, QKV),
    "attention of many queries, one key head": Entry(
        attention_of(lambda q, k, v: fused(q, k[:, :1].expand_as(k), v[:, :1].expand_as(v))), tokens, QKV
    ),
    "linear attention": Entry(
        attention_of(without_softmax), tokens, 3 * LINEAR + 2 * B * T * D * PER_HEAD + B * T * HEADS * PER_HEAD
    ),
    "talking heads": Entry(
        body(talking_heads, pre=parameter(HEADS, HEADS), post=parameter(HEADS, HEADS), q=square, k=square, v=square),
        tokens,
        QKV + SCALARS,
    ),
    "shifted windows": Entry(
        body(lambda s, x: s.attend(*3 * [in_windows(x, 1)])[0], attend=multi_head),
        tokens,
        4 * B * 16 * D * D + 2 * B * 16 * 4 * D,
    ),
    "axial attention": Entry(
        lambda: Calls(axial, rows=attends(fused), columns=attends(fused)),
        lambda: images(D, 4),
        2 * (3 * B * 16 * D * D + 2 * B * 16 * 4 * D),
    ),
    "induced set attention": Entry(
        body(induced, points=parameter(1, 3, D), into=multi_head, out=multi_head),
        tokens,
        2 * (2 * B * 3 * D * D + 2 * LINEAR + 2 * B * 3 * T * D),
    ),
    "slot attention": Entry(
        body(slots, start=parameter(1, 3, D), cell=partial(nn.GRUCell, D, D), q=square, k=square, v=square),
        tokens,
        SLOTS,
    ),
    "graph attention": Entry(
        body(graph_attention, into=square, left=linear(D, 1), right=linear(D, 1)),
        tokens,
        LINEAR + 2 * B * T * D + B * T * T * D,
    ),
    "attention pooling": Entry(
        body(lambda s, x: (s.score(x).softmax(1) * s.v(x)).sum(1), score=linear(D, 1), v=square),
        tokens,
        LINEAR + B * T * D,
    ),
    "an encoder with padding": Entry(
        lambda: Calls(padded_encoder, body=nn.TransformerEncoder(encoder_layer(), 1)), tokens, ENCODER
    ),
    "MultiheadAttention, checkpointed": Entry(
        body(
            lambda s, x: checkpoint(lambda y: s.attend(y, y, y)[0], x, use_reentrant=False),
            attend=multi_head,
        ),
        tokens,
        4 * LINEAR + ATTENTION,
    ),
    "nested tensors": Entry(lambda: nn.Sequential(square(), nn.ReLU(), square()), nested, 2 * 12 * D * D),
    "attention of nested tensors": Entry(
        body(nested_attention, q=square, k=square, v=square), nested, 3 * 12 * D * D + 2 * (5 * 5 + 7 * 7) * D
    ),
    "mixture of experts, two of four": Entry(
        lambda: Calls(experts, gate=nn.Linear(D, EXPERTS), experts=nn.ModuleList(square() for _ in range(EXPERTS))),
        tokens,
        2 * LINEAR + B * T * D * EXPERTS,
    ),
    "mixture of experts, grouped": Entry(body(grouped_experts, experts=parameter(EXPERTS, D, D)), tokens, LINEAR),
    "mixture of experts, all": Entry(
        lambda: Calls(
            lambda s, x: torch.einsum("bte,ebtd->btd", s.gate(x).softmax(-1), torch.stack([e(x) for e in s.experts])),
            gate=nn.Linear(D, EXPERTS),
            experts=nn.ModuleList(square() for _ in range(EXPERTS)),
        ),
        tokens,
        EXPERTS * LINEAR + 2 * B * T * D * EXPERTS,
    ),
    "squeeze and excite": Entry(
        body(
            lambda s, x: x * s.up(F.relu(s.down(x.mean((2, 3), keepdim=True)))).sigmoid(),
            down=conv(32, 8, 1),
            up=conv(8, 32, 1),
        ),
        lambda: images(32),
        2 * B * 32 * 8,
    ),
    "feature-wise modulation": Entry(
        body(
            lambda s, x, c: s.conv(x) * s.scale(c)[..., None, None] + s.shift(c)[..., None, None],
            conv=conv(3, 16, 3),
            scale=linear(D, 16),
            shift=linear(D, 16),
        ),
        lambda: (images(), vectors()),
        B * 36 * 16 * 27 + 2 * B * D * 16,
    ),
    "a network that makes weights": Entry(
        body(lambda s, x: F.linear(x, s.maker(s.code).view(D, D)), maker=linear(HIDDEN, D * D), code=parameter(HIDDEN)),
        tokens,
        LINEAR + HIDDEN * D * D,
    ),
    "low-rank adapter": Entry(lora, tokens, LINEAR + 2 * B * T * D * 2),
    "spectral norm": Entry(lambda: nn.Sequential(parametrizations.spectral_norm(square())), tokens, LINEAR + D * D + D),
    "functional call, three at once": Entry(
        body(by_each_of_three, weights=parameter(3, D, D), body=linear(D, D, bias=False)), tokens, 3 * LINEAR
    ),
    "a convolution of its own for each example": Entry(
        body(convolution_of_its_own, router=linear(3, 2), kernels=parameter(2, 16, 3, 3, 3)),
        images,
        B * 36 * 16 * 27 + B * 3 * 2 + B * 2 * 16 * 27,
    ),
    "U-net": Entry(
        body(
            u_net,
            down=conv(3, 16, 3, padding=1),
            up=partial(nn.ConvTranspose2d, 16, 16, 2, 2),
            out=conv(32, 8, 1),
        ),
        images,
        B * 64 * 16 * 27 + B * 16 * 16 * 16 * 4 + B * 64 * 8 * 32,
    ),
    "circular padding": Entry(
        lambda: nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular") for _ in range(2))),
        lambda: images(8),
        2 * B * 64 * 8 * 72,
    ),
    "pixel shuffle": Entry(
        lambda: nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(8, 8, 1)),
        lambda: images(8),
        B * 64 * 32 * 72 + B * 256 * 8 * 8,
    ),
    "Fourier neural operator": Entry(
        lambda: Calls(
            fourier,
            inside=nn.Conv2d(3, 16, 1),
            beside=nn.Conv2d(16, 16, 1),
            modes=nn.Parameter(torch.randn(16, 16, MODES, MODES, dtype=torch.cfloat)),
        ),
        images,
        2 * B * 64 * 3 * 16 + B * 64 * 16 * 16 + B * MODES * MODES * 16 * 16,
    ),
    "graph convolution, sparse": Entry(
        lambda: Graph(ring().to_sparse()), lambda: torch.randn(NODES, D), NODES * D * (D + 2)
    ),
    "graph convolution, compressed": Entry(
        lambda: Graph(ring().to_sparse_csr()), lambda: torch.randn(NODES, D), NODES * D * (D + 2)
    ),
    "selective scan": Entry(
        body(
            selective_scan,
            near=partial(nn.Conv1d, D, D, 3, groups=D, padding=2),
            projections=linear(D, 2 * HIDDEN),
            decay=parameter(D, HIDDEN),
        ),
        tokens,
        B * (T + 2) * D * 3 + B * T * D * 2 * HIDDEN + B * T * D * HIDDEN,
    ),
    "LSTM with a projection": Entry(
        lambda: nn.LSTM(D, H, proj_size=32, batch_first=True), tokens, B * T * (4 * H * (D + 32) + H * 32)
    ),
    "LSTM on packed sequences": Entry(
        body(packed, rnn=partial(nn.LSTM, D, H, batch_first=True)), tokens, recurrent(4) * 3 // 4
    ),
    "EmbeddingBag": Entry(
        lambda: nn.Sequential(nn.EmbeddingBag(10, D), square()), lambda: torch.randint(0, 10, (B, T)), B * D * D
    ),
    "a list of parameters": Entry(
        lambda: Calls(lambda s, x: (x @ s.w[0]).tanh() @ s.w[1], w=nn.ParameterList(weight(D, D) for _ in range(2))),
        tokens,
        MLP,
    ),
    "an autograd Function": Entry(body(lambda s, x: Product.apply(x, s.w), w=parameter(D, D)), vectors, B * D * D),
    "a gradient on the way": Entry(body(lambda s, x: slope(s.layer, x), layer=square), tokens, 2 * LINEAR),
    "a gradient on the way, by torch.func": Entry(
        body(lambda s, x: torch.func.grad(lambda y: s.layer(y).tanh().sum())(x), layer=square), tokens, 2 * LINEAR
    ),
    "all of it under no_grad": Entry(body(lambda s, x: torch.no_grad()(s.layer)(x), layer=square), tokens, LINEAR),
    "traced": Entry(lambda: torch.jit.trace(nn.Sequential(square(), nn.ReLU(), square()), tokens()), tokens, MLP),
    "a graph by torch.fx": Entry(
        lambda: torch.fx.symbolic_trace(nn.Sequential(square(), nn.ReLU(), square())), tokens, MLP
    ),
    "DataParallel": Entry(lambda: nn.DataParallel(nn.Sequential(square(), square())), tokens, MLP),
}
