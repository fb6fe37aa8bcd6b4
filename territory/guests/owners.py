"""Which module of a guest is at work at every step, and what its operators are.

Nothing here changes the network: hooks are torch's global ones, so no module carries a hook of ours and none takes
another way because it is watched.
"""

import threading
import traceback
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from territory.errors import BadInput
from territory.guests.call import WHOLE, Call, in_words, is_transformed, paths_of, script_steps, unfolds
from territory.guests.contents import OPEN, tensors_of
from territory.guests.modes import eagerly, replaced

Left = Callable[[str, nn.Module, tuple, dict, Any], None]  # path, module, its arguments, its output


class Owners:
    """Which module of a network every step of a forward and a backward pass belongs to.

    Forward, the innermost module at work. Backward, the module in whose forward the node of autograd's graph was made:
    nodes are numbered as they are made, so the numbers at which the work changed hands say whose a node is. What
    checkpointing computes again during the backward pass belongs to the module that computes it.
    """

    def __init__(
        self,
        model: nn.Module,
        transparent: Callable[[nn.Module], bool] = lambda module: False,
        switched: Callable[[], object] | None = None,
        left: Left | None = None,
        began: Callable[[], object] | None = None,
        alone: bool = True,
    ):
        """``transparent`` modules' work is that of the module around them. ``alone``: no other thread uses the network.

        Called are ``switched`` at every change, ``left`` when a module has finished, and ``began`` when a forward pass
        begins.
        """
        paths = paths_of(model)
        self.paths = {module: path for module, path in paths.items() if not transparent(module)}
        self._thread, self._alone = threading.get_ident(), alone
        self._elsewhere: list[str] = []  # layers that ran in another thread, or operators of theirs
        self._made: _Made | None = None
        self._stack: list[tuple[nn.Module, str]] = []
        self._switched, self._left, self._began = switched, left, began
        self._starts: list[int] = [-1]
        self._owners: list[str | None] = [None]

    @property
    def module(self) -> nn.Module | None:
        """The innermost module whose forward is under way; None between forward passes."""
        return self._stack[-1][0] if self._stack else None

    @property
    def outermost(self) -> bool:
        """Whether no other module of the network called it."""
        return len(self._stack) == 1

    @property
    def at_work(self) -> str | None:
        """Its path."""
        return self._stack[-1][1] if self._stack else None

    def current(self) -> str | None:
        """Whose step this is; None: nobody's."""
        node = torch._C._current_autograd_node() if not self._stack else None
        return self.at_work if node is None else self.owner_of(node)

    def owner_of(self, node: Any) -> str | None:
        """The module in whose forward this node of the graph was made."""
        return self._owners[bisect_right(self._starts, node._sequence_nr()) - 1]

    @property
    def layer(self) -> str:
        """Whose step this is, in words."""
        return self.current() or WHOLE

    @contextmanager
    def watching(self, call: Call | None = None, back: bool = True) -> Iterator[None]:
        """With a ``call``, BadInput also where it takes a tensor that another thread made or wrote: see `_Made`.

        ``back``: the block goes the way back too.
        """
        strange: list[str] = []  # layers that took a tensor from elsewhere
        with ExitStack() as stack:
            stack.callback(register_module_forward_pre_hook(self._enter).remove)
            leave = register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
            stack.callback(_global_forward_hooks_with_kwargs.pop, leave.id, None)  # torch 2.13 forgets to
            stack.callback(leave.remove)
            stack.enter_context(eagerly())
            if self._alone:
                stack.enter_context(self._threads_noted())
            if call is not None:  # TorchScript compares constants by operators, some of which aren't tensors to a mode
                stack.enter_context(torch.jit.optimized_execution(False))  # pyright: ignore[reportPrivateImportUsage]
                self._made = _Made(call, lambda: strange.append(self.layer))
                stack.enter_context(self._made.watching())
            yield
            if call is not None and strange and not self._elsewhere:
                strange.clear()  # constants, maybe: what is new in a second pass too is made in each
                outputs = call()
                self.look(call.gradients(outputs) if back else ())
        if self._alone and (found := self._elsewhere + strange):
            raise BadInput(
                f"layer {found[0]} has work done in another thread, where torch shows nobody what it is: "
                "measure it without threads."
            )

    @contextmanager
    def _threads_noted(self) -> Iterator[None]:
        """What a forward pass hands to other threads says whether it calls operators there."""
        start, submit = threading.Thread.start, ThreadPoolExecutor.submit

        def noted(work: Callable[..., Any]) -> Callable[..., Any]:
            back = torch._C._current_autograd_node() is not None
            if threading.get_ident() != self._thread or not (self._stack or back):
                return work
            return _Noted(partial(self._elsewhere.append, self.layer), work).run

        def started(thread: Any) -> None:
            thread.run = noted(thread.run)
            start(thread)

        def submitted(pool: Any, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            return submit(pool, noted(work), *args, **kwargs)

        with replaced(threading.Thread, "start", started), replaced(ThreadPoolExecutor, "submit", submitted):
            yield

    def look(self, value: Any) -> None:
        """Whether all tensors in a value are of operators that were seen."""
        if self._made is not None:
            self._made.look(value)

    def _enter(self, module: nn.Module, args: tuple) -> None:
        if module in self.paths and threading.get_ident() != self._thread:
            self._elsewhere.append(self.paths[module] or WHOLE)
        elif module in self.paths:
            if not self._stack and self._began is not None:
                self._began()
            if self._stack:
                self.look(args)  # while the module that calls this one is at work
            self._stack.append((module, self.paths[module]))
            self._note()

    def _leave(self, module: nn.Module, args: tuple, *kwargs_and_output: Any) -> Any:
        """After an error torch calls this without the keywords. What a generator still does is the network's work."""
        if module not in self.paths or threading.get_ident() != self._thread:
            return None
        unread = len(self._stack) == 1 and isinstance(kwargs_and_output[-1], Iterator)
        if unread:
            kwargs_and_output = (*kwargs_and_output[:-1], iter(list(kwargs_and_output[-1])))
        self.look(kwargs_and_output[-1])
        if self._left is not None and len(kwargs_and_output) == 2:
            self._left(self.paths[module], module, args, *kwargs_and_output)
        while self._stack and self._stack.pop()[0] is not module:
            pass
        self._note()
        return kwargs_and_output[-1] if unread else None

    def _note(self) -> None:
        self._starts.append(torch.autograd._get_sequence_nr())  # pyright: ignore[reportPrivateImportUsage] -- no other
        self._owners.append(self.at_work)
        if self._switched is not None:
            self._switched()


class Watch(TorchDispatchMode, ABC):
    """Shows every operator of this thread to `ran`."""

    supports_higher_order_operators = True

    @abstractmethod
    def ran(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        """An operator that was called, and what came out."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        if any(map(unfolds, types)):
            return NotImplemented  # of a class of its own: the operators that it unfolds into come next
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self.ran(func, args, kwargs, out)
        return out


class Operators(Watch):
    """Shows those in ``whole`` as they are, all others as what they are made of; keeps the words of a refusal."""

    whole: Container[Any] = ()
    refused: BadInput | None = None  # TorchScript loses the words of what is raised inside it
    searching = False  # for the layer inside TorchScript

    @abstractmethod
    def judge(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        """As `ran`; BadInput, with the layer's name, where an operator can't be judged."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        own = any(map(unfolds, types)) or any(tensor.is_nested for tensor in tensors_of([args, kwargs]))  # own kernels
        if hasattr(func, "decompose") and not own and func._overloadpacket not in self.whole:
            with self:  # under torch.no_grad it comes in one piece
                out = func.decompose(*args, **(kwargs or {}))
            if out is not NotImplemented:
                return out
        return super().__torch_dispatch__(func, types, args, kwargs)

    def ran(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        try:
            self.judge(func, args, kwargs, out)
        except BadInput as refused:
            if self.searching:
                raise
            self.searching = True
            inside = in_words(script_steps((frame for frame, _ in traceback.walk_stack(None)), self))
            self.refused = BadInput(f"{refused} It is TorchScript{inside}.") if inside else refused
            raise self.refused from None

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if self.refused is not None:
            raise self.refused


class _Noted(Watch):
    """Work for another thread that notes every operator."""

    def __init__(self, note: Callable[[], object], work: Callable[..., Any]):
        super().__init__()
        self.note, self.work = note, work

    def run(self, *args: Any, **kwargs: Any) -> Any:
        with self:
            return self.work(*args, **kwargs)

    def ran(self, *_: Any) -> None:
        self.note()


class _Made(Watch):
    """Knows what operators of this thread made, and how often they wrote to it; all else was done elsewhere.

    Nobody can look into a thread that waits for work, but what it hands back, somebody here uses or returns.
    """

    def __init__(self, call: Call, found: Callable[[], object]):
        """``found`` is called at each tensor that is from elsewhere, or was written there."""
        super().__init__()
        self.found = found
        self.writes: Any = WeakIdKeyDictionary()  # storage -> writes of operators seen here
        self.seen: Any = WeakIdKeyDictionary()  # tensor -> its storage, and writes by others when it was first seen
        self.kept: list[Any] = []  # or another storage would take the place of one that was looked at
        kept = [value for module in call.model.modules() for value in vars(module).values()]
        self._made([call.tensors, [value for value in kept if isinstance(value, (Tensor, tuple, *OPEN))]])

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What says that it wrote without an operator, as kernels of a network's own do, is believed."""
        context, graph = torch.autograd.function.FunctionCtx, torch.autograd.graph
        mark_dirty, increment = context.mark_dirty, graph.increment_version

        def marked(ctx: Any, *tensors: Any) -> None:
            self._written(tensors)
            mark_dirty(ctx, *tensors)

        def incremented(tensors: Any) -> None:
            self._written(tensors)
            increment(tensors)

        with replaced(context, "mark_dirty", marked), replaced(graph, "increment_version", incremented), self:
            yield

    def ran(self, func: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        if getattr(getattr(func, "_schema", None), "is_mutable", False):
            self._written([args, kwargs])
        self._made(out)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is not torch.ops.aten.lift_fresh.default and not any(map(unfolds, types)):
            self.look([args, kwargs])  # what is not lifted: `torch.tensor` has just made that of numbers
        return super().__torch_dispatch__(func, types, args, kwargs)

    def look(self, value: Any) -> None:
        for tensor, storage, version in _storages_of(value):
            known, unseen = storage in self.writes, version - self.writes.setdefault(storage, 0)
            own, before = self.seen.get(tensor, (None, unseen))
            if (not known or (own == storage._cdata and unseen > before)) and storage.resizable():  # NumPy's are not
                self.found()
                self.kept.append(storage)
            if own != storage._cdata or unseen > before:
                self.seen[tensor] = storage._cdata, unseen

    def _made(self, value: Any) -> None:
        for tensor, storage, version in _storages_of(value):
            if storage not in self.writes:  # else a view, whose version isn't set yet
                self.seen[tensor] = storage._cdata, version - self.writes.setdefault(storage, 0)

    def _written(self, value: Any) -> None:
        for _, storage, _ in _storages_of(value):
            self.writes[storage] = self.writes.get(storage, 0) + 1


def _storages_of(value: Any) -> Iterator[tuple[Tensor, Any, int]]:
    """Dense tensors with the storage of each, and how often it or a view of it was written to."""
    for tensor in tensors_of(value):
        plain = not (unfolds(type(tensor)) or is_transformed(tensor) or tensor.is_mkldnn or tensor._is_zerotensor())
        if plain and tensor.layout == torch.strided:
            yield tensor, tensor.untyped_storage(), 0 if tensor.is_inference() else tensor._version
