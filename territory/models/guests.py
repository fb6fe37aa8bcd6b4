"""Any torch module as a guest: call it, know which of its modules is at work, and leave it as it was found.

What every instrument shares. Nothing here changes the network: hooks are torch's global ones, so no module carries a
hook of ours and none takes another way because it is watched.
"""

import copy
import dataclasses
import inspect
import os
import random
import sys
import threading
import warnings
from bisect import bisect_right
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from territory.errors import BadInput

Inputs = Tensor | Mapping[str, Any] | Sequence[Any] | None
Left = Callable[[str, nn.Module, tuple, dict, Any], None]  # path, module, its arguments, its output
_PLAIN = (str, bytes, int, float, complex, type, type(None), nn.Module, torch.device, torch.dtype)
_OPEN = (list, dict, set, deque, tuple, OrderedDict, defaultdict)  # containers that a network may change in place
_TORCHS = frozenset(nn.Module().__dict__) - {"_parameters", "_buffers", "_modules", "training"}  # hooks


def tensors_of(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Every tensor in a tensor, container, dataclass or plain object, however deep, each container once."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        yield value
    elif not isinstance(value, _PLAIN) and id(value) not in seen:
        seen.add(id(value))
        for each in _members(value):
            yield from tensors_of(each, seen)


def _members(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, tuple | list | set | frozenset | deque):
        return list(value)
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return [] if callable(value) else list(getattr(value, "__dict__", {}).values())


def paths_of(model: nn.Module) -> dict[nn.Module, str]:
    """Each module's path, a shared one's first; what `torch.compile` wraps bears the name it had before."""
    paths: dict[nn.Module, str] = {}
    for path, module in model.named_modules():
        paths[module] = ".".join(part for part in path.split(".") if part != "_orig_mod")
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
        raise BadInput(f"expected a torch module; got {got}. {hint}")
    for module, path in paths_of(model).items():
        own = [*module._parameters.values(), *module._buffers.values()]
        if any(isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in own):
            raise BadInput(
                f"{type(model).__name__} has lazy layers without a size yet ({path or 'itself'}): call it once on its "
                "inputs before."
            )
        if hasattr(module, "_packed_params"):
            raise BadInput(
                f"layer {path or 'itself'} is quantised, its weights are packed away: measure it before that."
            )


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lives; the CPU for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


class Call:
    """A network with inputs of its own: copies, so that what it does to them in place is not done to the caller's.

    A mapping whose keys are all arguments of ``forward`` is handed over by keyword, any other as it is.
    """

    def __init__(self, model: nn.Module, inputs: Inputs):
        check_model(model)
        self.model = model
        listed = (inputs,) if isinstance(inputs, Tensor | Mapping) else tuple(inputs or ())
        _check_inputs(listed, device_of(model))
        listed = tuple(_own(value) for value in listed)
        by_name = len(listed) == 1 and isinstance(listed[0], Mapping) and _are_arguments(model, listed[0])
        self.args: tuple[Any, ...] = () if by_name else listed
        self.kwargs: dict[str, Any] = dict(listed[0]) if by_name else {}

    def __call__(self) -> Any:
        """The network's output; whatever goes wrong becomes a BadInput that names the shapes and the layer."""
        with self.explained("cannot take inputs of shapes"):
            return self.model(*self.args, **self.kwargs)

    @property
    def tensors(self) -> list[Tensor]:
        return list(tensors_of([self.args, self.kwargs]))

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except BadInput:
            raise
        except Exception as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in self.tensors)
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise BadInput(
                f"{type(self.model).__name__} {what} {shapes}{_where(self.model, error)}: {reason.rstrip('.')}. "
                "Pass inputs=(...) as its forward expects them; without inputs a game observation is used."
            ) from error

    def gradients(self, outputs: Any) -> bool:
        """A backward pass from all outputs to all that learns (and inputs that want a gradient); False: there is none.

        Gradients go nowhere, except with the reentrant kind of checkpointing, which only knows ``.grad``.
        """
        roots = [dense(tensor) for tensor in tensors_of(outputs) if tensor.requires_grad]
        targets = [tensor for tensor in (*self.model.parameters(), *self.tensors) if tensor.requires_grad]
        if not roots or not targets:
            return False
        ones = [torch.ones_like(root) for root in roots]
        with (
            self.explained("has no backward pass on inputs of shapes"),
            torch.autograd.set_multithreading_enabled(False),
        ):
            try:
                torch.autograd.grad(roots, targets, ones, allow_unused=True)
            except RuntimeError as error:
                if "heckpoint" not in str(error):
                    raise
                torch.autograd.backward(roots, ones)
        return True


