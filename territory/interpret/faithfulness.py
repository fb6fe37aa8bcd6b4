"""Is a map of relevance true? Take the cells that it names first, and see how fast the policy goes (or comes back).

Deletion removes cells from the map, the most relevant first; insertion begins with nothing and puts them back in the
same order (Petsiuk et al. 2018, RISE). A map that knows what the decision rests on changes the policy early in both. A
curve has a mean height, its area over the share of cells; both areas are meant so that **higher is truer**, and mean
little but beside the area of chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from territory.errors import BadInput
from territory.interpret.capture import evaluating
from territory.interpret.measures import total_variation
from territory.interpret.places import planes_of
from territory.interpret.removal import Background, vacated, without
from territory.interpret.replays import BATCH, probabilities_of, to_tensors
from territory.world.replay import Frame

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
        return _area(self.shares, self.deleted)

    def insertion(self) -> np.ndarray:
        """(T,): how much nearer on average than without any cell while cells come back: higher is truer."""
        return _area(self.shares, self.inserted[:, :1] - self.inserted)


def removal_curves(
    model: nn.Module,
    frames: Sequence[Frame],
    relevance: np.ndarray,
    background: Background = vacated,
    steps: int = 8,
    score: Score = total_variation,
) -> Curves:
    """Both curves of a map of relevance (T, h, w) over ``steps`` equal shares of its cells.

    Raises BadInput unless there is a grid of cells for each frame.
    """
    if relevance.ndim != 3 or len(relevance) != len(frames):
        raise BadInput(f"expected relevance (T, h, w) of {len(frames)} frames, came {relevance.shape}")
    planes, empty = planes_of(frames), background(frames)
    place = ranks(relevance)  # 0 is the most relevant cell
    cells = place[0].size
    counts = np.round(np.linspace(0, cells, steps + 1)).astype(int)
    before = policy_on(model, frames, planes)
    gone = (policy_on(model, frames, without(planes, empty, place < count)) for count in counts)
    back = (policy_on(model, frames, without(planes, empty, place >= count)) for count in counts)
    deleted, inserted = (np.stack([score(before, after) for after in each], axis=1) for each in (gone, back))
    return Curves(counts / cells, deleted, inserted)


def ranks(relevance: np.ndarray, seed: int = 0) -> np.ndarray:
    """Each cell's place in the order of a map (T, h, w), from 0, the largest. Equal cells are drawn by lot."""
    flat = relevance.reshape(len(relevance), -1)
    lots = np.random.default_rng(seed).random(flat.shape)
    order = np.lexsort((lots, -flat), axis=1)
    return np.argsort(order, axis=1).reshape(relevance.shape)


def policy_on(
    model: nn.Module, frames: Sequence[Frame], planes: np.ndarray | None = None, stats: np.ndarray | None = None
) -> np.ndarray:
    """The policy (T, 90) of the frames with other planes or statistics; masks stay."""
    maps, known, masks = to_tensors(frames, next(model.parameters()).device, planes)
    known = known if stats is None else torch.from_numpy(stats).to(known)
    with evaluating(model):
        parts = zip(*(tensor.split(BATCH) for tensor in (maps, known, masks)), strict=True)
        return np.concatenate([probabilities_of(model(m, s)[0], mask).cpu().numpy() for m, s, mask in parts])


def _area(shares: np.ndarray, heights: np.ndarray) -> np.ndarray:
    return np.trapezoid(heights, shares, axis=-1)
