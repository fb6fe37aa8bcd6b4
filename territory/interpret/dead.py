"""Attention that cannot choose and parameters that cannot learn, found in any network by watching it run.

What is watched, on the network's own forward and backward pass, in evaluation mode:

- every softmax, whoever calls it: ours, ``torch.nn.MultiheadAttention``, ``F.scaled_dot_product_attention``, a line
  of a forward method. A weight that is the same for every input is a fixed average, no look at the input; over one
  key it can only be 1.
- the gradient of every parameter under a loss that touches every output.

What is not seen: softmax written out as ``exp`` and a division, compiled or scripted code, parameters that don't
require a gradient, single rows of a weight (a ReLU that rests is no fault), and what training mode alone does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.interpret.capture import evaluation_mode
from territory.interpret.softmaxes import Softmaxes

ONE_KEY, CONSTANT = "one key", "constant weights"
NO_GRADIENT, CANCELS = "no gradient", "gradient cancels out"
ROUNDING = 1e-5  # a gradient this much smaller than its neighbour's is a sum that is zero but for rounding


@dataclass(frozen=True)
class DeadFinding:
    """One thing that is there and does nothing."""

    module: str  # its path in the network; a second softmax in the same module is called "path#2"
    what: str  # ONE_KEY, CONSTANT: of a softmax; NO_GRADIENT, CANCELS: of parameters
    parameters: int  # its own that never learn
    low: float  # over all inputs, the smallest attention weight or entry of a gradient
    high: float  # and the largest


def find_dead_attention(model: nn.Module, batches: Iterable[Sequence[Any]]) -> list[DeadFinding]:
    """Run ``model(*batch)`` forward and backward on each batch; say what did nothing in any of them.

    The network is as it was afterwards: mode, gradients and running averages. "Gradient cancels out" is said of a
    parameter that does reach the output, but whose effect the network takes out again: the bias of keys, which adds
    the same to all scores of a query, is the usual one.

    Args:
        model: any torch module whose forward takes what a batch holds.
        batches: two or more, with different examples in each; first axis of every tensor: the examples.

    Raises:
        BadInput: fewer than two batches (an accident of one input would look like a fault), or nothing to learn.
    """
    watched, gradients, count = Softmaxes(model), _Gradients(model), 0
    with evaluation_mode(model), torch.enable_grad():
        for count, batch in enumerate(batches, start=1):
            with watched.running():
                outputs = model(*batch)
            gradients.add(_touching_all(outputs, seed=count))
    if count < 2:
        raise BadInput(f"expected two batches or more, came {count}: on one input alone a resting ReLU looks dead")
    choices = (
        DeadFinding(path, ONE_KEY if keys == 1 else CONSTANT, 0, low, high)
        for path, keys, low, high in watched.constant()
    )
    return [*choices, *gradients.findings()]


class _Gradients:
    """The largest gradient of every parameter over some backward passes."""

    def __init__(self, model: nn.Module):
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        if not self._parameters:
            raise BadInput("the network has no parameter that asks for a gradient: is it frozen, or without weights?")
        self._largest = [torch.zeros_like(p) for p in self._parameters]
        self._model = model

    def add(self, loss: Tensor) -> None:
        """One backward pass; the parameters' own ``grad`` is left alone."""
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        for largest, gradient in zip(self._largest, found, strict=True):
            if gradient is not None:
                largest.copy_(torch.maximum(largest, gradient.abs()))

    def findings(self) -> list[DeadFinding]:
        """Each layer's parameters that no loss reaches, and those whose gradients only cancel."""
        by_id = {id(p): largest for p, largest in zip(self._parameters, self._largest, strict=True)}
        found = []
        for path, module in self._model.named_modules():
            own = [by_id.pop(id(p)) for p in module.parameters(recurse=False) if id(p) in by_id]
            pieces = [piece for tensor in own for piece in _pieces(module, tensor)]
            found += _judge(path or type(self._model).__name__, pieces)
        return found


def _pieces(module: nn.Module, tensor: Tensor) -> Sequence[Tensor]:
    """A parameter as what it means: torch keeps the maps to queries, keys and values in one."""
    stacked = isinstance(module, nn.MultiheadAttention) and len(tensor) == 3 * module.embed_dim
    return tensor.chunk(3) if stacked else (tensor,)


def _judge(path: str, pieces: Sequence[Tensor]) -> list[DeadFinding]:
    largest = [piece.max().item() if piece.numel() else 0.0 for piece in pieces]
    limit = ROUNDING * max(largest, default=0.0)
    found = []
    for what, low, high in ((NO_GRADIENT, -1.0, 0.0), (CANCELS, 0.0, limit)):
        chosen = [(piece.numel(), top) for piece, top in zip(pieces, largest, strict=True) if low < top <= high]
        if count := sum(size for size, _ in chosen):
            found.append(DeadFinding(path, what, count, 0.0, max(top for _, top in chosen)))
    return found


def _touching_all(outputs: Any, seed: int) -> Tensor:
    """A loss in which every finite number of every output has its own random weight, so that nothing cancels."""
    generator = torch.Generator().manual_seed(seed)
    parts = [values[values.isfinite()] for values in _tensors(outputs) if values.requires_grad]
    if not parts:
        raise BadInput("no output of the network depends on its parameters: is its forward under torch.no_grad?")
    weights = (torch.randn(len(values), generator=generator).to(values) for values in parts)
    return sum((values * weight).sum() for values, weight in zip(parts, weights, strict=True))


def _tensors(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, dict | list | tuple):
        for part in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _tensors(part)
