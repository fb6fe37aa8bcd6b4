"""Every softmax that a network computes, whoever calls it and whether or not a module returns it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from territory.interpret.capture import removing

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
