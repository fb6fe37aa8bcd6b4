"""The old network of the design document: three convolutions, a flatten, and one huge linear layer. 6,763,387."""

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.blocks import (
    FULL,
    FUSED_FEATURES,
    STATS_FEATURES,
    ConvBlock,
    check_observation,
    initialise,
    make_actor,
    make_critic,
    make_global_branch,
    open_door,
)
from territory.world.layout import NUM_PLANES

SIDE = 128  # tiles; the flatten ties the weights to one map size
FLAT = 64 * 14 * 14  # channels x cells after the third convolution = 12,544
MAP_FEATURES = 512


class FlattenMapBranch(nn.Module):
    """Map ``(B, 5, 128, 128)``, bytes 0..255 or floats in [0, 1], to features ``(B, 512)``.

    One weight per feature, channel and cell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            ConvBlock(NUM_PLANES, 32, kernel=8, stride=4, padding=2, divisor=FULL),  # (B, 32, 32, 32)
            ConvBlock(32, 64, kernel=4, stride=2, padding=1),  # (B, 64, 16, 16)
            ConvBlock(64, 64, kernel=3, stride=1),  # (B, 64, 14, 14)
        )
        self.to_features = nn.Linear(FLAT, MAP_FEATURES)

    def forward(self, planes: Tensor) -> Tensor:
        cells = self.blocks(planes)  # (B, 64, 14, 14)
        return torch.relu(self.to_features(cells.flatten(1)))  # (B, 12544) -> (B, 512)


class Baseline(nn.Module):
    """Map ``(B, 5, 128, 128)`` uint8 and statistics ``(B, 16)`` to logits ``(B, 90)`` and value ``(B,)``."""

    name = "baseline"

    def __init__(self) -> None:
        super().__init__()
        self.options: dict[str, object] = {}
        self.map_branch = FlattenMapBranch()
        self.global_branch = make_global_branch()
        self.fusion = nn.Linear(MAP_FEATURES + STATS_FEATURES, FUSED_FEATURES)  # 640 -> 256
        self.actor = make_actor()
        self.critic = make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        check_observation(obs_map, obs_global)
        if obs_map.shape[2:] != (SIDE, SIDE):
            raise BadInput(
                f"baseline: expected a map of {SIDE}x{SIDE}; got {obs_map.shape[2]}x{obs_map.shape[3]}. "
                "Its flatten layer has one weight per cell; for other sizes use 'attention'."
            )
        map_features = self.map_branch(open_door(obs_map))  # (B, 512)
        stats_features = self.global_branch(obs_global)  # (B, 128)
        fused = torch.relu(self.fusion(torch.cat([map_features, stats_features], dim=1)))  # (B, 640) -> (B, 256)
        return self.actor(fused), self.critic(fused).squeeze(1)
