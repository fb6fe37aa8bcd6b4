"""Networks to think with: change a size, see what it costs, build nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.blocks import (
    FUSED_FEATURES,
    STATS_FEATURES,
    ConvBlock,
    make_actor,
    make_critic,
    make_global_branch,
    scale_planes,
)
from territory.profiling.inputs import example_inputs
from territory.world.layout import NUM_PLANES

READINGS = ("flatten", "mean")
SIDE = 128  # tiles


@dataclass(frozen=True)
class NetworkDesign:
    """The sizes of a network like the old one; as they stand here, they are the old one's.

    Kernels follow the strides as in both networks of the document: conv 1 twice its stride, conv 2 four, conv 3 three.
    Raises BadInput for sizes below 1, an unknown reading, or strides that leave conv 3 no cell to stand on.
    """

    channels: tuple[int, int, int] = (32, 64, 64)  # out of each convolution
    strides: tuple[int, int, int] = (4, 2, 1)
    reading: str = "flatten"  # how the last grid becomes a vector: "flatten", or "mean" over its cells
    features: int = 512  # of the map branch

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise BadInput(f"expected a reading out of {', '.join(READINGS)}; came {self.reading!r}.")
        if min(*self.channels, *self.strides, self.features) < 1:
            raise BadInput(f"expected channels, strides and features of at least 1; came {self}.")
        if self.cells < 1:
            raise BadInput(
                f"conv 3 has a window of 3x3 cells, but strides {self.strides} leave it a smaller grid. "
                "Make a stride smaller."
            )

    @property
    def convolutions(self) -> list[dict[str, int]]:
        """Kernel, stride and padding of each convolution."""
        first, second, third = self.strides
        return [
            {"kernel": 2 * first, "stride": first, "padding": first // 2},
            {"kernel": 4, "stride": second, "padding": 1 if second < 4 else 0},
            {"kernel": 3, "stride": third, "padding": 0},
        ]

    @property
    def cells(self) -> int:
        """Side of the last grid; below 1 where there is none."""
        side = SIDE
        for conv in self.convolutions:
            side = (side + 2 * conv["padding"] - conv["kernel"]) // conv["stride"] + 1
        return side


class DesignedNetwork(nn.Module):
    """What a design describes: the old network's parts with other sizes. Same inputs, same outputs, no training."""

    def __init__(self, design: NetworkDesign):
        super().__init__()
        self.design = design
        sizes = zip((NUM_PLANES, *design.channels), design.channels, design.convolutions, strict=False)
        self.map_branch = nn.Module()
        self.map_branch.blocks = nn.Sequential(*(ConvBlock(c_in, c_out, **conv) for c_in, c_out, conv in sizes))
        cells = design.cells**2 if design.reading == "flatten" else 1
        self.map_branch.to_features = nn.Linear(design.channels[-1] * cells, design.features)
        self.global_branch = make_global_branch()
        self.fusion = nn.Linear(design.features + STATS_FEATURES, FUSED_FEATURES)
        self.actor = make_actor()
        self.critic = make_critic()

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        grid = self.map_branch.blocks(scale_planes(obs_map))  # (B, C, cells, cells)
        vector = grid.flatten(1) if self.design.reading == "flatten" else grid.mean(dim=(2, 3))
        map_features = torch.relu(self.map_branch.to_features(vector))
        fused = torch.relu(self.fusion(torch.cat([map_features, self.global_branch(obs_global)], dim=1)))
        return self.actor(fused), self.critic(fused).squeeze(1)


def draft(design: NetworkDesign) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """The network and an observation for it, both without memory: ready for the parameter and MAC tables."""
    with torch.device("meta"):
        network = DesignedNetwork(design)
    return network, example_inputs(device="meta")
