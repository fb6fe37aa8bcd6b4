"""How much memory a pass really takes at its worst moment, in bytes."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.profiling.inputs import Inputs, device_of, prepare, tensors_of
from territory.profiling.latency import MODES, make_call


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
        raise BadInput(f"expected a mode out of {', '.join(MODES)}; came {mode!r}.")
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
