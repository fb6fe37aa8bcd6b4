"""Every softmax and every attention that a network computes, whoever calls it and however it is spelled.

Which are read, which only told of (`unread`) and which neither, and how heads are told from queries:
docs/instruments.md, "Which attention is read". What is known of a tensor (an exponential, a layer's numbers, weights)
goes with it from function to function as a tag.
"""

import inspect
import math
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.bias import CausalBias
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput, lists
from territory.models.guests import Owners, is_transformed, shape_of, tensors_of
from territory.models.modes import slow_path

_SOFTMAXES = ("softmax", "softmin", "gumbel_softmax", "masked_softmax", "safe_softmax")
_PRODUCTS = {
    *("matmul", "rmatmul", "bmm", "mm", "einsum", "baddbmm", "addbmm", "addmm"),
    *("tensordot", "vecdot", "multi_dot", "inner", "mv", "embedding_bag"),
}
_ADDED = ("baddbmm", "addbmm", "addmm", "addcmul", "addcdiv")  # their first argument is added to what they make
_LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
_SUMS = ("sum", "nansum", "mean", "nanmean")
_ALIASES = {
    **dict.fromkeys(("truediv", "true_divide", "itruediv", "idiv", "divide"), "div"),
    **dict.fromkeys(("imul", "rmul", "multiply"), "mul"),
    **dict.fromkeys(("isub", "subtract"), "sub"),
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("rtruediv", "rdiv"), "reciprocal"),  # a number over a tensor
    "float_power": "pow",
}
_BENDS = ("pow", "sqrt", "rsqrt", "square", "mul", "div", "neg", "sub", "abs")  # what makes a sum something else
_SPREADS = ("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave")
_PARTS = {  # and repetitions: of weights are weights
    *("chunk", "split", "unbind", "getitem", "select", "narrow", "index_select", "gather", "take_along_dim", "topk"),
    *("expand", "repeat", "repeat_interleave", "pad", "as_strided", "unfold", "diagonal"),
}
_WRITES = ("scatter", "setitem", "where", "index_put", "index_copy", "masked_scatter", "scatter_add", "index_add")
_RESHAPED = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze")
_LAID_ANEW = ("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "T", "mT", *_RESHAPED)
_NAMED = (  # what the first ones are called
    *("input", "logits", "x", "a", "other", "weight", "exponent", "mat1", "mat2", "batch1", "batch2"),
    *("tensor1", "tensor2", "y", "b"),
)
_DIM = {"gumbel_softmax": 4, "masked_softmax": 2}  # where the argument stands, if not second


class _Tag(NamedTuple):
    """What is known of a tensor: weights; a logarithm of weights; an exponential, its sum, 1 over that; a logsumexp;
    the product of an exponential with values; scores laid in a way of their own."""

    kind: str
    dim: Any = None
    source: Any = None  # weak reference to what an exponential is of; or who was shown the weights
    weighted: bool = False  # weights that were multiplied with something: their sum is a weighted mean
    of: Any = None  # the exponential that was summed or multiplied
    again: Any = None  # the same product of other weights
    first: tuple[int, ...] = ()  # axes of scores that are examples and heads
    fold: int = 1  # heads that were folded into the examples, and come before them
    layer: int = 0  # 1: a layer made these numbers, `first` are examples and its features; 2: examples and heads
    raw: bool = False  # numbers made of a product of two computed matrices, in which no softmax was seen


_UNKNOWN = _Tag("")
_TRANSFORMED = "vmap or another transform of functions"
_NO_SOFTMAX = "a product of three computed matrices in which no softmax was seen"
_NO_SUM = "exponentials whose sum was not seen"
_SCRIPT = "a script with a softmax"
_OTHER_KINDS = {"flex_attention": "FlexAttention", "sparse_softmax": "a softmax of a sparse matrix"}


class Call(NamedTuple):
    """One softmax or attention of a forward pass."""

    owner: str  # path of the module that computed it
    number: int  # 1 for its first in this forward pass
    attention: bool  # False: a softmax of which is not yet known what it is for

    def name(self, model: nn.Module) -> str:
        """``"blocks.0.attention"``, ``"blocks.0.attention#2"``; the network's own bears its class's name."""
        path = self.owner or type(model).__name__
        return path if self.number == 1 else f"{path}#{self.number}"


def is_inside(path: str, owner: str) -> bool:
    """Whether a path is that of a module or of one inside it."""
    return owner in ("", path) or path.startswith(f"{owner}.")


_running = threading.local()  # .watches: those whose blocks are under way on this thread, innermost last
Observe = Callable[[Call, Tensor], Tensor | None]  # weights, keys last; what it returns takes their place


class SoftmaxWatch(TorchFunctionMode):
    """Shows the weights of every softmax to ``observe`` as they are computed, and says which became attention.

    ``confirm(call)`` is called when a softmax's weights are used in a matrix product or a weighted sum, ``began()``
    when a forward pass begins; ``changes`` says whether ``observe`` returns anything. Of several watches, the outer
    ones see the weights first, and the inner ones what those have made of them.
    """

    def __init__(
        self,
        model: nn.Module,
        observe: Observe,
        confirm: Callable[[Call], object] = lambda call: None,
        began: Callable[[], object] = lambda: None,
        changes: bool = False,
    ):
        super().__init__()
        self.owners = Owners(model, began=self._begin, alone=False)
        self._inputs: list[tuple[int, ...]] = []  # the shapes of what the network was given
        self._sequences: list[tuple[int, ...]] = []  # and of tokens the first two axes
        self._scripts = {
            path or type(model).__name__: _SCRIPT for each, path in self.owners.paths.items() if _is_script(each)
        }
        self._own: set[int] = set()  # where its parameters and buffers lie
        self._model, self.changes = model, changes
        self._observe, self.confirm, self._began = observe, confirm, began
        self._numbers: dict[str, int] = {}
        self._tags = WeakIdKeyDictionary()
        self.unread: dict[str, str] = {}  # by its owner, attention that runs where nobody can read it

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(slow_path())
            stack.enter_context(self.owners.watching())
            for module in self.owners.paths:  # a method of the network's own may call some of them alone
                if not isinstance(module, torch.jit.ScriptModule):  # it takes no hooks, and shows no softmax
                    stack.callback(module.register_forward_pre_hook(self._measure, with_kwargs=True).remove)
            watches = _running.__dict__.setdefault("watches", [])
            watches.append(self)
            stack.callback(watches.remove, self)
            stack.enter_context(self)
            yield

    def _measure(self, _module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if not self.owners.outermost:
            return
        own = (each for each in (*self._model.parameters(), *self._model.buffers()) if each.layout == torch.strided)
        self._own = {_storage(each) for each in own}
        given = [tensor for tensor in tensors_of([args, kwargs]) if tensor.ndim]
        self._inputs = [shape_of(tensor) for tensor in given]
        sequences = [each for each in given if each.ndim == 3 or (each.ndim == 2 and not each.is_floating_point())]
        self._sequences = [shape_of(tensor)[:2] for tensor in sequences]  # two axes of floats: features of examples

    def examples(self, weights: Tensor) -> int | None:
        """How many examples the first axis of some weights holds, beside heads or windows; None: it holds none."""
        if weights.ndim < 2:
            return None
        rows, firsts = len(weights), [shape[0] for shape in self._inputs]
        sides = weights.shape[-min(2, weights.ndim - 1) :]
        if weights.ndim == 2 and rows == sides[-1] and rows not in (each[0] for each in self._inputs if len(each) > 2):
            return 1 if max(map(len, self._inputs), default=0) == 2 else None  # tokens alone; or parameters
        second = [size for tokens, size in self._sequences if tokens in sides and size not in sides]  # torch's layout
        if weights.ndim > 3 and rows in (*second, *firsts):
            return rows
        for sizes in (second, firsts):
            if fitting := [size for size in sizes if size and rows % size == 0]:
                return max(fitting)
        alone = weights.ndim > 2 and any(len(shape) == 2 and shape[0] in sides for shape in self._inputs)
        return 1 if alone else None  # tokens of one example, by head

    def _begin(self) -> None:
        """A forward pass begins, or part of one is computed again."""
        if torch._C._current_autograd_node() is not None:
            return
        self._numbers, self._tags = {}, WeakIdKeyDictionary()
        self.unread.clear()
        self.unread.update(self._scripts)
        self._began()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, name = kwargs or {}, name_of_function(func)
        if func in (torch.autograd.backward, torch.autograd.grad, Tensor.backward):
            with self._on_going_back():
                return func(*args, **kwargs)
        if self is not _running.watches[-1]:  # the innermost shows it to all
            return func(*args, **kwargs)
        if name == "multi_head_attention_forward":
            return self._multi_head(func, args, kwargs)
        if name == "scaled_dot_product_attention":
            return self._dot_product(func, *args, **kwargs)
        if name.startswith("scaled_dot_product") and not name.endswith("backward"):
            return self._kernel(func, args, kwargs)
        result = func(*args, **kwargs)
        if name in _OTHER_KINDS or "attention" in name or "attn" in name:
            self._miss(_OTHER_KINDS.get(name, f"a kernel, {name}"))
        if name == "setitem":
            self._follow((func, args, kwargs), name, args, args[0], _UNKNOWN, _UNKNOWN)
        if not isinstance(result, Tensor | tuple | list):
            return result
        kwargs = {{"axis": "dim"}.get(key, key): value for key, value in kwargs.items()}  # as NumPy calls it
        args = (*args, *(kwargs[each] for each in _NAMED if each in kwargs))  # as if all were by place
        operands = args[1:] if name in _ADDED else args
        tags = self._tag(operands, 0), self._tag(operands, 1)
        if isinstance(result, Tensor) and (place := _product_place(name, *tags)) is not None:
            return self._divided(result, tags[place], tags[1 - place], args[1 - place], result is args[0])
        if isinstance(result, Tensor) and result.layout == torch.strided and not result.is_nested:
            if is_transformed(result):
                dim = self._miss(_TRANSFORMED) if name in _SOFTMAXES else None
            else:
                dim = _dim_of_weights(name, args, kwargs, result, *tags)
            if dim is not None:
                return self._shown(result, dim, tags[0], result is args[0])
        if name == "addcmul":  # as if it were written with two signs
            product = _next("mul", operands, {}, result, *tags) or _UNKNOWN
            name, operands, tags = "add", (args[0], result), (self._tag(args, 0), product)
        self._follow((func, args, kwargs), name, operands, result, *tags)
        return result

    @contextmanager
    def _on_going_back(self) -> Iterator[None]:
        """What checkpointing computes again is computed as it was before: torch turns modes off while it goes back."""
        engine: Any = torch.autograd._engine_run_backward  # pyright: ignore[reportPrivateImportUsage] -- no other

        def run(*args: Any, **kwargs: Any) -> Any:
            with self, torch.autograd.set_multithreading_enabled(False):
                return engine(*args, **kwargs)

        setattr(torch.autograd, engine.__name__, run)
        try:
            yield
        finally:
            setattr(torch.autograd, engine.__name__, engine)

    def _divided(self, result: Tensor, product: _Tag, share: _Tag, total: Tensor, in_place: bool) -> Tensor:
        """A product of an exponential with values, divided by the exponential's sum or times 1 over it."""
        e, dim = share.of, share.dim
        if total.ndim != e.ndim or total.shape[dim] != 1:  # laid out like the product
            total, share = e.sum(dim, keepdim=True), share._replace(kind="sum")
        with torch.set_grad_enabled(torch.is_grad_enabled() and any(watch.changes for watch in _running.watches)):
            weights = e * total if share.kind == "share" else e / total
            changed = self._shown(weights, dim, self._tags.get(e) or _UNKNOWN, attention=True)
        self._found(_NO_SUM)
        if changed is weights:
            return result
        fresh = product.again(changed.reshape(product.of.shape).to(e.dtype))
        return result.copy_(fresh) if in_place else fresh

    def _shown(
        self, weights: Tensor, dim: int, scores: _Tag, in_place: bool = False, attention: bool = False
    ) -> Tensor:
        """Show weights as examples, heads, queries, keys, as far as axes are known: what they became."""
        axes, keys = range(weights.ndim), dim % max(weights.ndim, 1)
        first = self._first(weights.shape, keys, scores)
        order = [*first, *(axis for axis in axes if axis != keys and axis not in first), keys][: weights.ndim]
        if weights.ndim == 4 and len(first) < 2 and self._asks(weights.shape[order[1]], weights.shape[order[2]]):
            order[1:3] = order[2:0:-1]
        laid = weights.permute(order)
        by_layer = scores.layer > 0 and (len(first) > 1 or weights.ndim < 4)
        changed, calls = self._show(laid.reshape(self._sides(laid.shape, first, by_layer)), attention, scores)
        if changed is not None:
            changed = changed.reshape(laid.shape).permute(sorted(axes, key=order.__getitem__))
            weights = weights.copy_(changed) if in_place else changed
        self._tags[weights] = scores._replace(kind="weights", source=calls, raw=False, weighted=False)
        return weights

    def _sides(self, sizes: Sequence[int], first: tuple[int, ...], by_layer: bool) -> list[int]:
        """Examples, heads, queries (of windows in several axes) and keys, of weights that lie in this order."""
        if len(sizes) < 2 or not first:
            return [*sizes]
        examples, *heads = [1, *sizes[:1]] if 0 not in first and len(sizes) == 2 else sizes[: len(first)]
        queries = sizes[len(first) : -1]
        pools = first == (0,) if len(sizes) == 2 else len(sizes) == 3 and not queries and not self._asks(sizes[1], 0)
        if not by_layer and len(sizes) < 5 and not pools:
            return [*sizes]
        extra = [1] if not queries or (len(sizes) > 4 and not by_layer) else []  # of five, some are of windows
        return [examples, math.prod(heads), *extra, *queries, sizes[-1]]

    def _asks(self, size: int, other: int) -> bool:
        """Whether an axis is as long as inputs have tokens, and another isn't: no heads, but queries."""
        tokens = [shape[1] for shape in self._sequences]
        return size in tokens and other not in tokens

    def _first(self, sizes: Sequence[int], keys: int, scores: _Tag) -> tuple[int, ...]:
        """Which axes of weights are examples and heads, as far as that can be told."""
        if len(sizes) == 3 and keys == 0 and scores.layer:
            return (1, 2)  # time before examples
        first = tuple(axis for axis in scores.first if axis != keys)
        if scores.layer == 1:  # of features in several axes the outermost are of heads, or of all the tokens
            tokens = len(sizes) == 3 and keys in scores.first and len(first) > 1 and self._asks(sizes[first[1]], 0)
            first = first[: 1 if tokens else 2]
        if len(sizes) != 3 or first:
            return first
        before, other = (axis for axis in range(3) if axis != keys)
        if sizes[before] == sizes[keys] and {len(shape) for shape in self._inputs} == {2}:
            return (other,)  # of one graph: there are no examples
        pools = keys == 1 and not self._asks(sizes[other], 0)
        return (0, other) if keys and (pools or self._asks(sizes[keys], sizes[other])) else ()

    def _show(self, weights: Tensor, attention: bool, scores: _Tag) -> tuple[Tensor | None, list[tuple[Any, Call]]]:
        """Show weights to every watch whose network is at work: what takes their place, and their calls."""
        changed, calls = None, []
        if is_transformed(weights):
            return self._miss(_TRANSFORMED), []
        folded = scores.fold > 1 and (self.examples(weights) or 0) * scores.fold == len(weights)
        weights = _unfolded(weights, scores.fold) if folded else weights
        going_back = torch._C._current_autograd_node() is not None
        for watch in list(_running.watches):
            if going_back:  # checkpointing computes it again: of which attention this is, nobody knows
                if watch.changes and watch.owners.current() is not None:
                    raise BadInput(
                        "attention under checkpointing can be changed on the way forward only: going back, it would be "
                        "what it was. Turn checkpointing off."
                    )
            elif watch.owners.at_work is not None:
                call, new = watch.shown(weights if changed is None else changed, attention)
                changed = changed if new is None else new
                calls.append((watch, call))
        if folded and changed is not None:
            changed = _unfolded(changed, len(changed) // scores.fold)
        return changed, calls

    def _miss(self, where: str) -> None:
        for watch in _running.watches:
            if (owner := watch.owners.at_work) is not None:
                watch.unread[owner or type(watch._model).__name__] = where

    def _found(self, where: str) -> None:
        """What was missed there is read after all."""
        for watch in _running.watches:
            owner = watch.owners.at_work or type(watch._model).__name__
            if watch.unread.get(owner) == where:
                del watch.unread[owner]

    def reads(self, weights: Tensor, path: str) -> None:
        """A module that somebody named returned these: neither they nor what is inside of it are hidden."""
        _running.watches[-1]._tags.pop(weights, None)
        for each in [owner for owner in self.unread if is_inside(owner, path)]:
            del self.unread[each]

    def shown(self, weights: Tensor, attention: bool) -> tuple[Call, Tensor | None]:
        """Show weights to this watch: what it is called there, and what takes its place."""
        owner = self.owners.at_work or ""
        self._numbers[owner] = number = self._numbers.get(owner, 0) + 1
        call = Call(owner, number, attention)
        return call, self._observe(call, weights)

    def _tag(self, args: Sequence[Any], place: int) -> _Tag:
        """What is known of an argument; of a list, that all in it are weights."""
        value = args[place] if len(args) > place else None
        if isinstance(value, Tensor):
            return self._tags.get(value) or _UNKNOWN
        if not isinstance(value, list | tuple):
            return _UNKNOWN
        found = [self._tags.get(each) or _UNKNOWN for each in value if isinstance(each, Tensor)]
        weights = [each for each in found if each.kind == "weights"]
        calls = [call for each in weights for call in each.source]
        return _Tag("weights", source=calls, weighted=any(each.weighted for each in weights)) if weights else _UNKNOWN

    def _follow(self, call: tuple, name: str, operands: Sequence[Any], result: Any, tag: _Tag, other: _Tag) -> None:
        """Keep track of what weights, and what could become weights, turn into."""
        _, args, kwargs = call
        known = [(each, self._tags.get(each) or _UNKNOWN) for each in tensors_of([args, kwargs])]
        exps = [each for each, tagged in known if tagged.kind == "exp"]
        if exps and name.startswith(("scatter", "index_add", "index_reduce", "segment_reduce")):
            self._miss("a softmax over an edge list")
        if not self._weighs(name, operands, tag, other):
            new = _next(name, operands, kwargs, result, tag, other)
            if name in _WRITES and new is None:
                new = next((tagged for _, tagged in known if tagged.kind == "weights"), None)
            grows = name == "mul" and isinstance(result, Tensor)
            if grows and len(exps) == 1 and result.numel() > exps[0].numel():  # the product's terms, not yet summed
                new = _Tag("terms", of=exps[0], again=partial(_with_other, *call, exps[0]), weighted=True)
            raw = {each.numel() for each, tagged in known if tagged.raw and name not in _LAYERS}
            grows = grows and bool(raw) and all(self._is_computed(each) for each, _ in known)
            for each in tensors_of(result):
                terms = grows and each.numel() > max(raw)
                is_raw = terms or each.numel() in raw or (bool(raw) and name in (*_PARTS, *_WRITES))
                if new or is_raw:
                    held = new or _UNKNOWN
                    self._tags[each] = held._replace(raw=is_raw, weighted=held.weighted or terms)
            return
        vectors = [each for each in operands[:2] if isinstance(each, Tensor) and each.ndim < 2]
        if all((self._tags.get(each) or _UNKNOWN).kind == "weights" for each in vectors):  # else of numbers
            for tensor, each in known:
                for watch, confirmed in each.source if each.kind == "weights" else ():
                    watch.confirm(confirmed)
                if each.kind == "terms":
                    again = partial(
                        lambda terms, then, new: then(terms(new)), each.again, partial(_with_other, *call, tensor)
                    )
                    self._tags[result] = _Tag("product", of=each.of, again=again)
                if each.kind == "exp" and (name not in _ADDED or kwargs.get("beta") == 0 or not args[0].any()):
                    self._tags[result] = _Tag("product", of=tensor, again=partial(_with_other, *call, tensor))
        kinds = {tagged.kind for _, tagged in known}
        computed = "weights" not in kinds and all(map(self._is_computed, tensors_of(operands)))
        hidden = computed and any(tagged.raw for _, tagged in known)
        if hidden:
            self._miss(_NO_SUM if kinds & {"exp", "terms"} else _NO_SOFTMAX)
        made, raw = _UNKNOWN, computed and not hidden
        if name == "einsum" and isinstance(args[0], str):
            made = _first_axes(args[0], result.ndim, [tagged for _, tagged in known])
        elif name in ("matmul", "bmm") and not result.is_nested:
            made = _leading(result.ndim, tag, other)
        if (made.first or raw) and not self._tag((result,), 0).kind:
            self._tags[result] = made._replace(kind="scores" if made.first else "", raw=raw)

    def _is_computed(self, tensor: Tensor) -> bool:
        """Whether it is of several matrices that are neither parameters nor buffers."""
        if tensor.ndim < 3 or tensor.is_nested or tensor.layout != torch.strided or is_transformed(tensor):
            return False
        return _storage(tensor) not in self._own

    def _weighs(self, name: str, args: Sequence[Any], tag: _Tag, other: _Tag) -> bool:
        """Whether this is a product of matrices, or sums (at once, or two) what weights were multiplied with.

        A linear layer is no product, `F.linear` of two computed matrices is; a sum outside the network is none of it.
        """
        if tag.weighted and (name in _SUMS or (name == "add" and other.weighted)):
            return self.owners.at_work is not None
        if name != "linear":
            return name in _PRODUCTS
        return not isinstance(self.owners.module, nn.Linear) and not isinstance(args[1], nn.Parameter)

    def _dot_product(
        self,
        func: Callable,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        if query.is_nested:
            self._miss("nested tensors")
            return func(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
        changes = torch.is_grad_enabled() and any(watch.changes for watch in _running.watches)
        with torch.set_grad_enabled(changes), torch.autocast(query.device.type, enabled=False):
            exact = torch.promote_types(query.dtype, torch.float32)
            mask = attn_mask._materialize(query.device) if isinstance(attn_mask, CausalBias) else attn_mask
            if mask is not None:  # 0 where it is true, else minus infinity
                mask = mask.to(exact).log() if mask.dtype == torch.bool else mask.to(exact)
            options = {"scale": scale, "enable_gqa": enable_gqa}
            inputs = (each.to(exact) for each in (query, key, value))
            _, weights = torch.ops.aten._scaled_dot_product_attention_math(
                *inputs, mask, 0.0, is_causal, None, **options
            )
            scores = _leading(weights.ndim, self._tag((query,), 0), self._tag((key,), 0))
            changed = self._shown(weights, -1, scores, attention=True)
        if seen is not None:
            seen.append(changed)
        if changed is weights:
            return func(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
        if enable_gqa:
            value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
        return F.dropout(changed, dropout_p).to(value.dtype) @ value

    def _kernel(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """A kernel of it that was called by its own name: it gives more than the output."""
        named = (each.name for each in getattr(func, "default", func)._schema.arguments)
        given: Any = dict(zip(named, args, strict=False)) | kwargs
        given["attn_mask"] = given.pop("attn_bias", given.get("attn_mask"))
        made = func(*args, **kwargs)
        wanted = inspect.signature(self._dot_product).parameters.keys() - {"func", "seen"}
        return self._dot_product(
            lambda *_, **__: made[0], **{name: given[name] for name in wanted & given.keys()}
        ), *made[1:]

    def _multi_head(self, func: Callable, args: tuple, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        """torch's own module, by way of the fused attention that it calls, which is shown here."""
        given = inspect.signature(func).bind(*args, **kwargs)
        given.apply_defaults()
        wanted, averaged = given.arguments["need_weights"], given.arguments["average_attn_weights"]
        given.arguments["need_weights"] = False
        seen: list[Tensor] = []
        fused, thread = F.scaled_dot_product_attention, threading.get_ident()

        def shown(query: Tensor, key: Tensor, *rest: Any, **named: Any) -> Tensor:
            if threading.get_ident() != thread:
                return fused(query, key, *rest, **named)
            return self._dot_product(fused, query, key, *rest, **named, seen=seen)

        F.scaled_dot_product_attention = shown
        try:
            output, _ = func(*given.args, **given.kwargs)
        finally:
            F.scaled_dot_product_attention = fused
        if not wanted:
            return output, None
        weights = seen[-1].mean(dim=1) if averaged else seen[-1]
        return output, weights if given.arguments["query"].ndim == 3 else weights.squeeze(0)


def _is_script(module: nn.Module) -> bool:
    """Whether TorchScript computes a softmax or attention in this very module."""
    scripted: Any = module if isinstance(module, torch.jit.ScriptModule) and hasattr(module, "forward") else None
    graph = "" if scripted is None else scripted.graph.str(False)  # without the paths of sources
    return "softmax" in graph or "attention" in graph


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata  # the same for all views


def _with_other(func: Callable, args: Sequence[Any], kwargs: dict[str, Any], old: Tensor, new: Tensor) -> Any:
    """A call once more, with another tensor; ``args`` as `__torch_function__` has them."""
    placed = args[: len(args) - sum(name in kwargs for name in _NAMED)]
    placed, kwargs = tree_map(lambda value: new if value is old else value, (placed, kwargs))
    return func(*placed, **kwargs)


def _product_place(name: str, tag: _Tag, other: _Tag) -> int | None:
    """Which of two arguments is a product that this divides by the sum of the exponential in it; None: neither."""
    for place, product, total in ((0, tag, other), (1, other, tag)):
        wanted = {"mul": "share", "div": "" if place else "sum"}.get(name)
        if product.kind == "product" and total.kind == wanted and total.dim is not None and _same(total.of, product.of):
            return place
    return None


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether these are the same numbers, made twice or with an axis more."""
    return one is other or (
        one.numel() == other.numel() and not one.is_meta and torch.allclose(one.flatten(), other.flatten())
    )


def _dim_of_weights(
    name: str, args: Sequence[Any], kwargs: dict[str, Any], result: Tensor, tag: _Tag, other: _Tag
) -> int | None:
    """The axis over which a result sums to 1, if it is known to; with what is known of its first two arguments."""
    if not args:
        return None
    if name in _SOFTMAXES:
        place = _DIM.get(name, 1)
        dim = kwargs.get("dim", args[place] if len(args) > place else None)
        if dim is None and name in ("softmax", "softmin"):  # as torch takes it then, and warns
            return 0 if args[0].ndim in (0, 1, 3) else 1
        return -1 if dim is None else dim
    if name == "exp" and tag.kind == "log":
        return _axis_of_ones(result) if tag.dim is None else tag.dim
    if name in ("div", "mul") and tag.kind in ("exp", "weights"):  # weights: masked, they no longer sum to 1
        wanted = "share" if name == "mul" else "sum"
        if other.kind == wanted and other.source is tag.source and other.dim is not None:
            return other.dim
    made = {tag.kind, other.kind}
    if name in ("div", "mul", "addcdiv", "addcmul") and "exp" in made and made <= {"exp", "sum", "share", "product"}:
        return _axis_of_ones(result)
    if name == "normalize" and tag.kind in ("exp", "weights") and kwargs.get("p", args[1] if len(args) > 1 else 2) == 1:
        return kwargs.get("dim", args[2] if len(args) > 2 else 1)
    return None


def _axis_of_ones(weights: Tensor) -> int | None:
    """The last axis over which they sum to 1, or to 0 where all is masked, if there is one."""
    if weights.is_meta or not weights.is_floating_point() or not weights.numel():
        return None
    near = 4 * max(torch.finfo(weights.dtype).eps, 1e-4)
    for axis in reversed(range(weights.ndim)):
        sums = weights.detach().sum(axis)
        if bool((((sums - 1).abs() < near) | (sums == 0)).all()) and bool(sums.any()):
            return axis
    return None


def _next(name: str, args: Sequence[Any], kwargs: dict[str, Any], result: Any, tag: _Tag, other: _Tag) -> _Tag | None:
    """What is known of a result, if anything, by what is known of the first two arguments."""
    dim: Any = kwargs.get("dim", args[1] if len(args) > 1 else None)
    dim = dim[0] if lists(dim, 1) else dim
    scores = _Tag("", first=tag.first, fold=tag.fold, layer=tag.layer)
    if name == "exp" and tag.kind == "logarithm":
        return tag._replace(kind="weights")
    if name in ("exp", "exp2", "rpow"):
        return scores._replace(kind="exp", source=None if tag.kind == "logsumexp" else weakref.ref(args[0]))
    if name == "pow" and isinstance(args[1], Tensor):
        return other._replace(kind="exp", source=weakref.ref(args[1]))
    if name == "log_softmax":
        return scores._replace(kind="log", dim=-1 if dim is None else dim)
    if name == "logsumexp":
        return _Tag("logsumexp", dim=dim, source=weakref.ref(args[0]))
    if name == "sub" and other.kind == "logsumexp" and tag.kind != "logsumexp":
        same = other.source is not None and other.source() is args[0]
        return scores._replace(kind="log", dim=other.dim if same else None)
    if name == "log" and tag.kind in ("sum", "weights"):
        return tag._replace(kind="logsumexp" if tag.kind == "sum" else "logarithm")
    if name == "sum" and tag.kind in ("exp", "weights") and isinstance(dim, int):
        return _Tag("sum", dim=dim, source=tag.source, of=args[0])
    if name == "reciprocal" and tag.kind == "sum":
        return tag._replace(kind="share")
    if tag.kind in ("", "folded") and not other.kind:
        if name in _LAYERS and (axis := result.ndim - (1 if name == "linear" else 1 + int(name[4]))) > 0:
            kept = [each for each in tag.first[1:] if each < axis] if tag.layer and name == "linear" else []
            return _Tag("folded", first=(0, *kept, axis), fold=tag.fold, layer=1)
        if (fold := _fold(name, args, dim, result)) > 1:
            return _Tag("folded", fold=fold)
        if tag.layer and name in _SUMS and isinstance(dim, int):
            gone, shorter = dim % args[0].ndim, result.ndim < args[0].ndim
            first = tuple(axis - (axis > gone and shorter) for axis in tag.first if axis != gone)
            return tag._replace(first=first) if gone != tag.first[0] else None
        if tag.layer and (name in (*_PARTS, *_LAID_ANEW) or _keeps(tag, name, args[0], result)):
            return _laid_anew(tag, name, args[0], result)
        same = isinstance(result, Tensor) and result.numel() == args[0].numel() if tag.kind else False
        return tag if same and result.shape[:1] == args[0].shape[:1] else None
    ranks = [(each.kind in ("sum", "logsumexp"), len(each.first), 0 in each.first) for each in (tag, other)]
    by_second = not tag.kind or (tag.kind in ("folded", "scores") and other.kind not in ("", "folded", "scores"))
    by_second |= name == "add" and ranks[1] > ranks[0]  # of positions' scores there are no examples
    held, value = (other, args[1]) if by_second else (tag, args[0])
    if tag.kind == other.kind == "weights" and tag.source is not other.source:
        held = held._replace(source=[*tag.source, *other.source])
    before, after = (sum(each.numel() for each in tensors_of(each)) for each in (value, result))
    if held.kind == "product" or (held.kind == "exp" and after < before and name not in _PARTS):
        return _Tag("sum") if after < before or held.kind == "product" else None
    if name in _BENDS and held.kind in ("sum", "share", "logsumexp"):
        return _Tag(held.kind)
    held = _laid_anew(held, name, value, result)
    spread = name in _SPREADS and value.shape[-1:] == (1,) != result.shape[-1:]
    if held.kind == "weights" and ((name == "mul" and after > before) or spread):  # each weighs several numbers
        return held._replace(weighted=True)
    averaged = name == "mean" and held.kind == "weights"  # over heads
    kept = after == before or name in _PARTS or averaged or _keeps(held, name, value, result)
    return held if kept else None


def _keeps(tag: _Tag, name: str, value: Any, result: Any) -> bool:
    """Whether a layer's numbers meet others along more axes, and have their own where they were."""
    if tag.layer != 1 or name not in ("add", "sub", "mul") or not isinstance(result, Tensor):
        return False
    return result.ndim == value.ndim and all(result.shape[axis] == value.shape[axis] for axis in tag.first)


def _laid_anew(tag: _Tag, name: str, value: Any, result: Any) -> _Tag:
    """With the axes of examples and heads where they are now: they are told by how many numbers lie between two."""
    laid = next(tensors_of(result), None)
    if not tag.first or laid is None or not (name in _LAID_ANEW or laid.ndim != value.ndim):
        return tag
    if not all(
        isinstance(each, Tensor) and each.layout == torch.strided and not each.is_nested for each in (laid, value)
    ):
        return _UNKNOWN
    reshaped = name in _RESHAPED
    had, now = ([*zip(each.shape, _steps(each, reshaped), strict=True)] for each in (value, laid))
    first = [now.index(had[tag.first[0]])] if had[tag.first[0]] in now else []
    for number, least in (had[axis] for axis in tag.first[1:] if first):  # a layer's features may have been parted
        most = number * least
        parts = [place for place, (size, step) in enumerate(now) if size > 1 and least <= step < size * step <= most]
        alone = (reshaped and laid.ndim > value.ndim) or (number == 1 and name != "squeeze")  # one head
        if alone and len(parts) < 2 and (1, most) in now:
            parts = [*{now.index((1, most)), *parts}]
        first += sorted(parts, key=lambda place: -now[place][1])
    if tag.kind == "scores" and (not first or len(first) < len(tag.first) or laid.ndim > value.ndim > 0 not in first):
        return _UNKNOWN
    return tag._replace(first=tuple(dict.fromkeys(first)), layer=tag.layer if len(first) > 1 else 0)


def _steps(tensor: Tensor, by_place: bool) -> tuple[int, ...]:
    """How many numbers lie from one entry of each axis to the next: in memory, or in the order of the axes."""
    if not by_place:
        return tensor.stride()
    return tuple(math.prod(tensor.shape[axis + 1 :]) for axis in range(tensor.ndim))


def _leading(axes: int, tag: _Tag, other: _Tag) -> _Tag:
    """Of a product of queries with keys, whose axes before the last two are examples and heads, and perhaps windows:
    then layers say which are heads."""
    before, fold = tuple(range(axes - 2)), max(tag.fold, other.fold)
    known = next((each.first for each in (tag, other) if each.layer and each.first[0] == 0), ())
    told = tuple(axis for axis in before if axis in known)
    return _Tag("scores", first=told if len(told) > 1 else before, fold=fold, layer=2 * (len(told) > 1))


def _fold(name: str, args: Sequence[Any], dim: Any, result: Any) -> int:
    """How many heads this folds into the examples, before them; 1: none."""
    if not isinstance(result, Tensor) or result.ndim < 3 or result.is_nested or result.layout != torch.strided:
        return 1
    if name in ("cat", "concat", "concatenate"):
        parts = list(tensors_of(args[0] if args else ()))
        return len(parts) if not dim and len({each.shape for each in parts}) == 1 else 1
    value: Any = args[0] if args else None
    if name not in ("reshape", "flatten") or not isinstance(value, Tensor) or value.ndim != result.ndim + 1:
        return 1
    merged = value.shape[0] * value.shape[1] == len(result) and value.shape[2:] == result.shape[1:]
    return len(value) if merged and value.stride(1) > value.stride(0) > 0 and value.shape[1] > 1 else 1


def _unfolded(weights: Tensor, fold: int) -> Tensor:
    """Rows with heads before examples, examples first; and back, where ``fold`` is the number of these."""
    return weights.unflatten(0, (fold, -1)).transpose(0, 1).flatten(0, 1) if fold > 1 else weights


def _first_axes(equation: str, axes: int, tags: Sequence[_Tag]) -> _Tag:
    """Where examples and heads are, in an `einsum` of queries with keys, "bihd,bjhd->bijh": what all three have, or
    what layers gave as features and the output has."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    queries, _, keys = inputs.partition(",")
    before = axes - len(output.removeprefix("..."))  # that three dots stand for
    layered = [
        (each, tag.first) for each, tag in zip((queries, keys), tags, strict=False) if tag.layer and "." not in each
    ]
    queries, keys, output = (each.removeprefix("...") for each in (queries, keys, output))
    made = _Tag("scores", fold=max([tag.fold for tag in tags], default=1))
    if not (queries + keys + output).isalpha():
        return made
    told = {each[axis] for each, first in layered for axis in first}
    if layered and layered[0][0][layered[0][1][0]] in output[:1] and 1 < len(told & {*output}) < len(output) - 1:
        return made._replace(first=tuple(place for place, label in enumerate(output) if label in told), layer=2)
    shared = [label for label in queries if label in keys and label in output]
    examples = max(queries, keys, key=len)[0]
    if len(queries) != len(keys) and examples in output and examples not in shared:  # of one side: keys are positions,
        shared = [examples, *shared] if examples in keys else []  # or queries are learned
    return made._replace(first=(*range(before), *(before + output.index(label) for label in shared)))


def name_of_function(func: Callable) -> str:
    """``torch.Tensor.__matmul__`` and ``aten::matmul`` as "matmul"; a property by its own name."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        name = getattr(func.__self__, "__name__", "")
    name = name.split(".")[0].removeprefix("special_").removeprefix("linalg_").strip("_")
    return _ALIASES.get(name, name)
