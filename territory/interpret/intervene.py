"""Change attention inside a forward pass and see what follows: the test that looking cannot replace."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

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
