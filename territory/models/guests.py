"""Any torch module as a guest: call it, go back through it, and say in words what it could not do.

What every instrument shares, with `owners`, which knows which of its modules is at work; `modes` leaves the guest as it
was found.
"""

import copy
import copyreg
import inspect
import os
import re
import sys
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, MappingView
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from inspect import Parameter
from types import CoroutineType, FrameType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._python_dispatch import _disable_current_modes

from territory.errors import BadInput, told
from territory.models.modes import OPEN, held_by, leaf, rebuilt, set_training

OTHER = "(other)"  # what no module did
ITSELF = "(itself)"  # a module beside a child of its own name
Inputs = Any  # arguments by position (list, tuple), by keyword (mapping), or one alone: see `Call`
_PLAIN = (str, bytes, int, float, complex, type, type(None), nn.Module, torch.device, torch.dtype)
_LISTED: Any = (tuple, list, set, frozenset, deque, MappingView)
_LATE = (Awaitable, AsyncIterator, Iterator, Future, torch.Future)
_FUNCTIONS = (FunctionType, MethodType, partial)


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in a tensor, container, dataclass or plain object, however deep, each container once."""
    return _parts_of(value, Tensor, set())


def _parts_of(value: Any, kinds: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(value, kinds):
        yield value
    elif not isinstance(value, _PLAIN) and id(value) not in seen:
        seen.add(id(value))
        for each in _members(value):
            yield from _parts_of(each, kinds, seen)


def _members(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, _LISTED):
        return list(value)
    if callable(value):
        return []
    return list(_attributes(value).values())


def _attributes(value: Any) -> dict[str, Any]:
    slots = copyreg._slotnames(type(value))  # pyright: ignore[reportAttributeAccessIssue] -- the standard library's own
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots if hasattr(value, name)}}


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """A nested tensor's is that of its padded form."""
    return tuple(dense(tensor).shape if tensor.is_nested else tensor.shape)


def paths_of(model: nn.Module) -> dict[nn.Module, str]:
    """Each module's path, a shared one's first; what `torch.compile` wraps bears the name it had before.

    No two have the same: a child called "a.b" beside b of a becomes "a.b'".
    """
    paths: dict[nn.Module, str] = {}
    taken = {OTHER, ITSELF}
    for full, module in model.named_modules():
        path = ".".join(part for part in full.split(".") if part != "_orig_mod")
        if path in taken:
            path = full
        while path in taken:
            path += "'"
        paths[module] = path
        if type(module).__name__ != "OptimizedModule":  # what it wraps comes next
            taken.add(path)
    return paths


def check_model(model: nn.Module) -> None:
    """Raises BadInput unless ``model`` is a torch module (not its class) whose weights have sizes and are open."""
    if not isinstance(model, nn.Module):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        hint = "Is it a class not yet built, or a state_dict?"
        if isinstance(model, str | os.PathLike):
            got, hint = f"{got} {str(model)!r}", f"Load it first: territory.load_agent({str(model)!r}).model"
        elif isinstance(getattr(model, "model", None), nn.Module):
            hint = "Hand over its network: .model"
        elif callable(getattr(model, "module", None)):
            hint = "Hand over its network: .module()"
        raise BadInput(f"expected a torch module; got {got}. {hint}")
    try:
        paths = paths_of(model)
    except TypeError as error:
        hint = "Is one a dataclass? Use eq=False."
        raise BadInput(f"torch itself can't list the layers: {told(error)}. {hint}") from error
    for module, path in paths.items():
        own = [*module._parameters.values(), *module._buffers.values()]
        if any(isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in own):
            raise BadInput(
                f"{type(model).__name__} has lazy layers without a size yet ({path or 'itself'}): call it once on its "
                "inputs before."
            )
        if any(parameter.is_inference() for parameter in module.parameters(recurse=False)):
            raise BadInput(f"layer {path or 'itself'} was made under torch.inference_mode, for ever: make it outside.")
        if "_fsdp_wrapped_module" in module._modules or any(hasattr(each, "device_mesh") for each in own):
            raise BadInput(f"layer {path or 'itself'} is sharded over processes: measure it before that.")
        if any(hasattr(parameter, "fake_mode") for parameter in module.parameters(recurse=False)):
            raise BadInput(
                f"layer {path or 'itself'} has fake weights, which compute nothing: make it on meta instead."
            )
        named = {*vars(module), *module._modules.keys()}  # its own __getattr__ isn't asked
        if "_packed_params" in named or (
            isinstance(module, torch.jit.ScriptModule) and hasattr(module, "_packed_params")
        ):
            raise BadInput(f"layer {path or 'itself'} is quantised, its weights packed away: measure it before that.")


