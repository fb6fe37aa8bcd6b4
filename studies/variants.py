"""`tokens` with one of its choices taken back or made otherwise: what each of them is worth.

``variant(name)`` builds the pretrained architecture, then makes one change to it. The package needs none of it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from territory.models.blocks import FUSED_FEATURES, ConvBlock, initialise, make_norm
from territory.models.tokens import STEM, STEM_CHANNELS, STRIDE, WIDTH, MapTokens, StatTokens, Tokens, TwoWayAttention
from territory.models.tokens import positions as places
from territory.world.layout import NUM_PLANES, NUM_STATS

SHIPPED = "tokens as it is"
Change = Callable[[Any], None]  # changes a `Tokens` in place, in ways that it does not declare


def variant(name: str) -> Tokens:
    """A freshly initialised network of that name out of `VARIANTS`; ``torch.manual_seed`` decides its weights."""
    model = Tokens()
    VARIANTS[name](model)
    return model


def _begin_again(model: Any) -> None:
    """First weights as `Tokens` makes them, after layers were exchanged."""
    initialise(model)
    model.cross_attention.start_quietly()


class Nothing(nn.Module):
    """Adds nothing to what it is added to."""

    def forward(self, asked: Tensor, *_: Tensor) -> Tensor:
        return torch.zeros_like(asked)


class EvenWeights(nn.Module):
    """Every key the same share, whatever is asked: attention that doesn't choose."""

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        return q.new_full((*q.shape[:-1], k.shape[-2]), 1 / k.shape[-2])


class MeanReadout(nn.Module):
    """The statistics' tokens ``(B, 16 x 64)`` averaged before they are read: ``(B, 256)``."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, FUSED_FEATURES)

    def forward(self, joined: Tensor) -> Tensor:
        return self.linear(joined.unflatten(1, (NUM_STATS, WIDTH)).mean(dim=1))


class Placeless(MapTokens):
    """Map tokens that don't know where they lie."""

    def forward(self, planes: Tensor) -> Tensor:
        rows, columns = planes.shape[2] // STRIDE, planes.shape[3] // STRIDE
        return super().forward(planes) - places(rows, columns, planes.device)


class Scaled(nn.Module):
    """Planes 0..255 to [0, 1], for a stem whose norm doesn't do it."""

    def forward(self, planes: Tensor) -> Tensor:
        return planes / 255


def _stem(kernel: int, stride: int, channels: int, padding: int = 0, tile: int = STRIDE) -> Change:
    """A first convolution of other sizes, and a second one that still makes tokens of ``tile`` x ``tile`` tiles."""

    def change(model: Any) -> None:
        norm, merged = make_norm("group", channels), tile // stride
        model.map_branch.stem = ConvBlock(NUM_PLANES, channels, kernel, stride, padding, norm, divisor=1)
        model.map_branch.patches = ConvBlock(channels, WIDTH, merged, merged)
        _begin_again(model)

    return change


def _width(width: int) -> Change:
    def change(model: Any) -> None:
        model.map_branch, model.global_branch = MapTokens("group", width), StatTokens(width)
        model.cross_attention = TwoWayAttention(2, width)
        model.fusion = nn.Linear(NUM_STATS * width, FUSED_FEATURES)
        _begin_again(model)

    return change


def _heads(heads: int) -> Change:
    def change(model: Any) -> None:
        model.cross_attention.map_to_stats.heads = model.cross_attention.stats_to_map.heads = heads

    return change


def _without(part: str) -> Change:
    return lambda model: setattr(model.cross_attention, part, Nothing())


def _mean_readout(model: Any) -> None:
    model.fusion = MeanReadout()
    _begin_again(model)


def _no_positions(model: Any) -> None:
    model.map_branch = Placeless("group")
    _begin_again(model)


def _no_layer_norms(model: Any) -> None:
    model.map_branch.norm = nn.Identity()
    for name in ("norm_stats", "norm_cells", "norm_out"):
        setattr(model.cross_attention, name, nn.Identity())


def _no_stem_norm(model: Any) -> None:
    model.map_branch.stem.norm = nn.Identity()
    model.map_branch.stem = nn.Sequential(Scaled(), model.map_branch.stem)


def _batch_norm(model: Any) -> None:
    model.map_branch.stem.norm = make_norm("batch", STEM_CHANNELS)


def _even_weights(model: Any) -> None:
    for attention in (model.cross_attention.map_to_stats, model.cross_attention.stats_to_map):
        attention.weights, attention.fused = EvenWeights(), False


VARIANTS: dict[str, Change] = {
    SHIPPED: lambda model: None,
    "stem 4x4 of 24": _stem(4, 4, 24),
    "stem 16x16 of 64": _stem(16, 16, 64),
    "stem overlapping": _stem(8, 4, STEM_CHANNELS, padding=2),  # as in `attention`
    "16 channels": _stem(STEM, STEM, 16),
    "64 channels": _stem(STEM, STEM, 64),
    "tokens of 8x8 tiles": _stem(STEM, STEM, STEM_CHANNELS, tile=8),
    "tokens of 32x32 tiles": _stem(STEM, STEM, STEM_CHANNELS, tile=32),
    "width 32": _width(32),
    "width 128": _width(128),
    "one head": _heads(1),
    "four heads": _heads(4),
    "statistics attend only": _without("map_to_stats"),
    "uniform attention": _even_weights,
    "no feed-forward layer": _without("think"),
    "no positions": _no_positions,
    "mean readout": _mean_readout,
    "no layer norms": _no_layer_norms,
    "large residual init": initialise,
    "no stem norm": _no_stem_norm,
    "batch norm": _batch_norm,
}