def dense(tensor: Tensor) -> Tensor:
    """A sparse or nested tensor written out, as part of the graph."""
    if tensor.is_nested:
        return torch.nested.to_padded_tensor(tensor, 0.0)
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _check_inputs(listed: tuple[Any, ...], device: torch.device) -> None:
    if not listed:
        raise BadInput("inputs: expected a tensor, a mapping or a tuple of them; got nothing.")
    for value in listed:
        tensors = list(tensors_of(value))
        if not tensors and not isinstance(value, bool | int | float | str | None):
            raise BadInput(f"inputs: expected tensors; got {type(value).__name__}. Use torch.from_numpy.")
        elsewhere = [tensor.device for tensor in tensors if tensor.device != device]
        if elsewhere:
            raise BadInput(f"inputs: expected tensors on {device} like the model; got {elsewhere[0]}.")


def _own(value: Any) -> Any:
    """A copy of inputs, tensors as leaves of their own."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in _OPEN:
        return _rebuilt(value, _own)
    return value if isinstance(value, _PLAIN) else copy.copy(value)


def _are_arguments(model: nn.Module, named: Mapping[str, Any]) -> bool:
    try:
        names = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # scripted
        return False
    return bool(named) and all(name in names for name in named)


def _where(model: nn.Module, error: Exception) -> str:
    """The innermost module in whose code an error arose, as a phrase."""
    paths, found, trace = paths_of(model), "", error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and paths.get(owner):
            found = f", in its layer {paths[owner]} ({type(owner).__name__})"
        trace = trace.tb_next
    return found


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
        began: Callable[[tuple], object] | None = None,
    ):
        """``transparent`` modules' work is that of the module around them.

        Called are ``switched`` at every change, ``left`` when a module has finished, and ``began`` with the positional
        arguments when a forward pass begins.
        """
        paths = paths_of(model)
        self.paths = {module: path for module, path in paths.items() if not transparent(module)}
        self._thread = threading.get_ident()
        self._stack: list[tuple[nn.Module, str]] = []
        self._switched, self._left, self._began = switched, left, began
        self._starts: list[int] = [-1]
        self._owners: list[str | None] = [None]

    @property
    def at_work(self) -> str | None:
        """The path of the innermost module whose forward is under way; None between forward passes."""
        return self._stack[-1][1] if self._stack else None

    def current(self) -> str | None:
        """Whose step this is; None: nobody's."""
        node = torch._C._current_autograd_node() if not self._stack else None
        return self.at_work if node is None else self.owner_of(node)

    def owner_of(self, node: Any) -> str | None:
        """The module in whose forward this node of the graph was made."""
        return self._owners[bisect_right(self._starts, node._sequence_nr()) - 1]

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(register_module_forward_pre_hook(self._enter).remove)
            leave = register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
            stack.callback(_global_forward_hooks_with_kwargs.pop, leave.id, None)  # torch 2.13 forgets to
            stack.callback(leave.remove)
            stack.enter_context(eagerly())
            yield

    def _enter(self, module: nn.Module, args: tuple) -> None:
        if module in self.paths and threading.get_ident() == self._thread:
            if not self._stack and self._began is not None:
                self._began(args)
            self._stack.append((module, self.paths[module]))
            self._note()

    def _leave(self, module: nn.Module, args: tuple, *kwargs_and_output: Any) -> None:
        """After an error torch calls this without the keywords."""
        if module not in self.paths or threading.get_ident() != self._thread:
            return
        if self._left is not None and len(kwargs_and_output) == 2:
            self._left(self.paths[module], module, args, *kwargs_and_output)
        while self._stack and self._stack.pop()[0] is not module:
            pass
        self._note()

    def _note(self) -> None:
        self._starts.append(torch.autograd._get_sequence_nr())  # pyright: ignore[reportPrivateImportUsage] -- no other
        self._owners.append(self.at_work)
        if self._switched is not None:
            self._switched()