def name_of(model: nn.Module) -> str:
    """What it says that it is called, or its class's name; its own ``__getattr__`` isn't asked."""
    name = inspect.getattr_static(model, "name", None)
    return name if isinstance(name, str) else type(model).__name__


def device_of(model: nn.Module, *others: torch.device) -> torch.device:
    """Where the model's first parameter or buffer lives; of a model without any the first of the others, or the CPU."""
    own = (tensor.device for tensor in (*model.parameters(), *model.buffers()))
    return next(own, next(iter(others), torch.device("cpu")))


class Call:
    """A network with inputs of its own: copies, so that what it does to them in place is not done to the caller's.

    A list or tuple holds the positional arguments, and a mapping those by keyword if ``forward`` takes such; anything
    else, and so a mapping inside a tuple or a named tuple, is one argument.
    """

    def __init__(self, model: nn.Module, inputs: Inputs, hint: str = ""):
        """``hint``: what to add where the network can't take the inputs."""
        check_model(model)
        functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue] -- not declared
        if functorch.peek_interpreter_stack() is not None:
            raise BadInput("called inside a function that torch.func or torch.compile changes: call it outside.")
        self.model, self._hint = model, hint
        self.args, self.kwargs = (), {}
        if isinstance(inputs, Mapping) and _binds(model, **inputs):
            self.kwargs = _own(dict(inputs))
        elif isinstance(inputs, list | tuple) and not (hasattr(inputs, "_fields") and _binds(model, inputs)):
            self.args = _own(tuple(inputs))
        else:
            self.args = (_own(inputs),)
            if isinstance(inputs, Mapping) and inputs:
                self._hint += f" Its forward takes no such keywords as {', '.join(map(str, inputs))}."
        self._open = not all(map(_is_closed, (*self.args, *self.kwargs.values())))
        given = [tensor.device for tensor in self.tensors]
        self.device = device_of(model, *given)
        if given and self.device not in given:
            raise BadInput(f"inputs: expected tensors on {self.device} like the model; got {given[0]}.")

    def __call__(self) -> Any:
        """The network's output; whatever goes wrong becomes a BadInput that names the shapes and the layer."""
        with self.explained("cannot take inputs of shapes", self._hint):
            args, kwargs = self.args, self.kwargs
            if self._open:  # a list that grows from call to call would hold another pass's graph
                args, kwargs = _own((args, kwargs), lambda tensor: tensor)
            try:
                output = self.model(*args, **kwargs)
            except RuntimeError as error:
                if str(error).rstrip().endswith("\nRuntimeError:"):  # TorchScript lost the words, under a mode
                    with _disable_current_modes():
                        self.model(*args, **kwargs)
                raise
            output = list(output) if isinstance(output, Iterator) else output
        _check_finished(self.model, output)
        return output

    def training(self, mode: bool) -> None:
        """Put the network into training or evaluation mode."""
        with self.explained("can't change between training and evaluation mode, for inputs of shapes"):
            set_training(self.model, mode)

    @property
    def tensors(self) -> list[Tensor]:
        return list(tensors_of([self.args, self.kwargs]))

    def explained(self, what: str, hint: str = "") -> Any:
        return explained(self.model, self.tensors, what, hint)

    def gradients(self, outputs: Any) -> list[Tensor | None]:
        """A backward pass as ``backward()`` has it, from all outputs to all leaves; where nothing of ours learns, none.

        Gradients go nowhere else, except with the reentrant kind of checkpointing, which only knows ``.grad``.
        """
        roots = roots_of(outputs)
        nodes = graph_of([root.grad_fn for root in roots])
        leaves = [node.variable for node in nodes if hasattr(node, "variable")]
        own = (*self.model.parameters(), *self.tensors)
        learns = any(each.requires_grad for each in own) or any(each.requires_grad for each in held_by(self.model)[1])
        return self.derivatives(roots, leaves) if leaves and learns else []

    def derivatives(self, roots: list[Tensor], targets: list[Any]) -> list[Tensor | None]:
        """Of the sum of all roots; None where nothing leads to a target.

        By the engine itself: `torch.autograd.grad` would leave the modes that are on, and what checkpointing computes
        again must run as it did before.
        """
        engine: Any = torch.autograd.Variable._execution_engine
        ones = tuple(torch.ones_like(root) for root in roots)
        nodes = graph_of([root.grad_fn for root in roots])
        reentrant = any(type(node).__name__ == "CheckpointFunctionBackward" for node in nodes)
        with (
            self.explained("has no backward pass on inputs of shapes"),
            torch.autograd.set_multithreading_enabled(False),
        ):
            if not reentrant:
                return list(engine.run_backward(tuple(roots), ones, False, False, tuple(targets), True, False))
            engine.run_backward(tuple(roots), ones, False, False, (), True, True)
        found = [target.grad for target in targets]
        for target in targets:
            target.grad = None
        return found


