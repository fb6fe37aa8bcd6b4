"""The pieces that the networks share: convolution stages, the gate of spatial attention, small linear stacks."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from territory.errors import BadInput, one_of
from territory.models.map_conv import MapConv2d
from territory.models.one_pass import NormReluGate, fits, wanted, watched
from territory.world.actions import NUM_ACTIONS
from territory.world.layout import NUM_PLANES, NUM_STATS

NORMS = ("batch", "group")
GROUPS = 8  # of group norm; any number of groups has the same 2 parameters per channel as batch norm
STATS_FEATURES = 128  # what the global branch of every model gives
FULL = 255.0  # a byte of the map that stands for 1; a float, or torch before 2.13 writes no ONNX of a division by it
FUSED_FEATURES = 256  # what the two heads of every model read


def make_norm(kind: str, channels: int) -> nn.Module:
    """A norm over ``(B, channels, H, W)`` with 2 parameters per channel.

    ``"batch"`` measures each channel over the whole batch, so an example's output depends on its companions while
    training; ``"group"`` measures each example alone. Raises BadInput for any other kind.
    """
    return nn.BatchNorm2d(channels) if one_of("norm", kind, NORMS) == "batch" else nn.GroupNorm(GROUPS, channels)


class SpatialGate(nn.Module):
    """Spatial attention as the design document has it: one gate in (0, 1) per cell, shared by all channels.

    ``(B, C, H, W)`` to the same shape. The gates themselves, ``(B, 1, H, W)``, are the output of the submodule
    ``gate``, where a forward hook finds them. C + 1 parameters.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.score = nn.Conv2d(channels, 1, kernel_size=1)
        self.gate = nn.Sigmoid()

    def forward(self, features: Tensor) -> Tensor:
        return features * self.gate(self.score(features))


class ConvBlock(nn.Module):
    """Convolution, norm, ReLU, gate: ``(B, C_in, H, W)`` to ``(B, C_out, H', W')``; norm and gate may be absent.

    ``divisor`` is for a network's first block: it reads the map, and divides it by that where it comes in bytes.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        stride: int,
        padding: int = 0,
        norm: nn.Module | None = None,
        gated: bool = False,
        divisor: float | None = None,
    ):
        super().__init__()
        sizes = (channels_in, channels_out, kernel, stride, padding)
        self.conv = nn.Conv2d(*sizes) if divisor is None else MapConv2d(*sizes, divisor)
        self.norm = nn.Identity() if norm is None else norm
        self.relu = nn.ReLU()
        self.attention = SpatialGate(channels_out) if gated else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if not wanted():
            return self.attention(self.relu(self.norm(self.conv(x))))
        features = conv_of_windows(x, self.conv) if _touch(self.conv, x) else self.conv(x)
        layers: list[Any] = [self.norm, self.relu, *self.attention.modules()]
        if [type(layer) for layer in layers] not in IN_ONE_PASS or not fits(features, layers):
            return self.attention(self.relu(self.norm(features)))
        norm, gate = layers[0], layers[3:4]
        score = (gate[0].weight.flatten(), gate[0].bias) if gate else 2 * (norm.weight.new_empty(0),)
        return NormReluGate.apply(features, norm.weight, norm.bias, *score, norm.num_groups, norm.eps)


def _touch(conv: Any, x: Tensor) -> bool:
    """Whether windows touch and do not overlap, the channels of a cell lie side by side, and nobody is watching."""
    if type(conv) is not nn.Conv2d or conv.kernel_size != conv.stride or conv.padding != (0, 0) or watched([conv]):
        return False
    whole = not x.shape[2] % conv.stride[0] and not x.shape[3] % conv.stride[1]
    return whole and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)


def conv_of_windows(x: Tensor, conv: Any) -> Tensor:
    """A convolution whose square windows touch and do not overlap is a matrix product, and so are its gradients.

    torch's own gradients take up to twice as long. For channels that lie side by side.
    """
    side, (batch, channels, height, width) = conv.kernel_size[0], x.shape
    rows = x.permute(0, 2, 3, 1).reshape(batch, height // side, side, width // side, side, channels)
    rows = rows.transpose(2, 3).flatten(3)  # (B, H / side, W / side, side * side * C)
    return linear(rows, conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias).permute(0, 3, 1, 2)


IN_ONE_PASS = [nn.GroupNorm, nn.ReLU, nn.Identity], [nn.GroupNorm, nn.ReLU, SpatialGate, nn.Conv2d, nn.Sigmoid]


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def make_global_branch() -> nn.Sequential:
    """Statistics ``(B, 16)`` to features ``(B, 128)``."""
    return nn.Sequential(*mlp(NUM_STATS, STATS_FEATURES, STATS_FEATURES), nn.ReLU())


def make_actor() -> nn.Sequential:
    """Fused features ``(B, 256)`` to logits ``(B, 90)``."""
    return mlp(FUSED_FEATURES, 128, NUM_ACTIONS)


def make_critic() -> nn.Sequential:
    """Fused features ``(B, 256)`` to a value ``(B, 1)``."""
    return mlp(FUSED_FEATURES, 128, 1)


def initialise(model: Any) -> None:
    """Orthogonal weights and zero biases, the scheme of PPO's reference code (Engstrom et al. 2020, table 1).

    The actor's last layer starts a hundred times smaller, so that the first policy is near uniform; the critic's
    last layer at gain 1. ``model`` needs the parts ``actor`` and ``critic``.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.orthogonal_(model.actor[-1].weight, gain=0.01)
    nn.init.orthogonal_(model.critic[-1].weight, gain=1.0)


def open_door(obs_map: Tensor) -> Tensor:
    """A model's door: floats 0..255 become [0, 1]; bytes pass, `MapConv2d` divides them a few boards at a time."""
    return obs_map if obs_map.dtype == torch.uint8 else obs_map / FULL


def check_observation(obs_map: Tensor, obs_global: Tensor) -> None:
    """Raises BadInput unless the shapes are ``(B, 5, H, W)`` and ``(B, 16)``. Values are not looked at.

    A float map is let in, for gradients by pixel; it must hold 0..255 like the uint8 one.
    """
    for name, value in (("map", obs_map), ("global", obs_global)):
        if not isinstance(value, Tensor):
            raise BadInput(f"{name}: expected a torch tensor; got {type(value).__name__}. Use torch.from_numpy.")
    if obs_map.ndim != 4 or obs_map.shape[1] != NUM_PLANES:
        raise BadInput(
            f"map: expected (B, {NUM_PLANES}, H, W); got {tuple(obs_map.shape)}. "
            "Is the batch dimension missing (obs['map'][None]), or are the planes last?"
        )
    batch = obs_map.shape[0]  # len() would fix the batch of an exported network
    if obs_global.shape != (batch, NUM_STATS):
        raise BadInput(
            f"global: expected ({batch}, {NUM_STATS}) beside a map of batch {batch}; got {tuple(obs_global.shape)}. "
            "Do the two come from the same observation?"
        )


def check_sides(model: str, obs_map: Tensor, side: int, part: str) -> None:
    """Raises BadInput unless the map's sides are multiples of ``side``: tiles that each ``part`` of the model sees."""
    height, width = obs_map.shape[2:]
    if height % side or width % side or not height or not width:
        raise BadInput(
            f"{model}: expected map sides that are multiples of {side}; got {height}x{width}. "
            f"Each {part} stands for {side}x{side} tiles."
        )
