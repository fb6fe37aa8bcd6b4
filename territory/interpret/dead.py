"""Attention that cannot choose and parameters that cannot learn, found in any network by watching it run.

What is watched, on copies of the weights, in evaluation mode, in double precision:

- every softmax that `softmax` can see. Weights that are the same for every input are a fixed average, no look at the
  input; over one key they can only be 1. (A softmax without an axis of examples, one of a parameter alone, is not
  meant to look.)
- where something has no gradient: gates (sigmoid, tanh) and softmaxes that stand at their ends for every input, flat to
  the last bit of double precision.
- the gradient of every parameter under a loss that touches every output. One that shrinks in double precision, or
  is 0 in single and some last bits in double, was rounding alone: what it is a sum of cancels.

What seems dead is looked at again after a small step, and after more as long as they bring something to life: behind
what starts at zero (LoRA, ReZero, a residual branch, queries, a head) that is the first. Huge and tiny inputs have an
ordinary size then. Of a bias single entries are judged, so the keys' part of one layer that gives queries, keys and
values is seen too.

What is not seen: what `softmax` doesn't see, parameters that don't require a gradient, single rows of a weight (a ReLU
that rests is no fault), and what training mode alone does. A softmax is judged over all its queries: where only such
are read on as have one key (causal attention, read at its first token), queries' and keys' maps are named without it.
A cache of keys and values that is returned as "past_key_values" or "cache" is no output; by any other name it is, and
a bias of keys reaches it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from territory.errors import BadInput
from territory.guests.call import Call, dense, paths_of
from territory.guests.contents import tensors_of
from territory.guests.modes import eagerly, untouched
from territory.interpret.softmax import Call as SoftmaxCall
from territory.interpret.softmax import Lay, SoftmaxWatch
from territory.models.cross_attention import CrossAttention

ONE_KEY, CONSTANT, SATURATED = "one key", "constant weights", "saturated"
GATES = {"sigmoid": 0, "hardsigmoid": 0, "tanh": -1}  # and their lower ends; the upper ones are 1
NO_GRADIENT, CANCELS = "no gradient", "gradient cancels out"
SAME = 1e-9  # weights that differ by less between inputs, in double precision, are the same
NOISE = 1e-5  # a gradient that shrinks by this in double precision was rounding alone: what it is a sum of cancels
LAST_BITS = 1e-15  # of the largest gradient: one that is 0 in single precision, and in double below this, is none
ROUNDS = 8  # of small steps, as long as each brings a gradient to more parameters
STEP = 1e-3  # of a weight's size
HUGE = 100.0  # inputs beyond this, or below its inverse, are also tried at an ordinary size
CACHES = ("past_key_values", "cache")  # entries of outputs that are kept for the next call
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NUMBERS = (*FLOATS, torch.complex32, torch.complex64, torch.complex128)


@dataclass(frozen=True)
class DeadFinding:
    """One thing that is there and does nothing."""

    module: str  # its path in the network; a second softmax in the same module is called "path#2"
    what: str  # ONE_KEY, CONSTANT: of a softmax; SATURATED: of a gate or softmax; NO_GRADIENT, CANCELS: of parameters
    parameters: int  # its own that never learn
    low: float  # over all inputs, the smallest attention weight or entry of a gradient
    high: float  # and the largest


def find_dead_attention(model: nn.Module, batches: Iterable[Sequence[Any]]) -> list[DeadFinding]:
    """Run ``model(*batch)`` forward and backward on each batch; say what did nothing in any of them.

    The network is as it was afterwards. "Gradient cancels out" is said of a parameter that does reach the output, but
    whose effect the network takes out again: the bias of keys, which adds the same to all scores of a query, is the
    usual one.

    Args:
        model: any torch module whose forward takes what a batch holds.
        batches: two or more, with different examples in each; first axis of every tensor: the examples.

    Raises:
        BadInput: fewer than two batches (an accident of one input would look like a fault), nothing to learn, or
            weights that are not finite.
    """
    if isinstance(batches, Tensor | Mapping):
        raise BadInput("expected a list of two batches or more, [(x,), (y,)]; got one batch alone")
    calls = [Call(model, batch) for batch in batches]
    if len(calls) < 2:
        raise BadInput(f"expected two batches or more, got {len(calls)}: on one input alone a resting ReLU looks dead")
    for call in calls:
        if any(tensor.is_nested for tensor in call.tensors):
            raise BadInput("inputs: nested tensors keep their type, and the detector needs double precision: pad them")
        if call.tensors and not any(tensor.numel() for tensor in call.tensors):
            raise BadInput("expected examples in every batch; got one without any: it has no gradients to look at")
    if any(tensor.is_meta for tensor in (*model.parameters(), *calls[0].tensors)):
        raise BadInput("the model is on meta, where nothing is computed: there are no gradients to look at")
    pieces = list(_pieces(model))
    if not pieces:
        raise BadInput("the network has no parameter that asks for a gradient: is it frozen, or without weights?")
    for name, parameter in model.named_parameters():
        if not bool(parameter.detach().isfinite().all()):
            raise BadInput(f"{name} holds numbers that are not finite (NaN or infinite): nothing behind it can learn")
    with untouched(model), eagerly(), sdpa_kernel(SDPBackend.MATH), _without_cudnn():  # fused kernels round what is 0
        calls[0].training(False)
        for call in calls:
            with torch.enable_grad():
                _touching_all(call(), 0)  # what can't take its inputs, or has no gradient, says so
        for piece in pieces:  # small steps must add up
            piece.parameter.data = piece.parameter.data.to(_like(piece.parameter.dtype, torch.float64))
        softmaxes, before = _Softmaxes(model), 0
        found = _look(calls, pieces, softmaxes)
        with _ordinary_inputs(calls):
            for _ in range(ROUNDS):
                now = len(found) + sum(each.parameters for each in found)
                if now in (0, before):
                    break
                before = now
                _step(calls, pieces)
                found = _look(calls, pieces, softmaxes)
    return found


class _Piece:
    """A parameter, or the third of one in which torch keeps the maps to queries, keys or values, and if it learns.

    Of a vector each entry is judged, as in the bias of a layer that gives queries, keys and values at once a part may
    cancel; of anything else the largest.
    """

    def __init__(self, path: str, parameter: nn.Parameter, part: slice):
        self.path, self.parameter, self.part = path, parameter, part
        self.count = self.of(parameter).numel()
        self.reached = self.learns = torch.zeros(self.count if parameter.ndim == 1 else 1, dtype=torch.bool)
        self.rounding = 0.0  # its largest gradient that was rounding alone

    def of(self, tensor: Tensor) -> Tensor:
        return tensor[self.part] if tensor.ndim else tensor

    def judge(self, single: Tensor, double: Tensor, largest: float) -> None:
        """By the sizes of its gradient in both precisions, and the largest of the network in double."""
        cancels = double < NOISE * single
        self.reached = self.reached | torch.where(single > 0, double > 0, double > LAST_BITS * largest)
        self.learns = self.learns | ((single > 0) & (double > 0) & ~cancels)
        self.rounding = max(self.rounding, (cancels * single).max().item())

    def dead(self) -> tuple[str, int]:
        """Why it doesn't learn, and how many of its numbers don't."""
        if self.rounding:
            return CANCELS, int((~self.learns).sum()) * self.count // len(self.learns)
        return NO_GRADIENT, 0 if self.reached.any() else self.count


def _pieces(model: nn.Module) -> Iterator[_Piece]:
    seen: set[int] = set()
    for module, path in paths_of(model).items():
        for parameter in module.parameters(recurse=False):
            if not parameter.requires_grad or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            third = len(parameter) // 3 if parameter.ndim else 0
            stacked = isinstance(module, nn.MultiheadAttention) and third == module.embed_dim
            parts = [slice(third * i, third * (i + 1)) for i in range(3)] if stacked else [slice(None)]
            yield from (_Piece(path or type(model).__name__, parameter, part) for part in parts)


@contextmanager
def _without_cudnn() -> Iterator[None]:
    """Which rounds float32 to TF32, and takes recurrent layers back in training mode only."""
    before, torch.backends.cudnn.enabled = torch.backends.cudnn.enabled, False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before


@contextmanager
def _precision(calls: Sequence[Call], dtype: torch.dtype) -> Iterator[None]:
    """Weights, buffers, inputs and whatever the network makes itself in one floating-point type, inside the block."""
    model, default = calls[0].model, torch.get_default_dtype()
    tensors = [*model.parameters(), *model.buffers(), *(tensor for call in calls for tensor in call.tensors)]
    tensors = [tensor for tensor in tensors if tensor.dtype in NUMBERS and not _is_compressed(tensor)]
    changed = {id(tensor): (tensor, tensor.data) for tensor in tensors}
    try:
        torch.set_default_dtype(dtype)
        for tensor, data in changed.values():
            tensor.data = data.to(_like(data.dtype, dtype))
        modules = (module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule))
        for module in modules:  # of a compressed matrix, that changes its name for its type alone
            compressed = {
                name: each for name, each in module._buffers.items() if each is not None and _is_compressed(each)
            }
            module._buffers.update({name: each.to(_like(each.dtype, dtype)) for name, each in compressed.items()})
        with _OneType(dtype):
            yield
    except BadInput as told:
        scripted = any(isinstance(module, torch.jit.ScriptModule) for module in model.modules())
        hint = " TorchScript keeps its casts: hand over the network as it was before torch.jit." if scripted else ""
        raise BadInput(f"the detector computes in {str(dtype)[6:]}, which this network can't: {told}{hint}") from told
    finally:
        torch.set_default_dtype(default)
        for tensor, data in changed.values():
            tensor.data = data


def _is_compressed(tensor: Tensor) -> bool:
    return tensor.layout not in (torch.strided, torch.sparse_coo)


def _like(kind: torch.dtype, dtype: torch.dtype) -> torch.dtype:
    """A floating-point type for a real or a complex one."""
    return dtype.to_complex() if kind.is_complex else dtype


class _OneType(TorchFunctionMode):
    """Casts to another floating-point type, real or complex, stay in this one."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in (torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.double):
            return torch.Tensor.to(args[0], self.dtype)
        if kwargs is not None and isinstance(kwargs.get("generator"), torch.Generator):
            drawn = func(*args, **kwargs)  # in the type asked for: `randn` gives other numbers for another one
            return torch.Tensor.to(drawn, self.dtype) if isinstance(drawn, Tensor) and drawn.dtype in FLOATS else drawn
        named = {name: self._cast(value) for name, value in (kwargs or {}).items()}
        grouped = getattr(func, "__name__", "").endswith("grouped_mm") and args[0].dtype == torch.float64
        if grouped and [each.ndim for each in args[:2]] == [2, 3]:
            return _in_groups(*args, **named)
        return func(*(self._cast(value) for value in args), **named)

    def _cast(self, value: Any) -> Any:
        return _like(value, self.dtype) if isinstance(value, torch.dtype) and value in NUMBERS else value