@contextmanager
def eagerly() -> Iterator[None]:
    """Networks under `torch.compile` run as they are written inside the block: compiled code calls no hooks."""
    if "torch._dynamo" not in sys.modules:  # nobody has compiled anything, and the import takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using `torch.compile\\(module\\)` when there are global hooks")
        yield


@contextmanager
def untouched(model: nn.Module, weights: bool = False) -> Iterator[None]:
    """Whatever runs inside the block, afterwards the network and the random numbers are as they were.

    Inside, buffers and kept tensors are copies, and so are ``weights`` if they are going to change; ``.grad`` is empty.
    Put back: modes, buffers, attributes (also what a forward pass keeps, and lists and dicts it changes), ``.grad``,
    weights. Not seen: state inside objects of other classes.
    """
    copies: dict[int, Any] = {}
    before = [(module, dict(module.__dict__)) for module in model.modules()]
    parameters = [(parameter, parameter.data, parameter.grad) for parameter in model.parameters()]
    with _random_state_kept(), torch.inference_mode(False):
        scripted = [(m, m.training) for m in model.modules() if isinstance(m, torch.jit.ScriptModule)]
        values = [(buffer, buffer.clone()) for module, _ in scripted for buffer in module.buffers()]
        try:
            for module, attributes in before:
                if not isinstance(module, torch.jit.ScriptModule):
                    module.__dict__.update(
                        {name: _copied(value, copies) for name, value in attributes.items() if name not in _TORCHS}
                    )
            for parameter, data, _ in parameters:
                parameter.grad = None
                if weights:
                    parameter.data = data.clone()
            yield
        finally:
            for module, attributes in before:
                module.__dict__.clear()
                module.__dict__.update(attributes)
            for parameter, data, gradient in parameters:
                if weights:
                    parameter.data = data
                parameter.grad = gradient
            for module, training in scripted:
                module.training = training
            for buffer, value in values:
                buffer.detach().copy_(value)


def _copied(value: Any, copies: dict[int, Any]) -> Any:
    """Containers and leaf tensors as copies, the same thing the same copy; parameters, modules and all else as is."""
    if type(value) in _OPEN and id(value) not in copies:
        copies[id(value)] = value  # until it is there: a container may hold itself
        copies[id(value)] = _rebuilt(value, lambda each: _copied(each, copies))
    is_leaf = isinstance(value, Tensor) and value.is_leaf and not isinstance(value, nn.Parameter)
    if is_leaf and id(value) not in copies:
        copies[id(value)] = _clone(value)
    return copies.get(id(value), value)


def _clone(tensor: Tensor) -> Tensor:
    """A leaf of the same class (a Buffer stays one)."""
    fresh = tensor.detach().clone()
    return fresh.requires_grad_(True) if tensor.requires_grad else fresh


def _rebuilt(container: Any, each: Callable[[Any], Any]) -> Any:
    if isinstance(container, dict):
        fresh = copy.copy(container)
        fresh.update({key: each(value) for key, value in container.items()})
        return fresh
    return type(container)(each(value) for value in container)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (whatever a network may use)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
