"""Where a network's memory goes while it trains, and how much a pass takes at its worst moment; in bytes."""

import math
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput, one_of
from territory.guests.call import OTHER, Inputs, graph_of, roots_of, unfolds
from territory.guests.contents import tensors_of
from territory.guests.modes import slow_path, untouched
from territory.guests.owners import Owners, Watch
from territory.profiling.inputs import names_of, nothing_made, prepare
from territory.profiling.times import MODES, make_call


@dataclass(frozen=True)
class MemoryRecord:
    """``what`` is parameters, buffers, gradients, adam or activations; only activations grow with the batch."""

    what: str
    layer: str  # "all", or for activations the layer in whose forward the tensor was first kept
    bytes: int


@dataclass(frozen=True)
class PeakRecord:
    """Bytes of tensors alive."""

    device: str
    standing: int  # before the pass: parameters, buffers, optimiser state and inputs
    peak: int  # at the worst moment of the pass, ``standing`` included


def memory_table(model: nn.Module, inputs: Inputs = None) -> list[MemoryRecord]:
    """What one training step keeps: the fixed costs, then the activations by layer in order of execution.

    Activations are those tensors that autograd really keeps for the backward pass, each storage once, parameters and
    buffers left out; of a tensor that was there before the pass (a slice of a data set) only what is looked at. Adam
    keeps two running means per parameter (Kingma & Ba 2015). Scratch space inside kernels is not counted.
    """
    call = prepare(model, inputs)
    if any(tensor.is_meta for tensor in (*call.tensors, *model.parameters())):
        raise BadInput("memory_table needs real tensors; got meta ones, which have no storage to count.")
    parameters, buffers = list(model.parameters()), list(model.buffers())
    trained = sum(bytes_of(p) for p in parameters if p.requires_grad)
    fixed = {
        "parameters": sum(map(bytes_of, parameters)),
        "buffers": sum(map(bytes_of, buffers)),
        "gradients": trained,
        "adam": 2 * trained,
    }
    owners = Owners(model)
    layers = {path: path or part for path, (part, _) in names_of(model).items()} | {None: OTHER}
    with untouched(call), nothing_made(model), torch.enable_grad():
        kept = _Kept([*model.parameters(), *model.buffers()])
        call.training(True)
        hidden = call.explained("doesn't show what it keeps, for inputs of shapes")
        saved = saved_tensors_hooks(lambda tensor: kept.add(tensor, layers[owners.at_work]), lambda tensor: tensor)
        with hidden, owners.watching(call, back=False), kept, saved:
            outputs = call()
        for node in sorted(graph_of(roots_of(outputs)), key=lambda node: node._sequence_nr()):
            for tensor in tensors_of(getattr(node, "__dict__", None)):  # what a Function keeps beside that: `ctx.x = x`
                kept.add(tensor, layers[owners.owner_of(node)])
    return [MemoryRecord(what, "all", size) for what, size in fixed.items()] + [
        MemoryRecord("activations", layer, size) for layer, size in kept.bytes.items()
    ]