def _in_groups(rows: Tensor, experts: Tensor, offs: Tensor, **_: Any) -> Tensor:
    """`F.grouped_mm`, whose kernels know no double precision; rows behind the last group are nobody's."""
    groups = rows.tensor_split(offs.cpu().long())
    return torch.cat([group @ expert for group, expert in zip(groups, [*experts, 0 * experts[0]], strict=True)])


def _look(calls: Sequence[Call], pieces: Sequence[_Piece], softmaxes: "_Softmaxes") -> list[DeadFinding]:
    """What was dead whenever it was looked at, and is now."""
    with _precision(calls, torch.float32):
        rough = _largest_gradients(calls, pieces)
    with _precision(calls, torch.float64):
        exact = _largest_gradients(calls, pieces, softmaxes)
    dead: dict[tuple[str, str], DeadFinding] = {}
    largest = max(each.max().item() for each in exact)
    for piece, single, double in zip(pieces, rough, exact, strict=True):
        piece.judge(single, double, largest)
        what, count = piece.dead()
        if count:
            had = dead.get((piece.path, what), DeadFinding(piece.path, what, 0, 0.0, 0.0))
            count, high = had.parameters + count, max(had.high, piece.rounding)
            dead[piece.path, what] = replace(had, parameters=count, high=high)
    stuck = softmaxes.saturated() if any(what == NO_GRADIENT for _, what in dead) else []
    return [*softmaxes.constant(), *stuck, *dead.values()]


