"""Which cells of the map does a decision rest on? Rival answers, all as grids of the same cells.

Attention is one answer. The others ask the network itself, about the log-probability of the action it prefers:

- occlusion: what is lost when a cell alone is removed (Zeiler & Fergus 2014);
- integrated gradients: the gradient summed on the way from the removed map to the map (Sundararajan et al. 2017);
- Grad-CAM: the last convolution's channels, weighted by their mean gradients, what is positive (Selvaraju et al. 2017);

all three by Captum. And two that don't look at the network at all: own land, and chance. Removed means here what a
background says, see `removal`. Maps are float64 (T, h, w), the larger the more relevant; a cell is 16 x 16 tiles.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from territory.errors import BadInput
from territory.interpret.capture import evaluation_mode
from territory.interpret.heads import attention_maps
from territory.interpret.places import own_land
from territory.interpret.removal import Background, vacated
from territory.interpret.replays import capture_frames, to_tensors
from territory.models.blocks import ConvBlock
from territory.world.layout import NUM_PLANES
from territory.world.replay import Frame

CELL = 16  # tiles per side: a token of `tokens`, a gate of the second layer of `attention`
PATH = 24  # points on the way of integrated gradients
TOGETHER = 64  # states that go through the network at once


def relevance_maps(
    model: nn.Module, frames: Sequence[Frame], background: Background = vacated, seed: int = 0
) -> dict[str, np.ndarray]:
    """Every answer by its name, the network's attentions first."""
    found = attention_relevance(model, frames)
    found["occlusion"] = occlusion(model, frames, background)
    found["integrated gradients"] = integrated_gradients(model, frames, background)
    found["grad-cam"] = grad_cam(model, frames)
    found["own land"] = to_cells(own_land(frames), frames)
    found["random"] = np.random.default_rng(seed).random(found["own land"].shape)
    return found


def attention_relevance(model: nn.Module, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """Each gate and each head that asks the map."""
    return {name: to_cells(grid, frames) for name, grid in attention_maps(capture_frames(model, frames)).items()}


def occlusion(model: nn.Module, frames: Sequence[Frame], background: Background = vacated) -> np.ndarray:
    """What the preferred action's log-probability loses without each cell."""
    from captum.attr import Occlusion  # here, since it brings matplotlib with it, which most callers never need

    window = (NUM_PLANES, CELL, CELL)
    options = {"sliding_window_shapes": window, "strides": window, "perturbations_per_eval": 4}
    lost = _attribute(model, frames, background, lambda score: Occlusion(score).attribute, options)
    return to_cells(lost[:, 0], frames)  # the same for every plane of a cell: they go together


def integrated_gradients(model: nn.Module, frames: Sequence[Frame], background: Background = vacated) -> np.ndarray:
    """Each cell's part of what lies between the map and the background, all planes and tiles of it together."""
    from captum.attr import IntegratedGradients

    options = {"n_steps": PATH, "internal_batch_size": TOGETHER}
    parts = _attribute(model, frames, background, lambda score: IntegratedGradients(score).attribute, options)
    return CELL * CELL * to_cells(parts.sum(axis=1), frames)


def grad_cam(model: nn.Module, frames: Sequence[Frame]) -> np.ndarray:
    """Where the last convolution speaks for the preferred action."""
    from captum.attr import LayerGradCam

    blocks = [module for module in model.modules() if isinstance(module, ConvBlock)]
    if not blocks:
        raise BadInput("Grad-CAM needs a ConvBlock to look at, and the network has none")
    with evaluation_mode(model):
        planes, *rest = _asked(model, frames)
        cam = LayerGradCam(_score(model), blocks[-1]).attribute(planes, additional_forward_args=tuple(rest))
    return to_cells(cam.relu()[:, 0].detach().cpu().numpy(), frames)


def to_cells(maps: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
    """Maps (T, any, any) as float64 (T, h, w): each cell has the mean of what lies over it."""
    height, width = frames[0].owner.shape
    return adaptive_avg_pool2d(torch.from_numpy(maps).double(), (height // CELL, width // CELL)).numpy()


def _attribute(
    model: nn.Module, frames: Sequence[Frame], background: Background, method: Callable, options: dict
) -> np.ndarray:
    """What a method of Captum says of every number of the maps: (T, 5, H, W)."""
    with evaluation_mode(model):
        planes, *rest = _asked(model, frames)
        empty = torch.from_numpy(background(frames)).to(planes)
        parts = zip(*(tensor.split(TOGETHER) for tensor in (planes, empty, *rest)), strict=True)
        attribute = method(_score(model))
        found = [attribute(x, baselines=y, additional_forward_args=tuple(z), **options) for x, y, *z in parts]
    return torch.cat(found).detach().cpu().numpy()


def _asked(model: nn.Module, frames: Sequence[Frame]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maps as float32, so that they have gradients, statistics, masks, and the actions that the network prefers."""
    maps, stats, masks = to_tensors(frames, next(model.parameters()).device)
    with torch.no_grad():
        parts = zip(*(tensor.split(TOGETHER) for tensor in (maps, stats, masks)), strict=True)
        preferred = [_log_policy(model, *part).argmax(dim=1) for part in parts]
    return maps.float(), stats, masks, torch.cat(preferred)


def _score(model: nn.Module) -> Callable[..., Tensor]:
    def score(planes: Tensor, stats: Tensor, masks: Tensor, actions: Tensor) -> Tensor:
        return _log_policy(model, planes, stats, masks).gather(1, actions[:, None])[:, 0]

    return score


def _log_policy(model: nn.Module, planes: Tensor, stats: Tensor, masks: Tensor) -> Tensor:
    return model(planes, stats)[0].float().masked_fill(~masks, -torch.inf).log_softmax(dim=1)
