"""A guest and its inputs: call it, go back through it, and say in words what it could not do."""

import inspect
import os
import re
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
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
from territory.guests.contents import PLAIN, copied, held_by, leaf, parts_of, tensors_of
from territory.guests.modes import set_training

OTHER = "(other)"  # what no module did
ITSELF = "(itself)"  # a module beside a child of its own name
WHOLE = "(the network itself)"  # instead of the path of a layer, which it hasn't
Inputs = Any  # arguments by position (list, tuple), by keyword (mapping), or one alone: see `Call`
_CAUSES = {  # of an error with these words
    "FakeTensor": " It works with fake tensors (FakeTensorMode), which can't be watched: make them on meta instead.",
    "support saved tensor hooks": " It takes gradients by torch.func on its way forward, where torch shows nobody what "
    "it keeps: peak_memory measures the pass as a whole.",
}
_LATE = (Awaitable, AsyncIterator, Iterator, Future, torch.Future)
_FUNCTIONS = (FunctionType, MethodType, partial)


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
        path = ".".join(part for part in full.split(".") if part not in ("", "_orig_mod"))
        if path in taken:
            path = full.strip(".")
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
        if closed := _closed(module):
            raise BadInput(f"layer {path or WHOLE} {closed}.")


def _closed(module: nn.Module) -> str:
    """What keeps a layer from being measured, as the end of a sentence; empty where nothing does."""
    weights = list(module.parameters(recurse=False))
    own = [*weights, *module._buffers.values()]
    named = {*vars(module), *module._modules.keys()}  # its own __getattr__ isn't asked
    if any(isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in own):
        return "is one of torch's lazy layers without a size yet: call the network once on its inputs before"
    if any(weight.is_inference() for weight in weights):
        return "was made under torch.inference_mode, for ever: make it outside"
    if "_fsdp_wrapped_module" in module._modules or any(hasattr(each, "device_mesh") for each in own):
        return "is sharded over processes: measure it before that"
    if any(hasattr(weight, "fake_mode") for weight in weights):
        return "has fake weights, which compute nothing: make it on meta instead"
    if "_packed_params" in named or (isinstance(module, torch.jit.ScriptModule) and hasattr(module, "_packed_params")):
        return "is quantised, its weights packed away: measure it before that"
    return ""


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
                args, kwargs = copied((args, kwargs), lambda tensor: tensor, {}, objects=True)
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
        """A backward pass from all outputs to all leaves; where nothing of ours learns, none."""
        roots = roots_of(outputs)
        own = (*self.model.parameters(), *self.tensors, *held_by(self.model)[1])
        leaves = [node.variable for node in graph_of(roots) if hasattr(node, "variable")]
        return self.derivatives(roots, leaves) if leaves and any(each.requires_grad for each in own) else []

    def derivatives(self, roots: list[Tensor], targets: list[Any]) -> list[Tensor | None]:
        """Of the sum of all roots; None where nothing leads to a target.

        They go nowhere else, and hooks behind their accumulation don't run, except with the reentrant kind of
        checkpointing, which only knows ``.grad``. By the engine itself: `torch.autograd.grad` would leave the modes
        that are on, and what checkpointing computes again must run as it did before.
        """
        engine: Any = torch.autograd.Variable._execution_engine
        ones = tuple(torch.ones_like(root) for root in roots)
        only_grad = any(type(node).__name__ == "CheckpointFunctionBackward" for node in graph_of(roots))
        given = () if only_grad else tuple(targets)
        with (
            self.explained("has no backward pass on inputs of shapes"),
            torch.autograd.set_multithreading_enabled(False),
        ):
            found = engine.run_backward(tuple(roots), ones, False, False, given, True, only_grad)
        if only_grad:
            found = [target.grad for target in targets]
            for target in targets:
                target.grad = None
        return list(found)

    def go_back(self, roots: list[Tensor], what: str) -> None:
        """Into ``.grad``, from ones: the work of a backward pass doesn't depend on the loss."""
        with self.explained(what):
            if roots:  # autograd refuses none
                torch.autograd.backward(roots, [torch.ones_like(root) for root in roots])


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
        hint += "".join(cause for words, cause in _CAUSES.items() if words in str(error))
        if not torch.is_grad_enabled() and "does not require grad" in str(error):
            hint += " It runs without gradients here, so what takes one itself needs torch.enable_grad around it."
        raise BadInput(f"{type(model).__name__} {what} {shapes}{_where(model, error)}: {told(error)}.{hint}") from error


def roots_of(outputs: Any) -> list[Tensor]:
    """Where a backward pass begins: every output that has a gradient, a sparse one written out."""
    return [each if each.is_nested else dense(each) for each in tensors_of(outputs) if each.requires_grad]


def graph_of(roots: list[Tensor]) -> Iterator[Any]:
    """Every node of autograd's graph behind some tensors."""
    waiting: list[Any] = list({root.grad_fn for root in roots} - {None})
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


def _own(inputs: Any) -> Any:
    """A copy of inputs whose tensors are leaves of their own; BadInput for what can't be read again and again."""
    for part in parts_of(inputs, (np.ndarray, Iterator)):
        if isinstance(part, np.ndarray):
            raise BadInput("inputs: expected tensors; got a NumPy array. Use torch.from_numpy.")
        raise BadInput(f"inputs: each pass reads them anew, and a {type(part).__name__} is read once. Use a list.")
    return copied(inputs, leaf, {}, objects=True)


def _is_closed(value: Any) -> bool:
    """Whether nobody can put anything else into it."""
    return all(map(_is_closed, value)) if isinstance(value, tuple) else isinstance(value, (Tensor, *PLAIN))


def _check_finished(model: nn.Module, output: Any) -> None:
    """Raises BadInput where there is work that somebody else would do, when the forward pass has long returned."""
    parts = list(parts_of(output, (Tensor, *_LATE, *_FUNCTIONS)))
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
    own: Any = next((each for each in called if "args" in each and "kwargs" in each), None)
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
