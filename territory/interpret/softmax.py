"""Every softmax and every attention that a network computes, whoever calls it and however it is spelled.

Which are read, which only told of (`unread`) and which neither, and how heads are told from queries:
docs/instruments.md, "Which attention is read". What is known of a tensor goes with it from function to function: what
it is (`tags`) and what its axes were made of (`traced`).
"""

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.guests.call import is_transformed
from territory.guests.contents import tensors_of
from territory.guests.modes import alone, replaced, slow_path
from territory.guests.owners import Owners
from territory.interpret import axes, tags
from territory.interpret.roles import Laid, lay
from territory.interpret.tags import UNKNOWN, Tag
from territory.interpret.traced import Traced, is_plain, storage, tensors_in

_NAMED = (  # what the first ones are called
    *("input", "logits", "x", "a", "other", "weight", "exponent", "mat1", "mat2", "batch1", "batch2"),
    *("tensor1", "tensor2", "y", "b"),
)
_TRANSFORMED = "vmap or another transform of functions"
_NO_SOFTMAX = "a product of three computed matrices in which no softmax was seen"
_NO_SUM = "exponentials whose sum was not seen"
_SCRIPT = "a script with a softmax"
_EDGES = ("scatter", "index_add", "index_reduce", "segment_reduce")
_OTHER_KINDS = {"flex_attention": "FlexAttention", "sparse_softmax": "a softmax of a sparse matrix"}


class Call(NamedTuple):
    """One softmax or attention of a forward pass."""

    owner: str  # path of the module that computed it
    number: int  # 1 for its first in this forward pass
    attention: bool  # False: a softmax of which is not yet known what it is for

    def name(self, model: nn.Module) -> str:
        """``"blocks.0.attention"``, ``"blocks.0.attention#2"``; the network's own bears its class's name."""
        return numbered(self.owner or type(model).__name__, self.number)


def numbered(name: str, number: int) -> str:
    """The first of several bears the name itself."""
    return name if number == 1 else f"{name}#{number}"


def is_inside(path: str, owner: str) -> bool:
    """Whether a path is that of a module or of one inside it."""
    return owner in ("", path) or path.startswith(f"{owner}.")


