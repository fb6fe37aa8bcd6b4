"""Which cells of the map does a decision depend on, and is that true? All as grids of the same cells.

Attention is one answer. The others ask the network itself, about the log-probability of the action it prefers:

- occlusion: what is lost when a cell alone is removed (Zeiler & Fergus 2014);
- integrated gradients: the gradient summed on the way from the removed map to the map (Sundararajan et al. 2017);
- Grad-CAM: the last convolution's channels, weighted by their mean gradients, what is positive (Selvaraju et al. 2017);

all three by Captum. And two that don't look at the network at all: own land, and chance. Removed means here what a
baseline says, see `states`. Maps are float64 (T, h, w), the larger the more relevant; a cell is 16 x 16 tiles.

Is such a map true? Deletion removes cells, the most relevant first; insertion begins with nothing and puts them back in
the same order (Petsiuk et al. 2018, RISE). A map that knows what the decision depends on changes the policy early in
both. The area under each curve is defined so that **higher is truer**, and means little but beside the area of chance.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from territory.errors import BadInput
from territory.guests.call import check_model, device_of, explained
from territory.guests.modes import evaluation_mode, inference
from territory.interpret.measures import numbers_of, total_variation
from territory.interpret.records import BATCH, attention_maps, capture_frames, logits_and_value, to_tensors
from territory.interpret.states import Baseline, own_land, planes_of, unclaimed, without
from territory.models.blocks import ConvBlock
from territory.models.policy import masked_log_softmax, masked_softmax
from territory.world.layout import NUM_PLANES
from territory.world.replay import Frame

CELL = 16  # tiles per side: a token of `tokens`, a gate of the second layer of `attention`
PATH = 24  # points on the way of integrated gradients
TOGETHER = 64  # states that go through the network at once


def relevance_maps(
    model: nn.Module, frames: Sequence[Frame], baseline: Baseline = unclaimed, seed: int = 0
) -> dict[str, np.ndarray]:
    """Every answer by its name, the network's attentions first; no Grad-CAM where the policy needs no convolution."""
    check_model(model)
    found = attention_relevance(model, frames)
    found["occlusion"] = occlusion(model, frames, baseline)
    found["integrated gradients"] = integrated_gradients(model, frames, baseline)
    if (last := _last_convolution(model, frames)) is not None:
        found["grad-cam"] = _grad_cam(model, frames, last)
    found["own land"] = to_cells(own_land(frames), frames)
    found["random"] = np.random.default_rng(seed).random(found["own land"].shape)
    return found


