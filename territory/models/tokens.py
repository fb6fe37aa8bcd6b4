"""The repair: two sets of tokens that ask each other, positions kept.

Where `attention` has one map vector and one statistics vector, so that each can only attend to the other, here every
cell of the map is a token with its position and every statistic a token of its own. Attention runs both ways: cells
ask the statistics, then each statistic asks the cells. What the statistics gathered is read out one by one, so that
nothing is averaged away.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from territory.models.blocks import (
    FUSED_FEATURES,
    ConvBlock,
    check_observation,
    check_sides,
    initialise,
    make_actor,
    make_critic,
    make_norm,
    mlp,
)
from territory.models.cross_attention import CrossAttention
from territory.world.layout import NUM_PLANES, NUM_STATS

STRIDE = 16  # tiles per side of one map token
STEM = 8  # tiles per side of what the first convolution looks at
STEM_CHANNELS = 32
WIDTH = 64  # features of a token
FINEST = 3  # octaves from the longest wave, twice the map, to the shortest, two cells of 16
QUIET = 0.1  # gain of what is added to a token at first: below 1, so that training starts from the tokens themselves


class MapTokens(nn.Module):
    """Map in 0..255 ``(B, 5, H, W)``, sides multiples of 16, to tokens ``(B, T, 64)``; written sizes: H = W = 128."""

    def __init__(self, norm: str, width: int = WIDTH):
        super().__init__()
        # 0..255 as they are: the norm takes any scale out again, so that nothing need be divided.
        self.stem = ConvBlock(
            NUM_PLANES, STEM_CHANNELS, kernel=STEM, stride=STEM, norm=make_norm(norm, STEM_CHANNELS), divisor=1
        )
        self.patches = ConvBlock(STEM_CHANNELS, width, kernel=STRIDE // STEM, stride=STRIDE // STEM)
        self.norm = nn.LayerNorm(width)

    def forward(self, planes: Tensor) -> Tensor:
        cells = self.patches(self.stem(planes))  # (B, 32, 16, 16) -> (B, 64, 8, 8)
        tokens = self.norm(cells.flatten(2).transpose(1, 2))  # (B, 64 cells, 64)
        return tokens + positions(cells.shape[2], cells.shape[3], cells.device, tokens.shape[2])


class StatTokens(nn.Module):
    """Statistics ``(B, 16)`` to tokens ``(B, 16, 64)``: each its value times a vector of its own, plus another."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.scale = nn.Parameter(torch.empty(NUM_STATS, width))
        self.name = nn.Parameter(torch.empty(NUM_STATS, width))
        nn.init.normal_(self.scale, std=0.5)
        nn.init.normal_(self.name, std=0.5)

    def forward(self, stats: Tensor) -> Tensor:
        return stats[:, :, None] * self.scale + self.name


class TwoWayAttention(nn.Module):
    """Cells ``(B, T, 64)`` ask the statistics ``(B, 16, 64)``, then each statistic asks the cells: ``(B, 16, 64)``."""

    def __init__(self, heads: int, width: int = WIDTH):
        super().__init__()
        self.norm_stats, self.norm_cells, self.norm_out = (nn.LayerNorm(width) for _ in range(3))
        self.map_to_stats = CrossAttention(width, width, width, heads, fused=True, key_bias=False)
        self.stats_to_map = CrossAttention(width, width, width, heads, fused=True, key_bias=False)
        self.think = nn.Sequential(*mlp(width, 2 * width, width))

    def forward(self, cells: Tensor, stats: Tensor) -> Tensor:
        asked = self.norm_stats(stats)
        cells = cells + self.map_to_stats(cells, asked)
        stats = stats + self.stats_to_map(asked, self.norm_cells(cells))
        return stats + self.think(self.norm_out(stats))

    def start_quietly(self) -> None:
        """Let the three additions begin small."""
        lasts: list[Any] = [self.map_to_stats.out, self.stats_to_map.out, self.think[-1]]
        for last in lasts:
            nn.init.orthogonal_(last.weight, gain=QUIET)


class Tokens(nn.Module):
    """Map ``(B, 5, H, W)`` uint8 and statistics ``(B, 16)`` to logits ``(B, 90)`` and value ``(B,)``.

    H and W are multiples of 16. ``norm``: of the first convolution, ``"group"`` or ``"batch"``; ``heads``: of both
    attentions. Neither changes the number of parameters.
    """

    name = "tokens"

    def __init__(self, norm: str = "group", heads: int = 2):
        super().__init__()
        self.options: dict[str, object] = {"norm": norm, "heads": heads}
        self.map_branch = MapTokens(norm)
        self.global_branch = StatTokens()
        self.cross_attention = TwoWayAttention(heads)
        self.fusion = nn.Linear(NUM_STATS * WIDTH, FUSED_FEATURES)  # 1024 -> 256
        self.actor = make_actor()
        self.critic = make_critic()
        initialise(self)
        self.cross_attention.start_quietly()

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        check_observation(obs_map, obs_global)
        check_sides("tokens", obs_map, STRIDE, "token")
        cells = self.map_branch(obs_map)  # (B, 64, 64)
        stats = self.cross_attention(cells, self.global_branch(obs_global))  # (B, 16, 64)
        fused = torch.relu(self.fusion(stats.flatten(1)))  # (B, 256)
        return self.actor(fused), self.critic(fused).squeeze(1)


def positions(rows: int, columns: int, device: torch.device, width: int = WIDTH) -> Tensor:
    """Where each of T = rows x columns cells lies, ``(T, width)``: sines and cosines of its place from -1 to 1.

    The scheme of Vaswani et al. 2017 (section 3.5) in two dimensions, over the map's extent rather than its cells,
    so that maps of other sizes have the same north and south.
    """
    waves = math.pi / 2 * 2.0 ** torch.linspace(0, FINEST, width // 4, device=device)
    down = torch.linspace(-1, 1, rows, device=device)[:, None] * waves  # (rows, 16)
    across = torch.linspace(-1, 1, columns, device=device)[:, None] * waves  # (columns, 16)
    along_rows = torch.cat([down.sin(), down.cos()], dim=1)[:, None].expand(-1, columns, -1)
    along_columns = torch.cat([across.sin(), across.cos()], dim=1)[None].expand(rows, -1, -1)
    return torch.cat([along_rows, along_columns], dim=2).flatten(0, 1)
