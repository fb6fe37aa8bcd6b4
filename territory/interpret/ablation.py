"""Ablations: attention made uniform, or a head of it made nothing, to see what follows. Changes for `intervene`."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from territory.errors import BadInput
from territory.interpret.capture import Change


def cell_mean(weights: Tensor) -> Tensor:
    """Mean ablation of a gate: every cell gets its state's mean, so position no longer counts. ``(B, 1, h, w)``."""
    return weights.mean(dim=(-2, -1), keepdim=True).expand_as(weights)


def uniform(weights: Tensor) -> Tensor:
    """Mean ablation of attention: every query attends to all keys equally. ``(B, heads, Tq, Tk)``."""
    return torch.full_like(weights, 1 / weights.shape[-1])


def uniform_head(head: int) -> Callable[[Tensor], Tensor]:
    """One head attends to all keys equally, the others as they are."""
    return _on_head(head, lambda weights: 1 / weights.shape[-1])


def zero_head(head: int) -> Callable[[Tensor], Tensor]:
    """Zero ablation of one head: it adds nothing."""
    return _on_head(head, lambda weights: 0.0)


def _on_head(head: int, weight: Callable[[Tensor], float]) -> Callable[[Tensor], Tensor]:
    def change(weights: Tensor) -> Tensor:
        if not 0 <= head < weights.shape[1]:
            raise BadInput(f"expected a head from 0 to {weights.shape[1] - 1}; got {head}")
        changed = weights.clone()
        changed[:, head] = weight(weights)
        return changed

    return change


def ablations(attention: Mapping[str, np.ndarray]) -> dict[str, dict[str, Change]]:
    """The usual ablations of what was captured, by what they do: changes for `intervene`.

    Each gate and each attention mean-ablated, then all of them together; each head zero-ablated.
    """
    averaged = {name: cell_mean if weights.ndim == 3 else uniform for name, weights in attention.items()}
    found: dict[str, dict[str, Change]] = {f"{name} mean-ablated": {name: change} for name, change in averaged.items()}
    if len(averaged) > 1:
        found["all mean-ablated"] = dict(averaged)
    for name, weights in attention.items():
        heads = weights.shape[1] if weights.ndim == 4 else 0
        found |= {f"{name} head {head + 1} zero-ablated": {name: zero_head(head)} for head in range(heads)}
    return found