def pieces_of(tensor: Tensor) -> Iterator[Tensor]:
    """The dense tensors that hold a tensor's numbers: itself, or the indices and values of a sparse or nested one."""
    if hasattr(tensor, "__tensor_flatten__"):
        inner = [getattr(tensor, name) for name in cast(Any, tensor).__tensor_flatten__()[0]]
    elif unfolds(type(tensor)):  # and doesn't say what it holds
        inner = [*tensors_of([*vars(tensor).values()])]
    elif tensor.layout == torch.sparse_coo:
        inner = [tensor._indices(), tensor._values()]
    elif tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        inner = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    elif tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        inner = [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    elif tensor._is_zerotensor():  # zeros that are nowhere (forward-mode derivatives)
        inner = []
    else:
        yield tensor
        return
    for each in inner:
        yield from pieces_of(each)


def bytes_of(tensor: Tensor) -> int:
    return sum(_numbers(piece) * piece.element_size() for piece in pieces_of(tensor))


def _numbers(piece: Tensor) -> int:
    """How many are there: along an axis that was expanded, one for all."""
    if piece.is_mkldnn or piece.is_nested:
        return piece.numel()
    return math.prod(count for count, step in zip(piece.shape, piece.stride(), strict=True) if step or not count)


def _address(tensor: Tensor) -> int:
    return 0 if tensor.is_mkldnn else tensor.untyped_storage().data_ptr()


def _addresses(tensors: Iterable[Tensor]) -> set[int]:
    return {_address(piece) for tensor in tensors for piece in pieces_of(tensor)}


class _Kept(Watch):
    """Bytes by layer of what autograd keeps, and the storages that operators made meanwhile."""

    def __init__(self, own: list[Tensor]):
        super().__init__()
        self.own = _addresses(own)
        self.made: set[int] = set()
        self.bytes: dict[str, int] = {}
        self.alive: list[Tensor] = []  # so that no address is used again
        self.seen: dict[int, np.ndarray] = {}  # by storage, which of its bytes are counted already

    def ran(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        self.made |= _addresses(tensors_of(out)) - _addresses(tensors_of([args, kwargs]))

    def add(self, tensor: Tensor, layer: str) -> Tensor:
        tensor = tensor.detach()  # with its graph, which keeps what this gives back, it would stay for ever
        for piece in pieces_of(tensor):
            address = _address(piece)
            if address not in self.own and piece.numel():
                fresh = self._unseen(piece, address)
                if fresh:
                    self.alive.append(piece)
                    self.bytes[layer] = self.bytes.get(layer, 0) + fresh
        return tensor

    def _unseen(self, piece: Tensor, address: int) -> int:
        """How many bytes of it were not counted: of a storage that was there before the pass those that it reaches."""
        size = piece.untyped_storage().nbytes()
        if address in self.made or piece.is_nested:
            fresh = 0 if address in self.seen else size
            self.seen.setdefault(address, np.empty(0))
            return fresh
        seen = self.seen.setdefault(address, np.zeros(size, bool))
        width, start = piece.element_size(), piece.storage_offset() * piece.element_size()
        axes = zip(piece.shape, piece.stride(), strict=True)
        once = [(count, step * width) for count, step in axes if step]  # expanded: the same bytes again
        span = seen[start : start + width + sum((count - 1) * step for count, step in once)]
        before = np.count_nonzero(span)
        shape, steps = zip(*once, (width, 1), strict=True)
        np.lib.stride_tricks.as_strided(span, shape, steps)[...] = True
        return int(np.count_nonzero(span) - before)


class _Alive(Watch):
    """Watches every operation, and adds up the storages that are alive after it and were not before the first."""

    def __init__(self, known: list[Tensor]):
        super().__init__()
        self.known = _addresses(known)
        self.sizes = WeakIdKeyDictionary()  # bytes by storage, in a list of one; what nobody holds any more is gone
        self.now = self.most = 0

    def ran(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        for piece in (piece for tensor in tensors_of(out) for piece in pieces_of(tensor)):
            if piece.is_mkldnn:
                self._note(piece, piece.nbytes)
            elif _address(piece) not in self.known:
                self._note(piece.untyped_storage(), piece.untyped_storage().nbytes())
        self.most = max(self.most, self.now)

    def _note(self, holder: Any, held: int) -> None:
        size = self.sizes.get(holder)
        if size is None:
            self.sizes[holder] = size = [0]
            weakref.finalize(holder, self._freed, size).atexit = False
        self.now += held - size[0]
        size[0] = held

    def _freed(self, size: list[int]) -> None:
        self.now -= size[0]


def peak_memory(model: nn.Module, inputs: Inputs = None, mode: str = "train") -> PeakRecord:
    """One pass, after one that isn't looked at (Adam makes its state in its first step); the model stays as it is.

    ``"forward"`` is in evaluation mode without gradients; ``"train"`` forward, backward and an Adam step, taken back
    afterwards. On the CPU the tensors alive after each operation are added up, so scratch space inside a kernel isn't
    seen; recurrent layers take other steps when they are watched, with up to half more. On CUDA it is the high-water
    mark of torch's allocator, scratch included. Python and the libraries come on top. Raises BadInput for another mode,
    another kind of device, or a model with nothing to train.
    """
    call = prepare(model, inputs)
    device = call.device
    train = one_of("mode", mode, MODES) == "train"
    if device.type not in ("cpu", "cuda"):
        raise BadInput(f"peak_memory knows the CPU and CUDA; the model is on {device}.")
    with untouched(call), torch.set_grad_enabled(train), Owners(model).watching(call):
        step, state = make_call(call, mode)
        step()
        for parameter in model.parameters():
            parameter.grad = None
        known = [*model.parameters(), *model.buffers(), *call.tensors, *state()]
        if device.type == "cpu":
            with slow_path(), _Alive(known) as watch:  # what a fused layer makes inside itself nobody would see
                step()
            extra = watch.most
        else:
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            allocated = torch.cuda.memory_allocated(device)
            step()
            torch.cuda.synchronize(device)
            extra = torch.cuda.max_memory_allocated(device) - allocated
        before = sum(map(bytes_of, known))
    return PeakRecord(str(device), before, before + extra)
