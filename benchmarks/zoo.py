"""Networks of every kind on which multiply-accumulates can be counted by hand: torch's own, hand-written, and others'.

Each has a factory, its inputs and its forward MACs from a closed form; None where torch's own counter must do. Layers
are wide enough for a bias to be little beside its products.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint


class Entry(NamedTuple):
    make: Callable[[], Any]  # a module; what `torch.compile` gives has another static type
    inputs: Callable[[], Any]
    macs: int | None  # forward, by formula


B, T, D, H = 2, 24, 64, 48  # examples, tokens, features, of a recurrent state


def tokens(width: int = D) -> Tensor:
    return torch.randn(B, T, width)


def vectors(width: int = D) -> Tensor:
    return torch.randn(B, width)


def images(channels: int = 3, side: int = 8) -> Tensor:
    return torch.randn(B, channels, side, side)


LINEAR = B * T * D * D  # one square layer on all tokens
ATTENTION = 2 * B * T * T * D  # scores and weighted sum


class Calls(nn.Module):
    """A module with a forward that is written in one line."""

    def __init__(self, forward: Callable[..., Any], **children: Any):
        super().__init__()
        self._forward = forward
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._forward(self, *args, **kwargs)


def weight(*sizes: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*sizes))


def square() -> nn.Linear:
    return nn.Linear(D, D)


def heads(x: Tensor) -> Tensor:
    return x.unflatten(-1, (2, -1)).transpose(1, 2)


def attends(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> nn.Module:
    """Three linear layers and a function of queries, keys and values."""
    return Calls(lambda s, x: function(heads(s.q(x)), heads(s.k(x)), heads(s.v(x))), q=square(), k=square(), v=square())


def fused(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, **options)


def flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return fused(q, k, v)


@dataclass
class Output:
    logits: Tensor
    steps: int = 3


class Remembers(nn.Module):
    """Keeps its attention, counts its calls, and grows a list."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.last, self.calls, self.seen = square(), None, 0, []

    def forward(self, x: Tensor) -> Tensor:
        self.last = (self.q(x) @ x.mT).softmax(-1)
        self.calls += 1
        self.seen.append(self.last)
        return self.last @ x


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(10, D), nn.Linear(D, 10, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(self.embed(ids))


class SelfNamed(nn.Module):
    """A parameter of its own beside a child whose path has the same name."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.scale = Calls(lambda s, x: s.model(x) * s.scale, model=square(), scale=weight(D)), weight(D)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) + self.scale


def frozen(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False)


def compiled_in_place() -> nn.Module:
    model = nn.Sequential(square(), nn.ReLU(), square())
    model.compile(backend="eager")
    return model


def in_complex() -> Tensor:
    return tokens().to(torch.complex64)


def encoder_layer(**options: Any) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(D, 2, 2 * D, batch_first=True, **options)


def recurrent(gates: int, hidden: int = H, directions: int = 1) -> int:
    return directions * B * T * gates * hidden * (D + hidden)


MLP = B * T * 2 * D * D
ENCODER = 4 * LINEAR + ATTENTION + 4 * B * T * D * D  # q, k, v, out; attention; two linears
DECODER = 8 * LINEAR + 2 * ATTENTION + 4 * B * T * D * D
ZOO: dict[str, Entry] = {
    "Linear": Entry(square, tokens, LINEAR),
    "Linear on one vector": Entry(square, lambda: torch.randn(D), D * D),
    "Linear in bfloat16": Entry(lambda: square().bfloat16(), lambda: tokens().bfloat16(), LINEAR),
    "Linear in complex numbers": Entry(lambda: nn.Linear(D, D, dtype=torch.complex64), in_complex, LINEAR),
    "Linear, frozen": Entry(lambda: frozen(square()), tokens, LINEAR),
    "Linear on meta": Entry(lambda: nn.Linear(D, D, device="meta"), lambda: tokens().to("meta"), LINEAR),
    "Conv1d in groups": Entry(
        lambda: nn.Conv1d(32, 48, 3, groups=2), lambda: torch.randn(B, 32, 10), B * 8 * 48 * 16 * 3
    ),
    "Conv2d": Entry(lambda: nn.Conv2d(3, 4, 3), images, B * 36 * 4 * 27),
    "Conv2d, strided and dilated": Entry(lambda: nn.Conv2d(3, 4, 3, stride=2, dilation=2), images, B * 4 * 4 * 27),
    "Conv2d, depthwise": Entry(lambda: nn.Conv2d(3, 3, 3, padding=1, groups=3), images, B * 64 * 3 * 9),
    "Conv3d": Entry(lambda: nn.Conv3d(8, 3, 2), lambda: torch.randn(B, 8, 4, 4, 4), B * 27 * 3 * 64),
    "ConvTranspose1d": Entry(lambda: nn.ConvTranspose1d(32, 6, 3), lambda: torch.randn(B, 32, 5), B * 5 * 32 * 6 * 3),
    "ConvTranspose2d": Entry(lambda: nn.ConvTranspose2d(32, 4, 3, stride=2), lambda: images(32), B * 64 * 32 * 4 * 9),
    "ConvTranspose3d": Entry(
        lambda: nn.ConvTranspose3d(16, 3, 2), lambda: torch.randn(B, 16, 3, 3, 3), B * 27 * 16 * 3 * 8
    ),
    "Bilinear": Entry(lambda: nn.Bilinear(8, 9, 5), lambda: (torch.randn(B, 8), torch.randn(B, 9)), B * 5 * 8 * 9),
    "Embedding and Linear": Entry(
        lambda: nn.Sequential(nn.Embedding(10, D), square()), lambda: torch.randint(0, 10, (B, T)), LINEAR
    ),
    "Embedding with sparse gradients": Entry(
        lambda: nn.Sequential(nn.Embedding(10, D, sparse=True), square()), lambda: torch.randint(0, 10, (B, T)), LINEAR
    ),
    "RNN": Entry(lambda: nn.RNN(D, H, batch_first=True), tokens, recurrent(1)),
    "LSTM": Entry(lambda: nn.LSTM(D, H, batch_first=True), tokens, recurrent(4)),
    "LSTM, both ways": Entry(
        lambda: nn.LSTM(D, H, batch_first=True, bidirectional=True), tokens, recurrent(4, directions=2)
    ),
    "GRU": Entry(lambda: nn.GRU(D, H, batch_first=True), tokens, recurrent(3)),
    "LSTMCell": Entry(lambda: nn.LSTMCell(D, H), vectors, B * 4 * H * (D + H)),
    "GRUCell": Entry(lambda: nn.GRUCell(D, H), vectors, B * 3 * H * (D + H)),
    "MultiheadAttention": Entry(
        lambda: Calls(lambda s, x: s.attend(x, x, x)[0], attend=nn.MultiheadAttention(D, 2, batch_first=True)),
        tokens,
        4 * LINEAR + ATTENTION,
    ),
    "MultiheadAttention without weights": Entry(
        lambda: Calls(
            lambda s, x: s.attend(x, x, x, need_weights=False)[0], attend=nn.MultiheadAttention(D, 2, batch_first=True)
        ),
        tokens,
        4 * LINEAR + ATTENTION,
    ),
    "MultiheadAttention on a learned query": Entry(
        lambda: Calls(
            lambda s, x: s.attend(s.query.expand(B, -1, -1), x, x)[0],
            attend=nn.MultiheadAttention(D, 2, batch_first=True),
            query=weight(1, 3, D),
        ),
        tokens,
        2 * B * 3 * D * D + 2 * LINEAR + 2 * B * 3 * T * D,
    ),
    "TransformerEncoderLayer": Entry(encoder_layer, tokens, ENCODER),
    "TransformerEncoderLayer, norm first": Entry(lambda: encoder_layer(norm_first=True), tokens, ENCODER),
    "TransformerEncoder": Entry(lambda: nn.TransformerEncoder(encoder_layer(), 2), tokens, 2 * ENCODER),
    "TransformerDecoderLayer": Entry(
        lambda: nn.TransformerDecoderLayer(D, 2, 2 * D, batch_first=True), lambda: (tokens(), tokens()), DECODER
    ),
    "Transformer": Entry(
        lambda: nn.Transformer(D, 2, 1, 1, 2 * D, batch_first=True), lambda: (tokens(), tokens()), ENCODER + DECODER
    ),
    "attention, fused": Entry(lambda: attends(fused), tokens, 3 * LINEAR + ATTENTION),
    "attention, FLASH chosen": Entry(lambda: attends(flash), tokens, 3 * LINEAR + ATTENTION),
    "attention, causal": Entry(
        lambda: attends(lambda q, k, v: fused(q, k, v, is_causal=True)), tokens, 3 * LINEAR + ATTENTION
    ),
    "attention, grouped queries": Entry(
        lambda: attends(lambda q, k, v: fused(q, k[:, :1], v[:, :1], enable_gqa=True)), tokens, 3 * LINEAR + ATTENTION
    ),
    "attention by matmul": Entry(
        lambda: attends(lambda q, k, v: (q @ k.mT).softmax(-1) @ v), tokens, 3 * LINEAR + ATTENTION
    ),
    "attention by einsum": Entry(
        lambda: attends(
            lambda q, k, v: torch.einsum("bhqk,bhkd->bhqd", torch.einsum("bhqd,bhkd->bhqk", q, k).softmax(-1), v)
        ),
        tokens,
        3 * LINEAR + ATTENTION,
    ),
    "a matrix times a vector": Entry(lambda: Calls(lambda s, x: x[0] @ s.w, w=weight(D)), tokens, T * D),
    "a dot product": Entry(lambda: Calls(lambda s, x: torch.dot(x[0], s.w), w=weight(D)), vectors, D),
    "addmv": Entry(lambda: Calls(lambda s, x: torch.addmv(x[0, :, 0], x[0], s.w), w=weight(D)), tokens, T * D),
    "baddbmm": Entry(lambda: Calls(lambda s, x: torch.baddbmm(s.w, x, x.mT), w=weight(B, T, T)), tokens, B * T * T * D),
    "a sparse matrix": Entry(
        lambda: Calls(lambda s, x: torch.sparse.mm(torch.eye(B).to_sparse(), x * s.w), w=weight(D)), vectors, B * D
    ),
    "a learned query under a norm": Entry(
        lambda: Calls(lambda s, x: s.norm(s.query) @ x.mT, norm=nn.LayerNorm(D), query=weight(1, 3, D)),
        tokens,
        B * 3 * T * D,
    ),
    "functional layers": Entry(
        lambda: Calls(lambda s, x: F.linear(F.conv1d(x, s.c, padding=1), s.w), c=weight(T, T, 3), w=weight(D, D)),
        tokens,
        B * T * D * T * 3 + LINEAR,
    ),
    "a layer called by keyword": Entry(lambda: Calls(lambda s, x: s.fc(input=x), fc=square()), tokens, LINEAR),
    "a layer used three times": Entry(lambda: Calls(lambda s, x: s.fc(s.fc(s.fc(x))), fc=square()), tokens, 3 * LINEAR),
    "a forward that is called past its module": Entry(
        lambda: Calls(lambda s, x: s.fc.forward(x), fc=square()), tokens, LINEAR
    ),
    "tied embedding": Entry(Tied, lambda: torch.randint(0, 10, (B, T)), B * T * D * 10),
    "names that collide": Entry(SelfNamed, tokens, LINEAR),
    "a model that keeps its attention": Entry(Remembers, tokens, LINEAR + ATTENTION),
    "checkpointing": Entry(
        lambda: Calls(lambda s, x: checkpoint(s.body, x, use_reentrant=False), body=nn.Sequential(square(), square())),
        tokens,
        MLP,
    ),
    "checkpointing, reentrant": Entry(
        lambda: Calls(
            lambda s, x: checkpoint(s.body, s.first(x), use_reentrant=True),
            first=square(),
            body=nn.Sequential(square(), square()),
        ),
        tokens,
        3 * LINEAR,
    ),
    "weight norm": Entry(lambda: nn.Sequential(parametrizations.weight_norm(square())), tokens, LINEAR),
    "orthogonal weights": Entry(
        lambda: nn.Sequential(parametrizations.orthogonal(square(), orthogonal_map="householder")),
        tokens,
        LINEAR + D**3,  # the weight is itself a product
    ),
    "dataclass out": Entry(lambda: Calls(lambda s, x: Output(s.fc(x)), fc=square()), tokens, LINEAR),
    "dictionary in and out": Entry(
        lambda: Calls(lambda s, obs: {"out": [s.fc(obs["x"])]}, fc=square()), lambda: {"x": tokens()}, LINEAR
    ),
    "a distribution out": Entry(
        lambda: Calls(lambda s, x: torch.distributions.Normal(s.fc(x), 1.0), fc=square()), tokens, LINEAR
    ),
    "complex out": Entry(lambda: Calls(lambda s, x: torch.complex(s.fc(x), x), fc=square()), tokens, LINEAR),
    "half of it under no_grad": Entry(
        lambda: Calls(lambda s, x: s.b(torch.no_grad()(s.a)(x)), a=square(), b=square()), tokens, MLP
    ),
    "vmap": Entry(lambda: Calls(lambda s, x: torch.vmap(s.fc)(x), fc=square()), tokens, LINEAR),
    "compiled": Entry(lambda: torch.compile(nn.Sequential(square(), square()), backend="eager"), tokens, MLP),
    "compiled in place": Entry(compiled_in_place, tokens, MLP),
    "scripted": Entry(lambda: torch.jit.script(nn.Sequential(square(), nn.ReLU(), square())), tokens, MLP),
    "batch norm and running averages": Entry(
        lambda: nn.Sequential(nn.Conv2d(16, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        lambda: images(16),
        B * 36 * 4 * 16 * 9,
    ),
    "a residual block": Entry(
        lambda: Calls(
            lambda s, x: F.relu(x + s.body(x)),
            body=nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 1)),
        ),
        lambda: images(16),
        B * 64 * 16 * (16 * 9 + 16),
    ),
}


def _hugging_face(config: str, model: str, **sizes: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        transformers = importlib.import_module("transformers")
        return getattr(transformers, model)(getattr(transformers, config)(**sizes))

    return make


def _timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        return importlib.import_module("timm").create_model(name, pretrained=False, **options)

    return make


_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_VIT = 17 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * 17 * 17 * 32  # one block of 16 patches and a class token
OTHERS: dict[str, tuple[str, Entry]] = {  # by the library that they need
    "Hugging Face ViT": (
        "transformers",
        Entry(
            _hugging_face("ViTConfig", "ViTModel", image_size=32, patch_size=8, **_SMALL),
            lambda: torch.randn(1, 3, 32, 32),
            16 * 32 * 3 * 64 + 2 * _VIT + 32 * 32,
        ),
    ),
    "Hugging Face BERT": (
        "transformers",
        Entry(
            _hugging_face("BertConfig", "BertModel", vocab_size=50, **_SMALL),
            lambda: {"input_ids": torch.randint(0, 50, (1, 7))},
            2 * (7 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * 7 * 7 * 32) + 32 * 32,
        ),
    ),
    "Hugging Face GPT-2": (
        "transformers",
        Entry(
            _hugging_face(
                "GPT2Config", "GPT2LMHeadModel", vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=2
            ),
            lambda: {"input_ids": torch.randint(0, 50, (1, 7))},
            2 * (7 * (4 * 32 * 32 + 2 * 32 * 128) + 2 * 7 * 7 * 32) + 7 * 32 * 50,
        ),
    ),
    "timm ResNet": ("timm", Entry(_timm("resnet18"), lambda: torch.randn(1, 3, 64, 64), None)),
    "timm ViT": (
        "timm",
        Entry(
            _timm("vit_tiny_patch16_224", img_size=32, embed_dim=32, depth=2, num_heads=2),
            lambda: torch.randn(1, 3, 32, 32),
            None,
        ),
    ),
    "timm ConvNeXt": ("timm", Entry(_timm("convnext_atto"), lambda: torch.randn(1, 3, 64, 64), None)),
}


def installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
