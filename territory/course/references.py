"""Networks for the capstone to be put beside: two small ones that answer the same question in other ways.

Both take a map of 64 x 64 tiles, the world in which the capstone trains.
"""

import torch
from torch import Tensor, nn

from territory.models.blocks import initialise, make_actor, make_critic, mlp


class CoarseFlatten(nn.Module):
    """Two coarse convolutions and a flatten of 4 x 4 cells: positions kept, no attention; 200,939 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.map_branch = nn.Sequential(
            nn.Conv2d(5, 16, kernel_size=8, stride=8),  # (B, 16, 8, 8)
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=2, stride=2),  # (B, 32, 4, 4)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 128),
            nn.ReLU(),
        )
        self.global_branch = nn.Sequential(*mlp(16, 64), nn.ReLU())
        self.fusion = nn.Linear(128 + 64, 256)
        self.actor, self.critic = make_actor(), make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([self.map_branch(obs_map.float()), self.global_branch(obs_global)], dim=1)
        fused = torch.relu(self.fusion(joined))
        return self.actor(fused), self.critic(fused).squeeze(1)


class StatisticsOnly(nn.Module):
    """The sixteen statistics and nothing of the map: what can be learned without seeing."""

    def __init__(self) -> None:
        super().__init__()
        self.global_branch = nn.Sequential(*mlp(16, 256), nn.ReLU())
        self.actor, self.critic = make_actor(), make_critic()
        initialise(self)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        fused = self.global_branch(obs_global)
        return self.actor(fused), self.critic(fused).squeeze(1)
