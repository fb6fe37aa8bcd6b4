"""The redesign of the design document: gates, a mean pool, cross-attention between two vectors. 517,982.

Rebuilt as it was drawn, faults included: with one map vector and one stats vector the cross-attention has a single
key, so its softmax is 1 whatever the input (notebook 03).
"""

import torch
from torch import Tensor, nn

from territory.models.blocks import (
    FULL,
    FUSED_FEATURES,
    STATS_FEATURES,
    ConvBlock,
    check_observation,
    check_sides,
    initialise,
    make_actor,
    make_critic,
    make_global_branch,
    make_norm,
    open_door,
)
from territory.models.cross_attention import CrossAttention
from territory.world.layout import NUM_PLANES

STRIDE = 32  # tiles per side of one cell of the last convolution
MAP_CHANNELS = 128
MAP_FEATURES = 256
CROSS_FEATURES = 128


class GatedMapBranch(nn.Module):
    """Map ``(B, 5, H, W)``, bytes 0..255 or floats in [0, 1], to features ``(B, 256)``.

    The sides are multiples of 32; sizes are written for H = W = 128.
    """

    def __init__(self, norm: str):
        super().__init__()
        self.blocks = nn.Sequential(
            ConvBlock(
                NUM_PLANES, 32, kernel=8, stride=4, padding=2, norm=make_norm(norm, 32), gated=True, divisor=FULL
            ),  # (B, 32, 32, 32)
            ConvBlock(32, 64, kernel=4, stride=4, norm=make_norm(norm, 64), gated=True),  # (B, 64, 8, 8)
            ConvBlock(
                64, MAP_CHANNELS, kernel=4, stride=2, padding=1, norm=make_norm(norm, MAP_CHANNELS), gated=True
            ),  # (B, 128, 4, 4)
        )
        self.to_features = nn.Linear(MAP_CHANNELS, MAP_FEATURES)

    def forward(self, planes: Tensor) -> Tensor:
        cells = self.blocks(planes)  # (B, 128, 4, 4)
        pooled = cells.mean(dim=(2, 3))  # (B, 128): where things are ends here
        return torch.relu(self.to_features(pooled))  # (B, 256)


class Attention(nn.Module):
    """Map ``(B, 5, H, W)`` uint8 and statistics ``(B, 16)`` to logits ``(B, 90)`` and value ``(B,)``.

    H and W are multiples of 32. ``norm``: ``"batch"`` as the document has it, or ``"group"``, which training uses;
    ``heads``: of the cross-attention. Neither changes the number of parameters.
    """

    name = "attention"

    def __init__(self, norm: str = "batch", heads: int = 1):
        super().__init__()
        self.options: dict[str, object] = {"norm": norm, "heads": heads}
        self.map_branch = GatedMapBranch(norm)
        self.global_branch = make_global_branch()
        self.cross_attention = CrossAttention(MAP_FEATURES, STATS_FEATURES, CROSS_FEATURES, heads)
        self.fusion = nn.Linear(MAP_FEATURES + STATS_FEATURES + CROSS_FEATURES, FUSED_FEATURES)  # 512 -> 256
        self.actor = make_actor()
        self.critic = make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        check_observation(obs_map, obs_global)
        check_sides("attention", obs_map, STRIDE, "cell of its last convolution")
        map_features = self.map_branch(open_door(obs_map))  # (B, 256)
        stats_features = self.global_branch(obs_global)  # (B, 128)
        cross = self.cross_attention(map_features[:, None], stats_features[:, None])[:, 0]  # Tq = Tk = 1: (B, 128)
        joined = torch.cat([map_features, stats_features, cross], dim=1)  # (B, 512)
        fused = torch.relu(self.fusion(joined))  # (B, 256)
        return self.actor(fused), self.critic(fused).squeeze(1)
