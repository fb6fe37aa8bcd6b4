"""Where a network's memory goes while it trains, and how much a pass takes at its worst moment; in bytes."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.models.modes import training_mode
from territory.profiling.inputs import Inputs, device_of, prepare, run, tensors_of
from territory.profiling.latency import MODES, make_call


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
        raise BadInput("memory_table needs real tensors; got meta ones, which have no storage to count.")
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
    recording = saved_tensors_hooks(pack, lambda tensor: tensor)
    with _tracked(model, active), recording, torch.enable_grad(), training_mode(model):
        run(lambda *args: functional_call(model, buffers, args), inputs)
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


@dataclass(frozen=True)
class PeakRecord:
    """Bytes of tensors alive."""

    device: str
    standing: int  # before the pass: parameters, buffers, optimiser state and inputs
    peak: int  # at the worst moment of the pass, ``standing`` included


class _Alive(TorchDispatchMode):
    """Watches every operation, and adds up the storages that are alive after it and were not before the first."""

    def __init__(self, known: list[Tensor]):
        super().__init__()
        self.known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.alive = WeakIdKeyDictionary()  # a storage that nobody holds any more leaves by itself
        self.most = 0

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for storage in (tensor.untyped_storage() for tensor in tensors_of(out)):
            if storage.data_ptr() not in self.known:
                self.alive[storage] = storage.nbytes()
        self.most = max(self.most, sum(self.alive.values()))
        return out


def peak_memory(model: nn.Module, inputs: Inputs = None, mode: str = "train") -> PeakRecord:
    """One pass, after one that isn't looked at (Adam makes its state in its first step); the model stays as it is.

    ``"forward"`` is in evaluation mode without gradients; ``"train"`` forward, backward and an Adam step, on a copy.
    On the CPU the tensors alive after each operation are added up, so scratch space inside a kernel isn't seen. On CUDA
    it is the high-water mark of torch's allocator, scratch included. Python and the libraries come on top. Raises
    BadInput for another mode, another kind of device, or a model with nothing to train.
    """
    device, tensors = device_of(model), prepare(model, inputs)
    if mode not in MODES:
        raise BadInput(f"expected a mode out of {', '.join(MODES)}; got {mode!r}.")
    if device.type not in ("cpu", "cuda"):
        raise BadInput(f"peak_memory knows the CPU and CUDA; the model is on {device}.")
    model = copy.deepcopy(model)
    call, standing = make_call(model, tensors, mode)
    call()
    model.zero_grad()
    known = [*model.parameters(), *model.buffers(), *tensors_of(tensors), *standing()]
    extra = _most_on_cuda(call, device) if device.type == "cuda" else _most_on_cpu(call, known)
    before = sum(tensor.nbytes for tensor in known)
    return PeakRecord(str(device), before, before + extra)


def _most_on_cpu(call: Callable[[], object], known: list[Tensor]) -> int:
    with _Alive(known) as watch:
        call()
    return watch.most


def _most_on_cuda(call: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before