def here(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A module's hook for calls from this thread: a notebook may use the network while a widget asks about it."""
    thread = threading.get_ident()
    return lambda *args: hook(*args) if threading.get_ident() == thread else None


_running = threading.local()  # .watches: those whose blocks are under way on this thread, innermost last
Lay = Callable[[Tensor], Laid]


class SoftmaxWatch(TorchFunctionMode):
    """Shows the weights of every softmax to `observe` as they are computed, and says which became attention.

    To be extended. Of several watches, the outer ones see the weights first, and the inner ones what those have made of
    them. The outermost alone is a mode of torch's, or it would see what the others look at as functions of the network.
    """

    changes: Any = None  # whether `observe` returns anything

    def __init__(self, model: nn.Module):
        super().__init__()
        self.owners = Owners(model, began=self._begin, alone=False)
        self.given: list[Tensor] = []  # to the network
        self._scripts = {
            path or type(model).__name__: _SCRIPT for each, path in self.owners.paths.items() if _is_script(each)
        }
        self._own: set[int] = set()  # where its parameters and buffers lie
        self.traced = Traced(lambda where: any(where in watch._own for watch in _running.watches))
        self.model = model
        self._numbers: dict[str, int] = {}
        self._tags = WeakIdKeyDictionary()
        self.unread: dict[str, str] = {}  # by its owner, attention that runs where nobody can read it

    def observe(self, call: Call, weights: Tensor, lay: Lay) -> Tensor | None:
        """What takes the weights' place, laid as they are, if anything; ``lay`` lays them by head."""

    def confirm(self, call: Call) -> None:
        """The weights of a softmax are used in a matrix product or a weighted sum."""

    def began(self) -> None:
        """A forward pass begins."""

    def computed(self, name: str, result: Any) -> None:
        """A function that was called, and what came out."""

    @contextmanager
    def running(self) -> Iterator[Any]:
        with alone, ExitStack() as stack:
            stack.enter_context(slow_path())
            stack.enter_context(self.owners.watching())
            for module in self.owners.paths:  # a method of the network's own may call some of them alone
                if not isinstance(module, torch.jit.ScriptModule):  # it takes no hooks, and shows no softmax
                    stack.callback(module.register_forward_pre_hook(here(self._measure), with_kwargs=True).remove)
            watches = _running.__dict__.setdefault("watches", [])
            watches.append(self)
            stack.callback(watches.remove, self)
            if len(watches) == 1:
                stack.enter_context(self)
            yield

    def _measure(self, _module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if not self.owners.outermost:
            return
        own = (each for each in (*self.model.parameters(), *self.model.buffers()) if each.layout == torch.strided)
        self._own = {storage(each) for each in own}
        self.given = [*tensors_of([args, kwargs])]
        self.traced.begin(self.given)

    def _begin(self) -> None:
        """A forward pass begins, or part of one is computed again."""
        if torch._C._current_autograd_node() is not None:
            return
        self._numbers, self._tags = {}, WeakIdKeyDictionary()
        self.traced.forget()
        self.unread.clear()
        self.unread.update(self._scripts)
        self.began()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, name = kwargs or {}, tags.name_of_function(func)
        if func in (torch.autograd.backward, torch.autograd.grad, Tensor.backward):
            with self._on_going_back():
                return func(*args, **kwargs)
        result = _running.watches[-1]._call(func, name, args, kwargs)  # the innermost shows weights to all
        for watch in _running.watches:
            watch.computed(name, result)
        return result

    def _call(self, func: Callable, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
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
            self.traced.write(*args)
            self._follow((func, args, kwargs), [*tensors_of([args])], name, args, args[0], UNKNOWN, UNKNOWN)
        if not isinstance(result, Tensor | tuple | list) or type(result) is torch.Size:
            return result
        given = tensors_in(*args, *kwargs.values())
        tagged = [self._tags.get(each) or UNKNOWN for each in given]
        self.traced.follow(name, (func, args, kwargs), given, result, any(each.kind for each in tagged))
        if name not in tags.BEGINS and all(each is UNKNOWN for each in tagged):
            return result
        kwargs = {{"axis": "dim"}.get(key, key): value for key, value in kwargs.items()}  # as NumPy calls it
        args = (*args, *(kwargs[each] for each in _NAMED if each in kwargs))  # as if all were by place
        operands = args[1:] if name in tags.ADDED else args
        known = self._tag(operands, 0), self._tag(operands, 1)
        if isinstance(result, Tensor) and (found := tags.product_place(name, *known)) is not None:
            place, dim = found
            return self._divided(result, known[place], dim, known[1 - place].kind, args[1 - place], result is args[0])
        if isinstance(result, Tensor) and is_transformed(result) and name in tags.SOFTMAXES:
            self._miss(_TRANSFORMED)
        elif isinstance(result, Tensor) and is_plain(result):
            dim = tags.dim_of_weights(name, args, kwargs, result, *known)
            if dim is not None:
                return self._shown(result, dim, result is args[0])
        if name == "addcmul":  # as if it were written with two signs
            product = tags.known_of("mul", operands, {}, result, *known) or UNKNOWN
            name, operands, known = "add", (args[0], result), (self._tag(args, 0), product)
        self._follow((func, args, kwargs), given, name, operands, result, *known)
        return result

    @contextmanager
    def _on_going_back(self) -> Iterator[None]:
        """What checkpointing computes again is computed as it was before: torch turns modes off while it goes back."""
        engine: Any = torch.autograd._engine_run_backward  # pyright: ignore[reportPrivateImportUsage] -- no other

        def run(*args: Any, **kwargs: Any) -> Any:
            with self, torch.autograd.set_multithreading_enabled(False):
                return engine(*args, **kwargs)

        with replaced(torch.autograd, engine.__name__, run):
            yield

    def _divided(self, result: Tensor, product: Tag, dim: int, kind: str, total: Tensor, in_place: bool) -> Tensor:
        """A product of an exponential with values, divided by the exponential's sum or times 1 over it."""
        e = product.of
        with torch.set_grad_enabled(torch.is_grad_enabled() and any(watch.changes for watch in _running.watches)):
            plain, given = e.sum(dim, keepdim=True), total.reciprocal() if kind == "share" else total
            as_given = given.shape == plain.shape and not tags.same_numbers(given, plain)  # with an epsilon, say
            weights = e / (given if as_given else plain)  # else laid out like the product, maybe
            self.traced[weights] = self.traced.of(e)
            changed = self._shown(weights, dim, attention=True)
        self._found(_NO_SUM)
        if changed is weights:
            return result
        fresh = product.again(changed.to(e.dtype))
        return result.copy_(fresh) if in_place else fresh

    def _shown(self, weights: Tensor, dim: int, in_place: bool = False, attention: bool = False) -> Tensor:
        """Show weights to every watch whose network is at work: what they became."""
        shown, calls, made = weights, [], self.traced.of(weights)
        if is_transformed(weights):
            self._miss(_TRANSFORMED)
        elif torch._C._current_autograd_node() is not None:  # checkpointing computes it again: which, nobody knows
            if any(watch.changes and watch.owners.current() is not None for watch in _running.watches):
                raise BadInput(
                    "attention under checkpointing can be changed on the way forward only: going back, it would be "
                    "what it was. Turn checkpointing off."
                )
        else:
            for watch in [each for each in _running.watches if each.owners.at_work is not None]:
                call = watch._called(attention)
                changed = watch.observe(call, shown, partial(lay, keys=dim, axes=made))
                shown = shown if changed is None else changed
                calls.append((watch, call))
        if shown is not weights:
            weights = weights.copy_(shown) if in_place else shown
        self._tags[weights], self.traced[weights] = Tag("weights", source=calls), made
        self._latest = weights
        return weights

    def _called(self, attention: bool) -> Call:
        owner = self.owners.at_work or ""
        self._numbers[owner] = number = self._numbers.get(owner, 0) + 1
        return Call(owner, number, attention)

    def by_head(self, weights: Tensor) -> Laid:
        """Weights that nobody saw arise, keys last."""
        return lay(weights, -1, self.traced.of(weights))

    def _miss(self, where: str) -> None:
        for watch in _running.watches:
            if (owner := watch.owners.at_work) is not None:
                watch.unread[owner or type(watch.model).__name__] = where

    def _found(self, where: str) -> None:
        """What was missed there is read after all."""
        for watch in _running.watches:
            owner = watch.owners.at_work or type(watch.model).__name__
            if watch.unread.get(owner) == where:
                del watch.unread[owner]

    def reads(self, weights: Tensor, path: str) -> None:
        """A module that somebody named returned these: neither they nor what is inside of it are hidden."""
        _running.watches[-1]._tags.pop(weights, None)
        for each in [owner for owner in self.unread if is_inside(owner, path)]:
            del self.unread[each]

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

    def _follow(
        self, call: tuple, given: list[Tensor], name: str, operands: Sequence[Any], result: Any, tag: Tag, other: Tag
    ) -> None:
        """Keep track of what weights, and what could become weights, turn into."""
        known = [(each, self._tags.get(each) or UNKNOWN) for each in given]
        if name.startswith(_EDGES) and any(tagged.kind == "exp" for _, tagged in known):
            self._miss("a softmax over an edge list")
        rows = name in tags.SCATTERED and any(tagged.weighted for _, tagged in known)
        if self._weighs(name, operands, tag, other, rows):
            self._sum(call, known, name, operands, result)
            return
        new = tags.known_of(name, operands, call[2], result, tag, other)
        if tag.kind == "product" and name in axes.LAYS:
            new = tag._replace(again=_then(tag.again, call, operands[0]))
        if name in tags.WRITES and new is None:
            new = next((tagged for _, tagged in known if tagged.kind == "weights"), None)
        exps = [each for each, tagged in known if tagged.kind == "exp"]
        grows = name == "mul" and isinstance(result, Tensor)
        if grows and len(exps) == 1 and result.numel() > exps[0].numel():  # the product's terms, not yet summed
            new = Tag("terms", of=exps[0], again=partial(_with_other, *call, exps[0]), weighted=True)
        layer = name == "linear" or name in axes.CONVOLUTIONS
        raw = {each.numel() for each, tagged in known if tagged.raw and not layer}
        grows = grows and bool(raw) and all(self._is_computed(each) for each, _ in known)
        for each in tensors_of(result):
            terms = grows and each.numel() > max(raw)
            is_raw = terms or each.numel() in raw or (bool(raw) and name in (*tags.PARTS, *tags.WRITES))
            if new or is_raw:
                held = new or UNKNOWN
                self._tags[each] = held._replace(raw=is_raw, weighted=held.weighted or terms)

    def _sum(
        self, call: tuple, known: list[tuple[Tensor, Tag]], name: str, operands: Sequence[Any], result: Any
    ) -> None:
        """Weights that are used are confirmed; of a product of an exponential is kept how it was made."""
        _, args, kwargs = call
        vectors = [each for each in operands[:2] if isinstance(each, Tensor) and each.ndim < 2]
        if all((self._tags.get(each) or UNKNOWN).kind == "weights" for each in vectors):  # else of numbers
            for tensor, each in known:
                for watch, confirmed in each.source if each.kind == "weights" else ():
                    watch.confirm(confirmed)
                if each.kind == "terms":
                    self._tags[result] = Tag("product", of=each.of, again=_then(each.again, call, tensor))
                if each.kind == "exp" and (name not in tags.ADDED or kwargs.get("beta") == 0 or not args[0].any()):
                    self._tags[result] = Tag("product", of=tensor, again=partial(_with_other, *call, tensor))
        kinds = {tagged.kind for _, tagged in known}
        sides = [*tensors_of(operands)]
        product = "weights" not in kinds and (name != "einsum" or len(sides) > 1)  # of one, it sums
        computed = product and all(map(self._is_computed, sides))
        hidden = computed and any(tagged.raw for _, tagged in known)
        if hidden:
            self._miss(_NO_SUM if kinds & {"exp", "terms"} else _NO_SOFTMAX)
        if computed and not hidden and not self._tag((result,), 0).kind:
            self._tags[result] = Tag("", raw=True)

    def _is_computed(self, tensor: Tensor) -> bool:
        """Whether it is of several matrices that are neither parameters nor buffers."""
        return tensor.ndim > 2 and is_plain(tensor) and not self.traced.is_own(tensor)

    def _weighs(self, name: str, args: Sequence[Any], tag: Tag, other: Tag, rows: bool) -> bool:
        """Whether this is a product of matrices, or sums (at once, or two) what weights were multiplied with.

        ``rows``: such that are here and there. A linear layer is no product, `F.linear` of two computed matrices is; a
        sum outside the network is none of it.
        """
        if rows or (tag.weighted and (name in tags.SUMS or (name == "add" and other.weighted))):
            return self.owners.at_work is not None
        if name != "linear":
            return name in tags.PRODUCTS
        return not isinstance(self.owners.module, nn.Linear) and not isinstance(args[1], nn.Parameter)

    def _dot_product(
        self,
        func: Callable,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Any = None,  # a tensor, or torch's CausalBias
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        options: Any = {"scale": scale, "enable_gqa": enable_gqa}
        fused = partial(func, query, key, value, attn_mask, dropout_p, is_causal, **options)
        if query.is_nested:
            self._miss("nested tensors")
            return fused()
        changes = torch.is_grad_enabled() and any(watch.changes for watch in _running.watches)
        with torch.set_grad_enabled(changes), torch.autocast(query.device.type, enabled=False):
            exact = torch.promote_types(query.dtype, torch.float32)
            # To import CausalBias, which brings torch's compiler along, would take a second.
            mask = attn_mask._materialize(query.device) if hasattr(attn_mask, "_materialize") else attn_mask
            if mask is not None:  # 0 where it is true, else minus infinity
                mask = mask.to(exact).log() if mask.dtype == torch.bool else mask.to(exact)
            inputs = (each.to(exact) for each in (query, key, value))
            _, weights = torch.ops.aten._scaled_dot_product_attention_math(
                *inputs, mask, 0.0, is_causal, None, **options
            )
            sides = query, key
            if enable_gqa:
                call = Tensor.repeat_interleave, (key, query.shape[-3] // key.shape[-3]), {"dim": -3}
                sides = query, call[0](*call[1], **call[2])
                self.traced.follow("repeat_interleave", call, [key], sides[1], False)
            self.traced[weights] = axes.product_axes("...id,...jd->...ij", sides, [*map(self.traced.of, sides)])
            changed = self._shown(weights, -1, attention=True)
        if changed is weights:
            made = fused()
        else:
            if enable_gqa:
                value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
            made = F.dropout(changed, dropout_p).to(value.dtype) @ value
        self.traced[made] = self.traced.of(query)
        return made

    def _kernel(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """A kernel of it that was called by its own name: it gives more than the output."""
        named = (each.name for each in getattr(func, "default", func)._schema.arguments)
        given: Any = dict(zip(named, args, strict=False)) | kwargs
        given["attn_mask"] = given.pop("attn_bias", given.get("attn_mask"))
        made = func(*args, **kwargs)
        wanted = inspect.signature(self._dot_product).parameters.keys() - {"func"}
        return self._dot_product(
            lambda *_, **__: made[0], **{name: given[name] for name in wanted & given.keys()}
        ), *made[1:]

    def _multi_head(self, func: Callable, args: tuple, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        """torch's own module, by way of the fused attention that it calls, which is shown here."""
        given = inspect.signature(func).bind(*args, **kwargs)
        given.apply_defaults()
        wanted, averaged = given.arguments["need_weights"], given.arguments["average_attn_weights"]
        given.arguments["need_weights"] = False
        fused, thread = F.scaled_dot_product_attention, threading.get_ident()

        def shown(query: Tensor, key: Tensor, *rest: Any, **named: Any) -> Tensor:
            if threading.get_ident() != thread:
                return fused(query, key, *rest, **named)
            for each, side in ((query, "query"), (key, "key")):
                tokens, *examples, _ = self.traced.of(given.arguments[side])
                heads, size = axes.own_axes(each.shape[1::2], axes.FEATURE)
                self.traced[each] = (*(examples or [()]), heads, tokens, size)
            return self._dot_product(fused, query, key, *rest, **named)

        with replaced(F, "scaled_dot_product_attention", shown):
            output, _ = func(*given.args, **given.kwargs)
        self.traced[output] = self.traced.of(given.arguments["query"])
        if not wanted:
            return output, None
        weights = self._latest.mean(dim=1) if averaged else self._latest
        return output, weights if given.arguments["query"].ndim == 3 else weights.squeeze(0)


def _is_script(module: nn.Module) -> bool:
    """Whether TorchScript computes a softmax or attention in this very module."""
    scripted: Any = module if isinstance(module, torch.jit.ScriptModule) and hasattr(module, "forward") else None
    graph = "" if scripted is None else scripted.graph.str(False)  # without the paths of sources
    return "softmax" in graph or "attention" in graph


def _then(again: Callable, call: tuple, old: Tensor) -> Callable:
    """A call after another, with what that made in place of what it had made."""
    func, args, kwargs = call
    return lambda new: _with_other(func, args, kwargs, old, again(new))


def _with_other(func: Callable, args: Sequence[Any], kwargs: dict[str, Any], old: Tensor, new: Tensor) -> Any:
    """A call once more, with another tensor; ``args`` as `__torch_function__` has them."""
    placed = args[: len(args) - sum(name in kwargs for name in _NAMED)]
    placed, kwargs = tree_map(lambda value: new if value is old else value, (placed, kwargs))
    return func(*placed, **kwargs)
