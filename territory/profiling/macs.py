"""How much a network computes: multiply-accumulates (MACs) by layer, counted on a real forward and backward pass.

One MAC is one multiplication and one addition, so FLOPs = 2 MACs. Counted are every matrix product, convolution and
attention; not counted, as is the custom, elementwise work and its sums, norms, pooling, lookups, sorting, Fourier
transforms, factorisations and functions of matrices (`matrix_exp`). A product of complex numbers counts once, but torch
makes their convolution out of three; a sparse matrix counts by its entries. Time knows better (`time_table`).
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import flop_registry

from territory.errors import BadInput
from territory.guests.call import WHOLE, paths_of, shape_of
from territory.guests.contents import tensors_of
from territory.guests.modes import slow_path, untouched
from territory.guests.owners import Operators, Owners
from territory.models.cross_attention import AttentionWeights
from territory.profiling.inputs import Inputs, names_of, prepare


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


class _Counter(Operators):
    """Adds up every operator's MACs under the module that it is part of, forward and backward."""

    def __init__(self, owners: Owners):
        super().__init__()
        self.owners, self.backward, self.whole = owners, False, FORMULAS
        self.counts: dict[str | None, list[int]] = {}  # by path: forward, backward

    def judge(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        try:
            macs = macs_of(func, args, kwargs, out)
        except LookupError as unknown:
            raise BadInput(f"layer {self.owners.layer} can't be counted: {unknown}.") from unknown
        if macs:
            self.counts.setdefault(self.owners.current(), [0, 0])[self.backward] += macs


def macs_table(model: nn.Module, inputs: Inputs = None) -> list[MacsRecord]:
    """One record per module that multiplied something itself, in the order in which they finish.

    A network's own products between its layers (a learner's ``q @ k``) are the record of the module that made them, and
    what no module made is called ``(other)``: records always add up. What checkpointing computes again belongs to the
    backward pass, and a module used twice counts twice. Needs no weights' values: a model and inputs on the ``meta``
    device do. In evaluation mode; the network is as it was afterwards.
    """
    call, shapes = prepare(model, inputs), {}

    def left(path: str, _module: nn.Module, _args: tuple, _kwargs: dict, out: Any) -> None:
        shapes[path] = next((shape_of(tensor) for tensor in tensors_of(out)), ())

    for module, path in paths_of(model).items():
        graph = getattr(module, "inlined_graph", None) if isinstance(module, torch.jit.ScriptModule) else None
        if graph is not None and graph.findNode("prim::ConstantMKLDNNTensor"):
            raise BadInput(
                f"layer {path or WHOLE} was optimised for inference, where torch shows nobody what it multiplies: "
                "count it before that."
            )
    owners = Owners(model, transparent=lambda module: isinstance(module, AttentionWeights), left=left)
    counter = _Counter(owners)
    with untouched(call), torch.enable_grad(), owners.watching(call), _nothing_fused(model), counter:
        call.training(False)
        outputs = call()
        counter.backward = True
        owners.look(call.gradients(outputs))
    counts, names = counter.counts, names_of(model)
    total = sum(forward for forward, _ in counts.values()) or 1

    def record(path: str | None, macs: int, back: int) -> MacsRecord:
        return MacsRecord(*names[path], shapes.get(path, ()), macs, 2 * macs, macs / total, back, 2 * back)

    order = dict.fromkeys([*(path for path in shapes if path in counts), *counts])  # as they were finished
    return [record(path, *counts[path]) for path in order]


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


aten = torch.ops.aten
Formula = Callable[..., int]


def entries(matrix: Tensor) -> int:
    """How many numbers a matrix really holds."""
    if matrix.layout == torch.strided or matrix.is_mkldnn:
        return matrix.numel()
    return matrix._nnz() if matrix.layout == torch.sparse_coo else matrix.values().numel()


def _product(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """(..., m, k) times (..., k, n), or a vector in place of either."""
    if torch.strided not in (a.layout, b.layout) and not a.is_mkldnn:
        raise LookupError("it multiplies a sparse matrix by another, where products depend on which entries meet")
    if b.layout != torch.strided:
        return a.shape[0] * entries(b)
    return entries(a) * (b.shape[-1] if b.ndim > 1 else 1)


def _product_nested(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """Of a list of matrices, of different sizes, by a list or by the weight of a linear layer."""
    others = b.unbind() if b.is_nested else [b.mT] * a.size(0)
    return sum(_product(one, other) for one, other in zip(a.unbind(), others, strict=True))


def _product_in_groups(a: Tensor, b: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    """Of experts; two matrices: the gradient of their weights, to which each row of a group adds in its own."""
    return (b.shape[-1] * a.shape[0] if a.ndim == b.ndim == 2 else out.numel()) * a.shape[-1]


def _convolution(x: Tensor, weight: Tensor, *rest: Any, out: Tensor, **__: Any) -> int:
    """Each output number sums over one window; of a transposed one each input number is spread over one."""
    transposed = rest[4] if len(rest) > 4 and isinstance(rest[4], bool) else False
    return (x if transposed else out).numel() * math.prod(weight.shape[1:])


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *rest: Any, out: Any, **__: Any) -> int:
    """The forward pass's price for each gradient wanted: of the input, of the weight."""
    transposed, wanted = rest[4], rest[7]
    return (x if transposed else gradient).numel() * math.prod(weight.shape[1:]) * sum(map(bool, wanted[:2]))


def _trilinear(a: Tensor, b: Tensor, c: Tensor, *expand: Sequence[int], **__: Any) -> int:
    """One for each combination of all axes; ``expand`` says which axes a factor lacks (`F.bilinear`)."""
    shapes = []
    for factor, missing in zip((a, b, c), expand, strict=False):
        for axis in sorted(missing):
            factor = factor.unsqueeze(axis)
        shapes.append(factor.shape)
    return math.prod(torch.broadcast_shapes(*shapes))


def _recurrent(x: Tensor, w_input: Tensor, w_state: Tensor, *_: Any, **__: Any) -> int:
    return math.prod(x.shape[:2]) * (w_input.numel() + w_state.numel())


def _existing(*names: str) -> list[Any]:
    """Operators by name, as far as this torch has them: those with an underscore come and go."""
    return [getattr(aten, name) for name in names if hasattr(aten, name)]


FORMULAS: dict[Any, Formula] = {
    **dict.fromkeys(_existing("mm", "bmm", "mv", "_int_mm", "_scaled_mm", "_sparse_mm", "hspmm"), _product),
    **dict.fromkeys(  # of the last two, added to the first
        _existing("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation", "_sparse_addmm", "sspaddmm"),
        lambda _, a, b, *__, **___: _product(a, b),
    ),
    aten.sparse_sampled_addmm: lambda wanted, a, *_, **__: entries(wanted) * a.shape[-1],
    aten._euclidean_dist: lambda a, _b, out, **_: out.numel() * (a.shape[-1] + 2),  # squares of both are two columns
    aten.affine_grid_generator: lambda theta, *_, out, **__: out.numel() * theta.shape[-1],
    **dict.fromkeys(  # of a packed weight: each output sums over the last axis of the input
        _existing("_weight_int8pack_mm", "_weight_int4pack_mm"), lambda a, *_, out, **__: out.numel() * a.shape[-1]
    ),
    **dict.fromkeys(_existing("_grouped_mm"), _product_in_groups),
    **dict.fromkeys((aten.dot, aten.vdot), lambda a, _b, **_: a.numel()),
    aten.addr: lambda c, a, b, **_: a.numel() * b.numel(),
    **dict.fromkeys((aten.convolution, aten._convolution), _convolution),
    aten.mkldnn_convolution: lambda _, weight, *__, out, **___: out.numel() * weight.numel() // out.shape[1],
    aten.mkldnn_linear: lambda x, weight, *_, **__: x.numel() * weight.shape[0],
    aten.convolution_backward: _convolution_backward,
    aten.conv_tbc: lambda x, weight, *_, out, **__: out.numel() * math.prod(weight.shape[:2]),
    aten.conv_tbc_backward: lambda gradient, x, weight, *_, **__: 2 * gradient.numel() * math.prod(weight.shape[:2]),
    aten._trilinear: _trilinear,
    aten.mkldnn_rnn_layer: _recurrent,
    aten.mkldnn_rnn_layer_backward: lambda *args, **_: 2 * _recurrent(*args),
}
NESTED: dict[Any, Formula] = {  # operators that nested tensors have kernels of their own for
    **dict.fromkeys((aten.matmul, aten.linear), _product_nested),
    aten.matmul_backward: lambda _gradient, a, b, wanted, **_: sum(wanted) * _product_nested(a, b),
    aten.linear_backward: lambda a, _gradient, weight, wanted, **_: sum(wanted[:2]) * _product_nested(a, weight),
}
_SAME = {  # kernels that torch's own formulas lack, by one that they have
    aten._scaled_dot_product_flash_attention_for_cpu: aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: aten._scaled_dot_product_flash_attention_backward,
}
_BY_NAME: dict[str, Formula] = {  # of a library that may not be there
    "torchvision::deform_conv2d": _convolution,
    "torchvision::_deform_conv2d_backward": lambda gradient, x, *rest, **_: 2 * _convolution(x, *rest, out=gradient),
}
# Whose operators without a formula multiply nothing: torchvision's others choose boxes, pool and interpolate.
_PLAIN = ("aten", "prim", "prims", "profiler", "c10d", "torchvision")
# What is named like a product, and has no formula, is a kernel whose arguments don't tell its products.
_PRODUCT = re.compile(r"(\b|_)([a-z]*mm|matmul|linear|conv(?!ert)\w*|attention|transformer|rnn|lstm|gru)(\b|_)")
_NO_PRODUCT = re.compile(r"(cell(_backward(_impl)?)?|weight)$")  # the elementwise part of one; its packed weights


def macs_of(func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> int:
    """Multiply-accumulates of one call; 0 for an operator that multiplies no matrices.

    What isn't here may be told by torch's own formulas, and by those that a library or you registered there. Raises
    LookupError for an operator of another library that nobody has a formula for, or one fused beyond knowing.
    """
    packet = getattr(func, "_overloadpacket", func)
    space, name = getattr(func, "namespace", ""), getattr(packet, "__name__", "")
    if space == "aten" and name.endswith("_"):  # in place
        packet = getattr(aten, name[:-1], packet)
    nested = packet in NESTED and any(tensor.is_nested for tensor in tensors_of(args))
    formula = NESTED[packet] if nested else FORMULAS.get(packet) or _BY_NAME.get(getattr(func, "_name", ""))
    if formula is not None:
        return formula(*args, **{**kwargs, "out": out})
    packet = _SAME.get(packet, packet)
    if packet in flop_registry:
        return flop_registry[packet](*args, **kwargs, out_val=out) // 2
    hidden = _PRODUCT.search(name) and not _NO_PRODUCT.search(name)
    if hidden or space not in _PLAIN:
        raise LookupError(
            f"it calls the operator {func}, of which nobody knows how many products it makes. If you do, tell torch by "
            "torch.utils.flop_counter.register_flop_formula"
        )
    return 0
