"""Does a map of relevance depend on what the network has learned? (Adebayo et al. 2018, Sanity Checks for Saliency.)

The weights are destroyed part by part, from the output down, and each method is asked again. A map that stays the same
shows the input, or the drawing of the network, and no learning: it can't explain what was learned.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from territory.errors import BadInput

CASCADE = (("actor", "critic"), ("fusion",), ("cross_attention",), ("global_branch", "map_branch"))


def shuffled(model: nn.Module, parts: Sequence[str], seed: int = 0) -> nn.Module:
    """A copy in which every tensor of the named parts has its own numbers in another order.

    So each layer is as loud as it was, which fresh weights are not: ours start the actor a hundred times smaller.
    Raises BadInput for a part that the network doesn't have.
    """
    generator, broken = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    for part in parts:
        if not hasattr(broken, part):
            raise BadInput(
                f"the network has no part {part!r}; there is {', '.join(n for n, _ in model.named_children())}"
            )
        for parameter in getattr(broken, part).parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            with torch.no_grad():
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return broken


def cascade(model: nn.Module, seed: int = 0) -> dict[str, nn.Module]:
    """Copies with ever more destroyed, from the heads down to the whole network, by the lowest part destroyed."""
    found, gone = {}, []
    for stage in CASCADE:
        present = [part for part in stage if hasattr(model, part)]
        if present:
            gone += present
            found[" and ".join(present)] = shuffled(model, gone, seed)
    return found


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's rho of two maps (T, h, w), for each frame: (T,); equal cells share their mean rank.

    1 is the same order, 0 unrelated; nan where a map is the same everywhere.
    """
    if one.shape != other.shape:
        raise BadInput(f"expected two maps of one shape, came {one.shape} and {other.shape}")
    a, b = (np.stack([_mean_ranks(row) for row in maps.reshape(len(maps), -1)]) for maps in (one, other))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    scale = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.full(len(a), np.nan), where=scale > 0)


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