@contextmanager
def explained(model: nn.Module, inputs: Iterable[Tensor], what: str, hint: str = "") -> Iterator[None]:
    """An error inside the block becomes a BadInput: the model, what it can't, the inputs' shapes, the layer and why."""
    try:
        yield
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        shapes = ", ".join(str(shape_of(tensor)) for tensor in inputs) or "(no tensors)"
        if isinstance(error, RecursionError):
            raise BadInput(
                f"{type(model).__name__} {what} {shapes}: more than {sys.getrecursionlimit()} calls inside one "
                "another. Are layers nested hundreds deep? Watched, one takes three: sys.setrecursionlimit allows more."
            ) from error
        if "FakeTensor" in str(error):
            hint += " It works with fake tensors (FakeTensorMode), which can't be watched: make them on meta instead."
        if not torch.is_grad_enabled() and "does not require grad" in str(error):
            hint += " It runs without gradients here, so what takes one itself needs torch.enable_grad around it."
        raise BadInput(f"{type(model).__name__} {what} {shapes}{_where(model, error)}: {told(error)}.{hint}") from error


def roots_of(outputs: Any) -> list[Tensor]:
    """Where a backward pass begins: every output that has a gradient, a sparse one written out."""
    return [each if each.is_nested else dense(each) for each in tensors_of(outputs) if each.requires_grad]


def graph_of(roots: list[Any]) -> Iterator[Any]:
    """Every node of autograd's graph behind some."""
    waiting = [root for root in roots if root is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        yield node
        fresh = {before for before, _ in node.next_functions if before is not None} - seen
        seen |= fresh
        waiting += fresh


def is_transformed(tensor: Tensor) -> bool:
    """Whether a transform of functions (vmap, grad) is under way: torch has no public way to ask."""
    functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue] -- not declared
    return functorch.is_functorch_wrapped_tensor(tensor)


def unfolds(kind: Any) -> bool:
    """Whether a class of tensors takes operators apart itself."""
    inherited: Any = Tensor.__torch_dispatch__  # pyright: ignore[reportAttributeAccessIssue] -- its stub lacks self
    return kind.__torch_dispatch__ is not inherited


def dense(tensor: Tensor) -> Tensor:
    """A sparse or nested tensor written out, as part of the graph."""
    if tensor.is_nested:
        return torch.nested.to_padded_tensor(tensor, 0.0)
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _own(value: Any, each: Callable[[Tensor], Tensor] = leaf, made: dict[int, Any] | None = None) -> Any:
    """A copy of inputs, the same thing the same copy; tensors as leaves of their own (or as ``each`` makes them)."""
    made = {} if made is None else made
    if isinstance(value, np.ndarray):
        raise BadInput("inputs: expected tensors; got a NumPy array. Use torch.from_numpy.")
    if isinstance(value, Iterator):
        raise BadInput(f"inputs: each pass reads them anew, and a {type(value).__name__} is read once. Use a list.")
    if isinstance(value, _PLAIN) or (callable(value) and not isinstance(value, Tensor)) or id(value) in made:
        return made.get(id(value), value)
    made[id(value)] = value  # until it is there: a container may hold itself
    if isinstance(value, Tensor):
        made[id(value)] = each(value)
    elif isinstance(value, (*OPEN, tuple)):
        made[id(value)] = rebuilt(value, lambda inner: _own(inner, each, made))
    else:
        whole = isinstance(value, np.random.Generator | np.random.RandomState)
        try:
            made[id(value)] = fresh = copy.deepcopy(value) if whole else copy.copy(value)
        except TypeError as error:
            if not _attributes(value):  # a lock, say
                return value
            raise BadInput(f"inputs: each pass has its own copy, but {told(error)}.") from error
        for name, inner in _attributes(fresh).items():
            object.__setattr__(fresh, name, _own(inner, each, made))
    return made[id(value)]