def _largest_gradients(
    calls: Sequence[Call], pieces: Sequence[_Piece], watch: "_Softmaxes | None" = None
) -> list[Tensor]:
    """Sizes of gradients, the largest over all batches: of every entry of a vector, else of the largest entry."""
    largest = [torch.zeros(1, dtype=torch.float64)] * len(pieces)
    for number, call in enumerate(calls, 1):
        gradients = _gradients(call, pieces, number, watch)
        for place, piece in enumerate(pieces):
            gradient = gradients.get(piece.parameter)
            if gradient is not None and gradient.numel():
                sizes = piece.of(gradient).abs().to(largest[place])
                largest[place] = torch.maximum(largest[place], sizes if sizes.ndim == 1 else sizes.max())
    return largest


def _gradients(
    call: Call, pieces: Sequence[_Piece], seed: int, watch: "_Softmaxes | None" = None
) -> dict[nn.Parameter, Tensor]:
    parameters = list(dict.fromkeys(piece.parameter for piece in pieces))
    with torch.enable_grad(), watch.running() if watch is not None else ExitStack():  # backward too: checkpointing
        found = call.derivatives([_touching_all(call(), seed)], parameters)
    known = {parameter: each for parameter, each in zip(parameters, found, strict=True) if each is not None}
    return {parameter: torch.nan_to_num(dense(each)) for parameter, each in known.items()}


def _step(calls: Sequence[Call], pieces: Sequence[_Piece]) -> None:
    """A small one of every parameter that has a gradient, by its sign, on each batch."""
    with _precision(calls, torch.float64):
        for number, call in enumerate(calls, 1):
            for parameter, gradient in _gradients(call, pieces, number).items():
                parameter.data -= STEP * (parameter.data.abs().mean().item() or 1.0) * gradient.sgn()