def attention_relevance(model: nn.Module, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """Each gate, and each head whose keys are the map's cells."""
    return {name: to_cells(grid, frames) for name, grid in attention_maps(capture_frames(model, frames)).items()}


def occlusion(model: nn.Module, frames: Sequence[Frame], baseline: Baseline = unclaimed) -> np.ndarray:
    """What the preferred action's log-probability loses without each cell."""
    from captum.attr import Occlusion  # here, since it brings matplotlib with it, which most callers never need

    window = (NUM_PLANES, CELL, CELL)
    options = {"sliding_window_shapes": window, "strides": window, "perturbations_per_eval": 4}
    lost = _attribute(model, frames, baseline, lambda score: Occlusion(score).attribute, options)
    return to_cells(lost[:, 0], frames)  # the same for every plane of a cell: they go together


def integrated_gradients(model: nn.Module, frames: Sequence[Frame], baseline: Baseline = unclaimed) -> np.ndarray:
    """Each cell's part of what lies between the map and the baseline, all planes and tiles of it together."""
    from captum.attr import IntegratedGradients

    options = {"n_steps": PATH, "internal_batch_size": TOGETHER}
    parts = _attribute(model, frames, baseline, lambda score: IntegratedGradients(score).attribute, options)
    return CELL * CELL * to_cells(parts.sum(axis=1), frames)


def grad_cam(model: nn.Module, frames: Sequence[Frame]) -> np.ndarray:
    """Where the last convolution that the policy comes from speaks for the preferred action."""
    check_model(model)
    if (last := _last_convolution(model, frames)) is None:
        raise BadInput("Grad-CAM needs a convolution that the policy comes from, and the network has none")
    return _grad_cam(model, frames, last)


def _grad_cam(model: nn.Module, frames: Sequence[Frame], last: nn.Module) -> np.ndarray:
    from captum.attr import LayerGradCam

    with evaluation_mode(model):
        planes, *rest = _inputs(model, frames)
        with explained(model, [planes], "has no Grad-CAM on maps of shapes"):
            score = LayerGradCam(_score(model), last)
            cam: Any = score.attribute(planes.requires_grad_(), additional_forward_args=tuple(rest))
    return to_cells(cam.relu()[:, 0].detach().float().cpu().numpy(), frames)


def _last_convolution(model: nn.Module, frames: Sequence[Frame]) -> nn.Module | None:
    """The one that runs last, wherever it was defined, of those that the policy's gradient comes to."""
    ours, anyones = ([each for each in model.modules() if isinstance(each, kind)] for kind in (ConvBlock, nn.Conv2d))
    if not (ours or anyones):
        return None
    ran: list[tuple[nn.Module, Tensor]] = []
    with evaluation_mode(model), ExitStack() as hooks:
        planes, *rest = _inputs(model, frames[:1])
        for each in ours or anyones:
            hooks.enter_context(each.register_forward_hook(lambda *call: ran.append((call[0], call[2]))))
        score = _score(model)(planes.requires_grad_(), *rest).sum()
        learning = [(module, output) for module, output in ran if output.requires_grad]
        slopes = torch.autograd.grad(score, [output for _, output in learning], allow_unused=True) if learning else ()
    return next(
        (module for (module, _), slope in zip(learning[::-1], slopes[::-1], strict=True) if slope is not None), None
    )


def to_cells(maps: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
    """Maps (T, any, any) as float64 (T, h, w): each cell has the mean of what lies over it."""
    height, width = frames[0].owner.shape
    return adaptive_avg_pool2d(torch.from_numpy(maps).double(), (height // CELL, width // CELL)).numpy()


def _attribute(
    model: nn.Module, frames: Sequence[Frame], baseline: Baseline, method: Callable, options: dict
) -> np.ndarray:
    """What a method of Captum says of every number of the maps: (T, 5, H, W)."""
    with evaluation_mode(model):
        planes, *rest = _inputs(model, frames)
        empty = torch.from_numpy(baseline(frames)).to(planes)
        parts = zip(*(tensor.split(TOGETHER) for tensor in (planes, empty, *rest)), strict=True)
        attribute = method(_score(model))
        found = [attribute(x, baselines=y, additional_forward_args=tuple(z), **options) for x, y, *z in parts]
    return torch.cat(found).detach().cpu().numpy()


def _inputs(model: nn.Module, frames: Sequence[Frame]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maps as float32, so that they have gradients, statistics, masks, and the actions that the network prefers."""
    maps, stats, masks = to_tensors(frames, device_of(model))
    with torch.no_grad():
        parts = zip(*(tensor.split(TOGETHER) for tensor in (maps, stats, masks)), strict=True)
        preferred = [_log_policy(model, *part).argmax(dim=1) for part in parts]
    return maps.float(), stats, masks, torch.cat(preferred)


def _score(model: nn.Module) -> Callable[..., Tensor]:
    def score(planes: Tensor, stats: Tensor, masks: Tensor, actions: Tensor) -> Tensor:
        chosen = _log_policy(model, planes, stats, masks).gather(1, actions[:, None])[:, 0]
        return chosen + 0 * planes.sum((1, 2, 3))  # a network that never looks at the map has a gradient too: zero

    return score


def _log_policy(model: nn.Module, planes: Tensor, stats: Tensor, masks: Tensor) -> Tensor:
    return masked_log_softmax(logits_and_value(model, planes, stats)[0].float(), masks)


Score = Callable[[np.ndarray, np.ndarray], np.ndarray]  # policies (..., 90) before and after: how far they are apart
UNLIKELY = 1e-6  # probabilities below count as this much in a logarithm


def log_loss(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What the log-probability of the action that was preferred loses, in nats; below 0 where it gains."""
    preferred = before.argmax(axis=-1)[..., None]
    was, now = (np.take_along_axis(policy, preferred, axis=-1)[..., 0] for policy in (before, after))
    return np.log(np.maximum(was, UNLIKELY)) - np.log(np.maximum(now, UNLIKELY))


@dataclass(frozen=True)
class Curves:
    """How far the policy is from the one on the whole map, T frames by K + 1 shares of the cells."""

    shares: np.ndarray  # (K + 1,), from 0 to 1
    deleted: np.ndarray  # (T, K + 1), that share of the cells removed; 0 at share 0
    inserted: np.ndarray  # (T, K + 1), that share of the cells there; 0 at share 1

    def deletion(self) -> np.ndarray:
        """(T,): how far on average while cells go: higher is truer."""
        return np.trapezoid(self.deleted, self.shares, axis=-1)

    def insertion(self) -> np.ndarray:
        """(T,): how much nearer on average than without any cell while cells come back: higher is truer."""
        return np.trapezoid(self.inserted[:, :1] - self.inserted, self.shares, axis=-1)


def removal_curves(
    model: nn.Module,
    frames: Sequence[Frame],
    relevance: np.ndarray,
    baseline: Baseline = unclaimed,
    steps: int = 8,
    score: Score = total_variation,
) -> Curves:
    """Both curves of a map of relevance (T, h, w) over ``steps`` equal shares of its cells.

    Raises BadInput unless there is a grid of cells for each frame.
    """
    relevance = numbers_of(relevance)
    if relevance.ndim != 3 or len(relevance) != len(frames):
        raise BadInput(f"expected relevance (T, h, w) of {len(frames)} frames, got {relevance.shape}")
    planes, empty = planes_of(frames), baseline(frames)
    rank = ranks(relevance)  # 0 is the most relevant cell
    cells = rank[0].size
    counts = np.round(np.linspace(0, cells, steps + 1)).astype(int)
    before = policy_on(model, frames, planes)
    gone = (policy_on(model, frames, without(planes, empty, rank < count)) for count in counts)
    back = (policy_on(model, frames, without(planes, empty, rank >= count)) for count in counts)
    deleted, inserted = (np.stack([score(before, after) for after in each], axis=1) for each in (gone, back))
    return Curves(counts / cells, deleted, inserted)


def ranks(relevance: np.ndarray, seed: int = 0) -> np.ndarray:
    """Each cell's rank in a map (T, h, w), from 0, the largest. Ties are broken at random."""
    flat = relevance.reshape(len(relevance), -1)
    lots = np.random.default_rng(seed).random(flat.shape)
    order = np.lexsort((lots, -flat), axis=1)
    return np.argsort(order, axis=1).reshape(relevance.shape)


def policy_on(
    model: nn.Module, frames: Sequence[Frame], planes: np.ndarray | None = None, stats: np.ndarray | None = None
) -> np.ndarray:
    """The policy (T, 90) of the frames with other planes or statistics; masks stay."""
    check_model(model)
    maps, known, masks = to_tensors(frames, device_of(model), planes)
    known = known if stats is None else torch.from_numpy(stats).to(known)
    with inference(model):
        parts = zip(maps.split(BATCH), known.split(BATCH), strict=True)
        logits = torch.cat([logits_and_value(model, *part)[0] for part in parts])
        return masked_softmax(logits, masks).cpu().numpy()
