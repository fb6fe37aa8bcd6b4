"""How much a network computes: multiply-accumulates (MACs) by layer, counted on a real forward and backward pass.

One MAC is one multiplication and one addition, so FLOPs = 2 MACs. Biases, norms, activations, pooling and the optimiser
are left out, as is the custom: together they are a few operations per number, where a layer spends hundreds. Time knows
better (`time_table`).
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from territory.models.cross_attention import CrossAttention
from territory.models.modes import evaluation_mode
from territory.profiling.inputs import Inputs, loss_of, prepare, run, split_path

OTHER = "(other)"


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


def conv_macs(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each output number sums over one window: (C_in / groups) * kernel height * kernel width."""
    return out.numel() * module.weight[0].numel()


def transposed_macs(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each input number is spread over one window: (C_out / groups) * kernel height * kernel width."""
    return args[0].numel() * module.weight[0].numel()


def linear_macs(module: nn.Linear, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each output number sums over all inputs."""
    return out.numel() * module.in_features


def attention_macs(module: CrossAttention, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Scores and the weighted sum of values, heads together: one product of ``size`` each per query and key."""
    queries, context = args
    return 2 * queries.shape[0] * queries.shape[1] * context.shape[1] * module.q.out_features


_FORMULAS: dict[type[nn.Module], Callable[..., int]] = {
    nn.Conv1d: conv_macs,
    nn.Conv2d: conv_macs,
    nn.Conv3d: conv_macs,
    nn.ConvTranspose1d: transposed_macs,
    nn.ConvTranspose2d: transposed_macs,
    nn.ConvTranspose3d: transposed_macs,
    nn.Linear: linear_macs,
    CrossAttention: attention_macs,
}


def gradients_of(module: nn.Module, args: tuple[Tensor, ...]) -> int:
    """How many gradients the backward pass makes, each at the price of the forward pass.

    A product ``y = x w`` has two: ``dw = x^T dy``, unless ``w`` is frozen, and ``dx = dy w^T``, unless nothing before
    this layer learns: a first layer has no ``dx``. Attention is two products, both of whose factors are computed.
    """
    if isinstance(module, CrossAttention):
        return 2
    return int(module.weight.requires_grad) + int(args[0].requires_grad)


class _Tally:
    """MACs by layer, forward and backward, taken down by hooks."""

    def __init__(self) -> None:
        self.forward: dict[str, int] = {}
        self.backward: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def hook(self, path: str) -> Callable[..., None]:
        def count(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            macs = _FORMULAS[type(module)](module, args, out)
            self.forward[path] = self.forward.get(path, 0) + macs
            self.shapes[path] = tuple(out.shape)
            if out.requires_grad:  # when its gradient comes: a layer that no output depends on has no backward pass
                back = macs * gradients_of(module, args)
                out.register_hook(lambda _gradient: self.learn(path, back))

        return count

    def learn(self, path: str, macs: int) -> None:
        self.backward[path] = self.backward.get(path, 0) + macs


def macs_table(model: nn.Module, inputs: Inputs = None) -> list[MacsRecord]:
    """One record per layer that computed, in order of execution; a layer used twice counts twice.

    Matrix products outside the known layers (a learner's own ``q @ k``, torch's own attention, an LSTM's) are the
    difference to torch's operator count and stand in a last record named ``(other)``. Needs no weights' values: a model
    and inputs on the ``meta`` device do. Gradients are not touched.
    """
    tensors, tally = prepare(model, inputs), _Tally()
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with _hooked(model, tally), evaluation_mode(model, gradients=True), _nothing_fused(model), _counter() as counter:
        loss = loss_of(run(model, tensors))
        forward = counter.get_total_flops() // 2
        if isinstance(loss, Tensor) and learned:
            torch.autograd.grad(loss, learned, allow_unused=True)
        backward = counter.get_total_flops() // 2 - forward
    _add_rest(tally, forward, backward)
    total = sum(tally.forward.values()) or 1
    return [_record(tally, path, total) for path in tally.forward]


def _record(tally: _Tally, path: str, total: int) -> MacsRecord:
    macs, back = tally.forward[path], tally.backward.get(path, 0)
    return MacsRecord(*split_path(path), tally.shapes[path], macs, 2 * macs, macs / total, back, 2 * back)


def _add_rest(tally: _Tally, forward: int, backward: int) -> None:
    """What torch counted and no formula did."""
    rest = forward - sum(tally.forward.values()), backward - sum(tally.backward.values())
    if any(rest):
        tally.forward[OTHER], tally.backward[OTHER] = rest
        tally.shapes[OTHER] = ()


def _counter() -> FlopCounterMode:
    """torch's operator count, with one formula put right.

    For the weights' gradient of a convolution in groups torch 2.13 takes every input channel with every output channel,
    which is too much by as many times as there are groups.
    """
    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution_backward: _conv_backward_flops})


def _conv_backward_flops(
    out: Sequence[int], x: Sequence[int], weight: Sequence[int], *rest: object, **_named: object
) -> int:
    """Arguments as of ``aten.convolution_backward``: shapes in place of the tensors."""
    transposed, wanted = rest[4], rest[7]  # wanted: gradient of the input, of the weight, of the bias
    forward = math.prod(x if transposed else out) * math.prod(weight[1:])
    return 2 * forward * sum(map(bool, wanted[:2]))


@contextmanager
def _hooked(model: nn.Module, tally: _Tally) -> Iterator[None]:
    with ExitStack() as stack:
        for path, module in model.named_modules():
            if type(module) in _FORMULAS:
                stack.callback(module.register_forward_hook(tally.hook(path)).remove)
        yield


@contextmanager
def _nothing_fused(model: nn.Module) -> Iterator[None]:
    """torch's fused kernels for its own attention and LSTM are invisible to its operator count: take the plain ones."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with ExitStack() as stack:
        stack.callback(torch.backends.mha.set_fastpath_enabled, before)
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # about TF32 on Intel GPUs, whenever this switch is touched
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield
