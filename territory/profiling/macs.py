"""How much a network computes: multiply-accumulates (MACs) by layer, counted on a real forward and backward pass.

One MAC is one multiplication and one addition, so FLOPs = 2 MACs. What is counted and what is not: see `operators`.
Time knows better (`time_table`).
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from territory.errors import BadInput
from territory.models.cross_attention import AttentionWeights
from territory.models.guests import Owners, is_made_of_others, shape_of, slow_path, tensors_of, untouched
from territory.profiling.inputs import Inputs, Names, prepare
from territory.profiling.operators import FORMULAS, macs_of


@dataclass(frozen=True)
class MacsRecord:
    """One layer's work on the whole batch it was given."""

    part: str
    layer: str
    shape: tuple[int, ...]  # of its output
    macs: int  # forward
    flops: int  # 2 * macs
    share: float  # of the model's forward MACs, 0 to 1
    backward_macs: int  # for the gradients of its weights and, where somebody needs it, of its input
    backward_flops: int  # 2 * backward_macs


class _Counter(TorchDispatchMode):
    """Adds up every operator's MACs under the module that it is part of, forward and backward."""

    supports_higher_order_operators = True

    def __init__(self, owners: Owners):
        super().__init__()
        self.owners, self.backward = owners, False
        self.counts: dict[str | None, list[int]] = {}  # by path: forward, backward

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if is_made_of_others(types):
            return NotImplemented  # its own operators come next
        if getattr(func, "_overloadpacket", None) not in FORMULAS and hasattr(func, "decompose"):
            with self:  # what is made of other operators (under torch.no_grad it comes in one piece)
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        try:
            macs = macs_of(func, args, kwargs, out)
        except LookupError as unknown:
            raise BadInput(
                f"layer {self.owners.current() or '(the network itself)'} can't be counted: {unknown}."
            ) from unknown
        if macs:
            self.counts.setdefault(self.owners.current(), [0, 0])[self.backward] += macs
        return out


def macs_table(model: nn.Module, inputs: Inputs = None) -> list[MacsRecord]:
    """One record per module that multiplied something itself, in the order in which they finish.

    A network's own products between its layers (a learner's ``q @ k``) are the record of the module that made them, and
    what no module made is called ``(other)``: records always add up. What checkpointing computes again belongs to the
    backward pass, and a module used twice counts twice. Needs no weights' values: a model and inputs on the ``meta``
    device do. In evaluation mode; the network is as it was afterwards.
    """
    counts, shapes = count_macs(model, inputs)
    names, total = Names(model), sum(forward for forward, _ in counts.values()) or 1
    return [
        MacsRecord(*names[path], shapes.get(path, ()), macs, 2 * macs, macs / total, back, 2 * back)
        for path, (macs, back) in counts.items()
    ]


def count_macs(model: nn.Module, inputs: Inputs = None) -> tuple[dict[str | None, list[int]], dict[str | None, tuple]]:
    """MACs forward and backward, and the shape of the output, by path."""
    call, shapes = prepare(model, inputs), {}

    def left(path: str, _module: nn.Module, _args: tuple, _kwargs: dict, out: Any) -> None:
        shapes[path] = next((shape_of(tensor) for tensor in tensors_of(out)), ())

    owners = Owners(model, transparent=lambda module: isinstance(module, AttentionWeights), left=left)
    counter = _Counter(owners)
    with untouched(model), torch.enable_grad(), owners.watching(), _nothing_fused(model), counter:
        call.training(False)
        outputs = call()
        counter.backward = True
        call.gradients(outputs)
    order = [*(path for path in shapes if path in counter.counts), *counter.counts]  # as they were finished
    return {path: counter.counts[path] for path in order}, shapes


class _PlainAttention(TorchFunctionMode):
    """Attention by its plain formula, so that the count doesn't depend on the kernel that torch would choose."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        with sdpa_kernel(SDPBackend.MATH):
            return func(*args, **(kwargs or {}))


@contextmanager
def _nothing_fused(model: nn.Module) -> Iterator[None]:
    """torch's fused kernels for its own attention and LSTM hide their products: take the plain ones."""
    with ExitStack() as stack:
        stack.enter_context(slow_path())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(_PlainAttention())  # also where the network chooses a kernel itself
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # about TF32 on Intel GPUs, whenever this switch is touched
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield
