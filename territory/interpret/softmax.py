"""Every softmax and every attention that a network computes, whoever calls it and however it is spelled.

Which are read, which only told of (`unread`) and which neither, and how heads are told from queries:
docs/instruments.md, "Which attention is read". What is known of a tensor (an exponential, a layer's numbers, weights)
goes with it from function to function as a tag.
"""

import inspect
import math
import threading
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

from territory.errors import BadInput
from territory.interpret.tags import (
    ADDED,
    LAYERS,
    PARTS,
    PRODUCTS,
    SOFTMAXES,
    SUMS,
    UNKNOWN,
    WRITES,
    Tag,
    axes_of_einsum,
    dim_of_weights,
    known_of,
    leading_axes,
    name_of_function,
    product_place,
    unfolded,
)
from territory.models.contents import tensors_of
from territory.models.guests import is_transformed, shape_of
from territory.models.modes import alone, slow_path
from territory.models.owners import Owners

_NAMED = (  # what the first ones are called
    *("input", "logits", "x", "a", "other", "weight", "exponent", "mat1", "mat2", "batch1", "batch2"),
    *("tensor1", "tensor2", "y", "b"),
)
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
        with alone, ExitStack() as stack:
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
            if fitting := [size for size in sizes if size == rows or (size and rows % size == 0)]:
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
            self._follow((func, args, kwargs), name, args, args[0], UNKNOWN, UNKNOWN)
        if not isinstance(result, Tensor | tuple | list):
            return result
        kwargs = {{"axis": "dim"}.get(key, key): value for key, value in kwargs.items()}  # as NumPy calls it
        args = (*args, *(kwargs[each] for each in _NAMED if each in kwargs))  # as if all were by place
        operands = args[1:] if name in ADDED else args
        tags = self._tag(operands, 0), self._tag(operands, 1)
        if isinstance(result, Tensor) and (place := product_place(name, *tags)) is not None:
            return self._divided(result, tags[place], tags[1 - place], args[1 - place], result is args[0])
        if isinstance(result, Tensor) and result.layout == torch.strided and not result.is_nested:
            if is_transformed(result):
                dim = self._miss(_TRANSFORMED) if name in SOFTMAXES else None
            else:
                dim = dim_of_weights(name, args, kwargs, result, *tags)
            if dim is not None:
                return self._shown(result, dim, tags[0], result is args[0])
        if name == "addcmul":  # as if it were written with two signs
            product = known_of("mul", operands, {}, result, *tags) or UNKNOWN
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

    def _divided(self, result: Tensor, product: Tag, share: Tag, total: Tensor, in_place: bool) -> Tensor:
        """A product of an exponential with values, divided by the exponential's sum or times 1 over it."""
        e, dim = share.of, share.dim
        if total.ndim != e.ndim or total.shape[dim] != 1:  # laid out like the product
            total, share = e.sum(dim, keepdim=True), share._replace(kind="sum")
        with torch.set_grad_enabled(torch.is_grad_enabled() and any(watch.changes for watch in _running.watches)):
            weights = e * total if share.kind == "share" else e / total
            changed = self._shown(weights, dim, self._tags.get(e) or UNKNOWN, attention=True)
        self._found(_NO_SUM)
        if changed is weights:
            return result
        fresh = product.again(changed.reshape(product.of.shape).to(e.dtype))
        return result.copy_(fresh) if in_place else fresh

    def _shown(self, weights: Tensor, dim: int, scores: Tag, in_place: bool = False, attention: bool = False) -> Tensor:
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

    def _first(self, sizes: Sequence[int], keys: int, scores: Tag) -> tuple[int, ...]:
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

    def _show(self, weights: Tensor, attention: bool, scores: Tag) -> tuple[Tensor | None, list[tuple[Any, Call]]]:
        """Show weights to every watch whose network is at work: what takes their place, and their calls."""
        changed, calls = None, []
        if is_transformed(weights):
            return self._miss(_TRANSFORMED), []
        folded = scores.fold > 1 and (self.examples(weights) or 0) * scores.fold == len(weights)
        weights = unfolded(weights, scores.fold) if folded else weights
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
            changed = unfolded(changed, len(changed) // scores.fold)
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

    def _tag(self, args: Sequence[Any], place: int) -> Tag:
        """What is known of an argument; of a list, that all in it are weights."""
        value = args[place] if len(args) > place else None
        if isinstance(value, Tensor):
            return self._tags.get(value) or UNKNOWN
        if not isinstance(value, list | tuple):
            return UNKNOWN
        found = [self._tags.get(each) or UNKNOWN for each in value if isinstance(each, Tensor)]
        weights = [each for each in found if each.kind == "weights"]
        calls = [call for each in weights for call in each.source]
        return Tag("weights", source=calls, weighted=any(each.weighted for each in weights)) if weights else UNKNOWN

    def _follow(self, call: tuple, name: str, operands: Sequence[Any], result: Any, tag: Tag, other: Tag) -> None:
        """Keep track of what weights, and what could become weights, turn into."""
        _, args, kwargs = call
        known = [(each, self._tags.get(each) or UNKNOWN) for each in tensors_of([args, kwargs])]
        exps = [each for each, tagged in known if tagged.kind == "exp"]
        if exps and name.startswith(("scatter", "index_add", "index_reduce", "segment_reduce")):
            self._miss("a softmax over an edge list")
        if not self._weighs(name, operands, tag, other):
            new = known_of(name, operands, kwargs, result, tag, other)
            if name in WRITES and new is None:
                new = next((tagged for _, tagged in known if tagged.kind == "weights"), None)
            grows = name == "mul" and isinstance(result, Tensor)
            if grows and len(exps) == 1 and result.numel() > exps[0].numel():  # the product's terms, not yet summed
                new = Tag("terms", of=exps[0], again=partial(_with_other, *call, exps[0]), weighted=True)
            raw = {each.numel() for each, tagged in known if tagged.raw and name not in LAYERS}
            grows = grows and bool(raw) and all(self._is_computed(each) for each, _ in known)
            for each in tensors_of(result):
                terms = grows and each.numel() > max(raw)
                is_raw = terms or each.numel() in raw or (bool(raw) and name in (*PARTS, *WRITES))
                if new or is_raw:
                    held = new or UNKNOWN
                    self._tags[each] = held._replace(raw=is_raw, weighted=held.weighted or terms)
            return
        vectors = [each for each in operands[:2] if isinstance(each, Tensor) and each.ndim < 2]
        if all((self._tags.get(each) or UNKNOWN).kind == "weights" for each in vectors):  # else of numbers
            for tensor, each in known:
                for watch, confirmed in each.source if each.kind == "weights" else ():
                    watch.confirm(confirmed)
                if each.kind == "terms":
                    again = partial(
                        lambda terms, then, new: then(terms(new)), each.again, partial(_with_other, *call, tensor)
                    )
                    self._tags[result] = Tag("product", of=each.of, again=again)
                if each.kind == "exp" and (name not in ADDED or kwargs.get("beta") == 0 or not args[0].any()):
                    self._tags[result] = Tag("product", of=tensor, again=partial(_with_other, *call, tensor))
        kinds = {tagged.kind for _, tagged in known}
        computed = "weights" not in kinds and all(map(self._is_computed, tensors_of(operands)))
        hidden = computed and any(tagged.raw for _, tagged in known)
        if hidden:
            self._miss(_NO_SUM if kinds & {"exp", "terms"} else _NO_SOFTMAX)
        made, raw = UNKNOWN, computed and not hidden
        if name == "einsum" and isinstance(args[0], str):
            made = axes_of_einsum(args[0], result.ndim, [tagged for _, tagged in known])
        elif name in ("matmul", "bmm") and not result.is_nested:
            made = leading_axes(result.ndim, tag, other)
        if (made.first or raw) and not self._tag((result,), 0).kind:
            self._tags[result] = made._replace(kind="scores" if made.first else "", raw=raw)

    def _is_computed(self, tensor: Tensor) -> bool:
        """Whether it is of several matrices that are neither parameters nor buffers."""
        if tensor.ndim < 3 or tensor.is_nested or tensor.layout != torch.strided or is_transformed(tensor):
            return False
        return _storage(tensor) not in self._own

    def _weighs(self, name: str, args: Sequence[Any], tag: Tag, other: Tag) -> bool:
        """Whether this is a product of matrices, or sums (at once, or two) what weights were multiplied with.

        A linear layer is no product, `F.linear` of two computed matrices is; a sum outside the network is none of it.
        """
        if tag.weighted and (name in SUMS or (name == "add" and other.weighted)):
            return self.owners.at_work is not None
        if name != "linear":
            return name in PRODUCTS
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
            scores = leading_axes(weights.ndim, self._tag((query,), 0), self._tag((key,), 0))
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
