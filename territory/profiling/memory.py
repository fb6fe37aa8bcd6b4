"""Where a network's memory goes while it trains, in bytes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from territory.errors import BadInput
from territory.profiling.inputs import Inputs, prepare, run, tensors_of


@dataclass(frozen=True)
class MemoryRecord:
    """``what`` is parameters, buffers, gradients, adam or activations; only activations grow with the batch."""

    what: str
    layer: str  # "all", or for activations the layer in whose forward the tensor was first kept
    bytes: int


def memory_table(model: nn.Module, inputs: Inputs = None) -> list[MemoryRecord]:
    """What one training step keeps: the fixed costs, then the activations by layer in order of execution.

    Activations are those tensors that autograd really keeps for the backward pass, each storage once, parameters left
    out. Adam keeps two running means per parameter (Kingma & Ba 2015). Scratch space inside kernels is not counted.
    """
    tensors = prepare(model, inputs)
    parameters = sum(p.nbytes for p in model.parameters())
    trained = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    fixed = {
        "parameters": parameters,
        "buffers": sum(buffer.nbytes for buffer in model.buffers()),
        "gradients": trained,
        "adam": 2 * trained,
    }
    kept = _kept_for_backward(model, tensors)
    return [MemoryRecord(what, "all", size) for what, size in fixed.items()] + [
        MemoryRecord("activations", layer, size) for layer, size in kept.items()
    ]


def _kept_for_backward(model: nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """Bytes by layer; runs the model in training mode, on copies of its buffers so that no statistic moves."""
    if any(tensor.is_meta for tensor in tensors_of(inputs)):
        raise BadInput("memory_table needs real tensors; came meta ones, which have no storage to count.")
    active: list[str] = []  # the path of each module whose forward is under way, innermost last
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[str, int] = {}
    alive: dict[int, Tensor] = {}  # holding the tensors keeps their addresses from being used again

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and storage.data_ptr() not in alive:
            alive[storage.data_ptr()] = tensor
            layer = active[-1] if active else "model"
            kept[layer] = kept.get(layer, 0) + storage.nbytes()
        return tensor

    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    own |= {buffer.untyped_storage().data_ptr() for buffer in buffers.values()}
    modes = {module: module.training for module in model.modules()}
    with _tracked(model, active), saved_tensors_hooks(pack, lambda tensor: tensor), torch.enable_grad():
        try:
            model.train()
            run(lambda *args: functional_call(model, buffers, args), inputs)
        finally:
            for module, mode in modes.items():
                module.training = mode
    return kept


@contextmanager
def _tracked(model: nn.Module, active: list[str]) -> Iterator[None]:
    """Keeps ``active`` up to date with hooks while the model runs."""
    with ExitStack() as stack:
        for path, module in model.named_modules():
            enter = module.register_forward_pre_hook(lambda _m, _a, path=path: active.append(path or "model"))
            leave = module.register_forward_hook(lambda _m, _a, _o: active.pop() and None)
            stack.callback(enter.remove)
            stack.callback(leave.remove)
        yield