def _is_closed(value: Any) -> bool:
    """Whether nobody can put anything else into it."""
    return all(map(_is_closed, value)) if isinstance(value, tuple) else isinstance(value, (Tensor, *_PLAIN))


def _check_finished(model: nn.Module, output: Any) -> None:
    """Raises BadInput where there is work that somebody else would do, when the forward pass has long returned."""
    parts = list(_parts_of(output, (Tensor, *_LATE, *_FUNCTIONS), set()))
    computed = any(isinstance(part, Tensor) for part in parts)
    for part in parts:
        if isinstance(part, CoroutineType):
            part.close()  # else Python warns that nobody awaited it
        if isinstance(part, _LATE) or (isinstance(part, _FUNCTIONS) and not computed):
            raise BadInput(
                f"{type(model).__name__} returns work that is still to be done ({type(part).__name__}), after its "
                "forward pass, where nobody sees it. Measure a module around it whose forward does that work."
            )


def _binds(model: nn.Module, *args: Any, **named: Any) -> bool:
    """Whether ``forward`` says that it takes these; where it says ``(*args, **kwargs)``, that of a module inside."""
    try:
        signature = inspect.signature(model.forward)
        if [each.kind for each in signature.parameters.values()] == [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD]:
            return any(_binds(inner, *args, **named) for inner in model.children())
        signature.bind(*args, **named)
    except (TypeError, ValueError):
        return False
    return True


def _where(model: nn.Module, error: BaseException) -> str:
    """The innermost module in whose code an error arose, as a phrase."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]
    paths = paths_of(model)
    owners = (frame.f_locals.get("self") for frame in frames)
    found = next((owner for owner in owners if isinstance(owner, nn.Module) and owner in paths), model)
    inside = script_steps(frames) if isinstance(found, torch.jit.ScriptModule) else []
    return in_words([*([(paths[found], type(found).__name__)] if paths[found] else []), *inside])


def in_words(steps: list[tuple[str, str]]) -> str:
    """Names and classes of layers, each inside the one before, as the end of a sentence."""
    return f", in its layer {'.'.join(name for name, _ in steps)} ({steps[-1][1]})" if steps else ""


def script_steps(frames: Iterable[FrameType], mode: Any = nullcontext()) -> list[tuple[str, str]]:  # noqa: B008
    """Names and classes of modules, each inside the one before, of the step of TorchScript that fails (in a mode).

    ``frames``: innermost first, of which one called the module. Nobody sees its code run, so that each of its
    beginnings is tried, until one fails.
    """
    called = (frame.f_locals for frame in frames if isinstance(frame.f_locals.get("self"), torch.jit.ScriptModule))
    own: Any = next((each for each in called if {"args", "kwargs"} <= each.keys()), None)
    if own is None or not hasattr(own["self"], "forward"):
        return []
    module, given = own["self"], list(own["args"])
    given += [own["kwargs"].get(at.name, at.default_value) for at in module.forward.schema.arguments[1 + len(given) :]]
    for step, node in enumerate(module.inlined_graph.nodes()):
        graph = module.inlined_graph.copy()
        nodes = list(graph.nodes())
        for _ in list(graph.outputs()):
            graph.eraseOutput(0)
        for later in nodes[:step:-1]:
            later.destroy()
        graph.registerOutput(next(nodes[step].outputs(), next(graph.inputs())))  # one, or it can't be called
        try:
            with _disable_current_modes(), mode:
                torch._C._create_function_from_graph("beginning", graph)(module._c, *given)
        except Exception:
            within = node.inputsAt(0).node() if node.kind() == "prim::If" else node  # a branch doesn't say whose it is
            return re.findall(r"(?!SELF|UNKNOWN)([^.()]+)\((\w+)\)", within.getModuleHierarchy())
    return []
