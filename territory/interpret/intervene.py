"""Change attention inside a forward pass and see what follows: the test that looking cannot replace."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.interpret.capture import attention_modules, removing

Change = float | Callable[[Tensor], Tensor]  # a constant for every weight, or old weights -> new ones


@contextmanager
def intervene(model: nn.Module, changes: Mapping[str, Change]) -> Iterator[None]:
    """Inside the block the named attention is replaced; after it the model is itself again.

    ``intervene(model, {"spatial.1": 1.0})`` opens every gate of the first layer: it no longer chooses.
    A callable gets the weights as the network computed them (gates as ``(B, 1, h, w)``) and returns others of the
    same shape. Hooks of `capture` that are set inside this block see the changed weights.
    """
    modules = attention_modules(model)
    unknown = sorted(set(changes) - set(modules))
    if unknown:
        raise BadInput(
            f"the model has no attention called {', '.join(unknown)}; there is {', '.join(modules) or 'none'}"
        )
    with ExitStack() as hooks:
        for name, change in changes.items():
            hooks.enter_context(removing(modules[name].register_forward_hook(_replace(name, change))))
        yield


def _replace(name: str, change: Change):
    def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        changed = change(output) if callable(change) else torch.full_like(output, change)
        if changed.shape != output.shape:
            raise BadInput(f"{name}: expected weights {tuple(output.shape)}, the change made {tuple(changed.shape)}")
        return changed

    return hook


def frame_mean(weights: Tensor) -> Tensor:
    """Every cell gets its frame's mean: as open on average as before, but blind to place. ``(B, 1, h, w)``."""
    return weights.mean(dim=(-2, -1), keepdim=True).expand_as(weights)


def even(weights: Tensor) -> Tensor:
    """Every query looks at all keys alike: blind to what they are, and as loud as before. ``(B, heads, Tq, Tk)``."""
    return torch.full_like(weights, 1 / weights.shape[-1])


def head_even(head: int) -> Callable[[Tensor], Tensor]:
    """One head made blind, the others as they are."""
    return _on_head(head, lambda weights: 1 / weights.shape[-1])


def head_silent(head: int) -> Callable[[Tensor], Tensor]:
    """One head knocked out: it adds nothing."""
    return _on_head(head, lambda weights: 0.0)


def _on_head(head: int, weight: Callable[[Tensor], float]) -> Callable[[Tensor], Tensor]:
    def change(weights: Tensor) -> Tensor:
        if not 0 <= head < weights.shape[1]:
            raise BadInput(f"expected a head from 0 to {weights.shape[1] - 1}; came {head}")
        changed = weights.clone()
        changed[:, head] = weight(weights)
        return changed

    return change


def knock_outs(attention: Mapping[str, np.ndarray]) -> dict[str, dict[str, Change]]:
    """The usual interventions on what was captured, by what they do: changes for `intervene`.

    Each gate flat and each cross-attention blind, then all of them together; each head silent.
    """
    blind = {name: frame_mean if weights.ndim == 3 else even for name, weights in attention.items()}
    found: dict[str, dict[str, Change]] = {f"{name} blind": {name: change} for name, change in blind.items()}
    if len(blind) > 1:
        found["all blind"] = dict(blind)
    for name, weights in attention.items():
        heads = weights.shape[1] if weights.ndim == 4 else 0
        found |= {f"{name} head {head + 1} silent": {name: head_silent(head)} for head in range(heads)}
    return found
