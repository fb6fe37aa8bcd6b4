"""Attention that cannot choose and parameters that cannot learn, found in any network by watching it run.

What is watched, on the network's own forward and backward pass, in evaluation mode:

- every softmax, whoever calls it: ours, ``torch.nn.MultiheadAttention``, ``F.scaled_dot_product_attention``, a line
  of a forward method. A weight that is the same for every input is a fixed average, no look at the input; over one
  key it can only be 1.
- the gradient of every parameter under a loss that touches every output.

What is not seen: softmax written out as ``exp`` and a division, compiled or scripted code, parameters that don't
require a gradient, single rows of a weight (a ReLU that rests is no fault), and what training mode alone does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from territory.errors import BadInput
from territory.interpret.capture import removing
from territory.models.cross_attention import CrossAttention
from territory.models.modes import evaluation_mode

SAME = 1e-6  # weights that differ by less between inputs are the same


class Softmaxes(TorchFunctionMode):
    """Notes the weights of every softmax under the module that computes it."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self._model, self._inside, self._calls = model, [], {}
        self._low: dict[str, Tensor] = {}
        self._high: dict[str, Tensor] = {}
        self._keys: dict[str, int] = {}
        self._varies: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """One forward pass."""
        self._inside, self._calls = [], {}
        with ExitStack() as stack:
            for path, module in self._model.named_modules():
                stack.enter_context(removing(module.register_forward_pre_hook(self._enter(path))))
                stack.enter_context(removing(module.register_forward_hook(self._leave, always_call=True)))
            with self:
                yield

    def _enter(self, path: str) -> Callable[..., None]:
        return lambda _module, _inputs: self._inside.append(path or type(self._model).__name__)

    def _leave(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        self._inside.pop()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        with torch.no_grad():
            if func is F.multi_head_attention_forward:
                asking = kwargs | {"need_weights": True, "average_attn_weights": False}
                self._note(func(*args, **asking)[1])
            elif func is F.scaled_dot_product_attention:
                self._note(_scaled_dot_product_weights(*args, **kwargs))
            elif getattr(func, "__name__", "") in ("softmax", "special_softmax"):
                dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
                self._note(result.movedim(-1 if dim is None else dim, -1))
        return result

    def _note(self, weights: Tensor) -> None:
        where = self._inside[-1] if self._inside else type(self._model).__name__
        self._calls[where] = number = self._calls.get(where, 0) + 1
        name = where if number == 1 else f"{where}#{number}"
        low, high = weights.detach().amin(dim=0), weights.detach().amax(dim=0)
        if name not in self._low:
            self._low[name], self._high[name], self._keys[name] = low, high, weights.shape[-1]
        elif self._low[name].shape != low.shape:
            self._varies.add(name)
            self._keys[name] = max(self._keys[name], weights.shape[-1])
        else:
            self._low[name] = torch.minimum(self._low[name], low)
            self._high[name] = torch.maximum(self._high[name], high)

    def constant(self) -> Iterator[tuple[str, int, float, float]]:
        """Each softmax whose weights no input moved: its path, its keys, the smallest weight and the largest."""
        for name, keys in self._keys.items():
            low, high = self._low[name], self._high[name]
            if keys == 1 or (name not in self._varies and (high - low).max() <= SAME):
                yield name, keys, low.min().item(), high.max().item()


def _scaled_dot_product_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The weights inside torch's fused attention, got by asking it for the mean of unit vectors: (..., Tq, Tk)."""
    keys = key.shape[-2]
    units = torch.eye(keys, dtype=value.dtype, device=value.device).expand(*value.shape[:-2], keys, keys)
    return F.scaled_dot_product_attention(
        query, key, units, attn_mask, 0.0, is_causal, scale=scale, enable_gqa=enable_gqa
    )


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
        raise BadInput(f"expected two batches or more, got {count}: on one input alone a resting ReLU looks dead")
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
    return torch.stack([(values * weight).sum() for values, weight in zip(parts, weights, strict=True)]).sum()


def _tensors(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, dict | list | tuple):
        for part in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _tensors(part)


def one_key_map(attention: CrossAttention) -> nn.Linear:
    """The linear map ``(…, context_size)`` to ``(…, size)`` that the attention is while it has a single key."""
    v, out = attention.v, attention.out
    linear = nn.Linear(v.in_features, out.out_features, device=v.weight.device, dtype=v.weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(out.weight @ v.weight)
        linear.bias.copy_(out.weight @ v.bias + out.bias)
    return linear


class OneKeyMap(nn.Module):
    """Stands where a `CrossAttention` stood: queries ``(B, Tq, ·)`` and context ``(B, 1, ·)`` to ``(B, Tq, size)``."""

    def __init__(self, attention: CrossAttention):
        super().__init__()
        self.linear = one_key_map(attention)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        if context.shape[1] != 1:
            raise BadInput(f"expected one key; got {context.shape[1]}: with more to choose from, attention is no map")
        return self.linear(context).expand(-1, queries.shape[1], -1)
