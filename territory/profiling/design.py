"""Networks to think with: change a size, see what it costs, build nothing."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from territory.errors import BadInput, lists, one_of, shown, whole
from territory.models.blocks import (
    FULL,
    FUSED_FEATURES,
    STATS_FEATURES,
    ConvBlock,
    make_actor,
    make_critic,
    make_global_branch,
    open_door,
)
from territory.profiling.inputs import example_inputs
from territory.world.layout import NUM_PLANES

READINGS = ("flatten", "mean")
POOLINGS = {"none": nn.Identity, "max": nn.MaxPool2d, "average": nn.AvgPool2d}
POOL = 2  # cells per side of a pooling window, and its stride
SIDE = 128  # tiles
Sizes = tuple[int, int, int]  # of the three convolutions


@dataclass(frozen=True)
class NetworkDesign:
    """The sizes of a network like `baseline`; as they stand here, they are its own.

    Padding follows both networks of the document: half of what a kernel reaches over its stride for conv 1 and conv 2,
    none for conv 3. Raises BadInput for sizes below 1, an unknown pooling or reading, a kernel smaller than its stride,
    or a grid too small for the next kernel.
    """

    channels: Sizes = (32, 64, 64)  # out of each convolution
    kernels: Sizes = (8, 4, 3)
    strides: Sizes = (4, 2, 1)
    pooling: str = "none"  # of 2x2 cells behind conv 1: "none", "max" or "average"
    reading: str = "flatten"  # how the last grid becomes a vector: "flatten", or "mean" over its cells
    features: int = 512  # of the map branch

    def __post_init__(self) -> None:
        one_of("pooling", self.pooling, POOLINGS)
        one_of("reading", self.reading, READINGS)
        whole("features", self.features, 1)
        for name in ("channels", "kernels", "strides"):
            if not lists(sizes := getattr(self, name), 3):
                raise BadInput(f"expected {name} of three convolutions; got {shown(sizes)}")
            for size in sizes:
                whole(f"each of {name}", size, 1)
        for number, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True), 1):
            if kernel < stride:
                raise BadInput(
                    f"conv {number} steps {stride} cells with a kernel of {kernel}: what lies between would never be "
                    "seen. Make its kernel larger or its stride smaller."
                )
        for number, (side, kernel) in enumerate(zip(self.sides, self.kernels, strict=True), 1):
            if side < 1:
                raise BadInput(
                    f"conv {number} has a window of {kernel}x{kernel} cells, but finds a smaller grid. "
                    "Make a stride before it smaller, or do without pooling."
                )

    @property
    def convolutions(self) -> list[dict[str, int]]:
        """Kernel, stride and padding of each convolution."""
        sizes = zip(self.kernels, self.strides, (True, True, False), strict=True)
        return [{"kernel": k, "stride": s, "padding": (k - s) // 2 if padded else 0} for k, s, padded in sizes]

    @property
    def cells(self) -> int:
        """Side of the last grid."""
        return self.sides[-1]

    @property
    def sides(self) -> list[int]:
        """Side of the grid that each convolution writes, as far as there is one; pooling follows the first."""
        sides, side = [], SIDE
        for conv in self.convolutions:
            side = (side + 2 * conv["padding"] - conv["kernel"]) // conv["stride"] + 1
            sides.append(side)
            if len(sides) == 1 and self.pooling != "none":
                side //= POOL
        return sides


class DesignedNetwork(nn.Module):
    """What a design describes: the parts of `baseline` with other sizes. Same inputs, same outputs, no training."""

    def __init__(self, design: NetworkDesign):
        super().__init__()
        self.design = design
        sizes: Any = zip((NUM_PLANES, *design.channels), design.channels, design.convolutions, strict=False)
        self.map_branch: Any = nn.Module()
        divisors = (FULL, None, None)  # the first block reads the map
        blocks = [ConvBlock(*ends, **conv, divisor=by) for (*ends, conv), by in zip(sizes, divisors, strict=True)]
        self.map_branch.blocks = nn.Sequential(*blocks)
        self.map_branch.pool = POOLINGS[design.pooling](POOL)  # whose size an Identity leaves unread
        cells = design.cells**2 if design.reading == "flatten" else 1
        self.map_branch.to_features = nn.Linear(design.channels[-1] * cells, design.features)
        self.global_branch = make_global_branch()
        self.fusion = nn.Linear(design.features + STATS_FEATURES, FUSED_FEATURES)
        self.actor = make_actor()
        self.critic = make_critic()

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        first, *others = self.map_branch.blocks
        grid = self.map_branch.pool(first(open_door(obs_map)))
        for block in others:
            grid = block(grid)  # at last (B, C, cells, cells)
        vector = grid.flatten(1) if self.design.reading == "flatten" else grid.mean(dim=(2, 3))
        map_features = torch.relu(self.map_branch.to_features(vector))
        fused = torch.relu(self.fusion(torch.cat([map_features, self.global_branch(obs_global)], dim=1)))
        return self.actor(fused), self.critic(fused).squeeze(1)


def build_design(design: NetworkDesign) -> nn.Module:
    """The network itself, with weights, on the CPU: ready to be timed."""
    return DesignedNetwork(design)


def draft(design: NetworkDesign) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """The network and an observation for it, both without memory: ready for the parameter and MAC tables."""
    with torch.device("meta"):
        network = DesignedNetwork(design)
    return network, example_inputs(device="meta")