@contextmanager
def _ordinary_inputs(calls: Sequence[Call]) -> Iterator[None]:
    """Huge and tiny inputs, whose rounding hides what a network does, scaled inside the block."""
    tensors = [tensor for call in calls for tensor in call.tensors if tensor.layout == torch.strided]
    numbers = [tensor for tensor in tensors if tensor.dtype in FLOATS and tensor.numel()]
    odd = [(tensor, tensor.data) for tensor in numbers if not 1 / HUGE < tensor.abs().max() < HUGE and tensor.any()]
    for tensor, data in odd:
        tensor.data = data / data.abs().max()
    try:
        yield
    finally:
        for tensor, data in odd:
            tensor.data = data


def _touching_all(outputs: Any, seed: int) -> Tensor:
    """A loss in which every finite number of every output has its own random weight, so that nothing cancels."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(outputs, Mapping):
        outputs = {name: each for name, each in outputs.items() if name not in CACHES}
    values = [dense(tensor) for tensor in tensors_of(outputs) if tensor.requires_grad]
    parts = [each[each.isfinite()] for each in values]
    if not parts:
        raise BadInput(
            f"no output of the network has a gradient; it gives {_said(outputs)}. Is its forward under torch.no_grad, "
            "or does it return what it chose and not the numbers it chose by?"
        )
    parts = [torch.view_as_real(part).flatten() if part.is_complex() else part for part in parts]
    weights = (torch.randn(len(part), generator=generator, dtype=torch.float64).to(part) for part in parts)
    sums = [(part * weight).sum() for part, weight in zip(parts, weights, strict=True)]
    return torch.stack([each.to(sums[0]) for each in sums]).sum()


def _said(outputs: Any) -> str:
    kinds = [f"{str(each.dtype)[6:]} {tuple(each.shape)}" for each in tensors_of(outputs)]
    return ", ".join(kinds) or f"no tensor ({type(outputs).__name__})"


class _Softmaxes(SoftmaxWatch):
    """The smallest and largest weight of every softmax since it was last judged, and which have ever varied."""

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self._ends: dict[SoftmaxCall, tuple[Tensor, Tensor]] = {}
        self._varies: set[SoftmaxCall] = set()
        self._flat: dict[tuple[SoftmaxCall, bool], tuple[float, float] | None] = {}  # None: it had a slope

    def computed(self, name: str, result: Any) -> None:
        if name in GATES and isinstance(result, Tensor) and (owner := self.owners.at_work) is not None:
            gates = f"gates of {owner}"
            self._numbers[gates] = number = self._numbers.get(gates, 0) + 1
            self._slope(SoftmaxCall(owner, number, attention=False), result, GATES[name])

    def _slope(self, call: SoftmaxCall, weights: Tensor, low: float | None = None) -> None:
        """Whether any of them stands between its ends, where it has a gradient; ``low``: a gate's lower one."""
        if not weights.numel() or (low is not None and not weights.requires_grad):
            return
        key, numbers = (call, low is not None), weights.detach().nan_to_num(0.5)
        before = self._flat.get(key, (1.0, 0.0))
        if before is None or bool(((numbers > (low or 0)) & (numbers < 1)).any()):
            self._flat[key] = None
        else:
            self._flat[key] = min(before[0], numbers.min().item()), max(before[1], numbers.max().item())

    def saturated(self) -> list[DeadFinding]:
        """Each that stood at its ends whenever it was looked at; of softmaxes those that are not constant."""
        stuck = [(call, ends) for (call, gate), ends in self._flat.items() if ends and (gate or call in self._varies)]
        return [DeadFinding(call.name(self.model), SATURATED, 0, *ends) for call, ends in stuck]

    def observe(self, call: SoftmaxCall, weights: Tensor, lay: Lay) -> None:
        by_head, _, fixed, _ = lay(weights.detach().nan_to_num())
        if fixed and by_head.shape[-1] > 1:
            return  # the same for all examples by design
        self._slope(call, weights)
        low, high = by_head.amin(dim=0), by_head.amax(dim=0)
        lowest, highest = self._ends.get(call, (low, high))
        if lowest.shape == low.shape:
            self._ends[call] = torch.minimum(lowest, low), torch.maximum(highest, high)
        elif max(lowest.shape[-1], low.shape[-1]) > 1:
            self._varies.add(call)

    def constant(self) -> list[DeadFinding]:
        """Each that no input has ever moved; from here on it is looked at anew."""
        found = []
        for call, (low, high) in self._ends.items():
            keys = low.shape[-1]
            if keys > 1 and (high - low).max() > SAME:
                self._varies.add(call)
            elif call not in self._varies:
                what = ONE_KEY if keys == 1 else CONSTANT
                found.append(DeadFinding(call.name(self.model), what, 0, low.min().item(), high.max().item()))
        self._ends = {}
        return found


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
