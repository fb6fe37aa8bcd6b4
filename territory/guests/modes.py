"""A network left as it was found: its modes, weights, buffers and attributes, and the random numbers beside it."""

import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import flex_attention as flex
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from territory.errors import BadInput
from territory.guests.contents import copied, held_by, leaf

_FLEX_AS_WRITTEN = "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG"  # a switch that torch's own warning tells of
_COMPILES_NOTHING = "TORCHDYNAMO_DISABLE"  # torch's switch in the environment, read at every `torch.compile`
alone = threading.RLock()  # who turns a switch of the whole process: else two threads put back each other's


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode inside the block; each has its own mode again after it, whatever happens."""
    modes = {module: module.training for module in model.modules()}
    try:
        set_training(model, False)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def set_training(model: nn.Module, mode: bool) -> None:
    """`train` or `eval`, which may be the network's own; exported parts go on in the mode they were exported in."""
    graphs = [vars(module) for module in model.modules() if isinstance(module, torch.fx.GraphModule)]
    refusing = [(own, {name: own.pop(name) for name in ("train", "eval") if name in own}) for own in graphs]
    try:
        model.train() if mode else model.eval()
    finally:
        for own, methods in refusing:  # of exported parts; meanwhile they have every module's own
            own.update(methods)


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and no gradients; inference mode's tensors, if a network keeps one, can't be trained with."""
    with evaluation_mode(model), torch.no_grad():
        yield


@contextmanager
def untouched(holder: Any) -> Iterator[None]:
    """Whatever runs inside the block, afterwards a network (or those that a thing holds) and the random numbers are as
    they were.

    Inside, weights, buffers and kept tensors are copies, and ``.grad`` is empty. Put back: modes, weights, buffers,
    hooks, attributes (also what a forward pass keeps, and lists, dicts, arrays and random generators it changes),
    ``.grad``, ``requires_grad``; also of layers that torch doesn't know, in lists, objects and closures. Not seen:
    other state inside objects of other classes.
    """
    copies: dict[int, Any] = {}
    with alone, _random_state_kept(), torch.inference_mode(False):
        modules, weights = held_by(holder)
        before = [(module, dict(module.__dict__)) for module in modules]
        parameters = [(p, p.data, p.grad, p.requires_grad) for p in weights]
        scripts = (module for module in modules if isinstance(module, torch.jit.ScriptModule))
        scripted = [(module, module.training) for module in scripts if hasattr(module, "training")]
        wrapped = (weight for weight in weights if is_traceable_wrapper_subclass(weight))  # its .data are its own
        inner = (getattr(weight, name) for weight in wrapped for name in weight.__tensor_flatten__()[0])
        fixed = [*inner, *(buffer for module, _ in scripted for buffer in module.buffers())]
        values = [(tensor, tensor.clone()) for tensor in fixed]
        try:
            for module, attributes in before:
                if not isinstance(module, torch.jit.ScriptModule):
                    module.__dict__.update({name: copied(value, _kept, copies) for name, value in attributes.items()})
            for parameter, data, *_ in parameters:
                parameter.grad, parameter.data = None, leaf(data)
            for module in modules:
                if isinstance(module, nn.RNNBase):
                    module.flatten_parameters()  # into one piece, as cuDNN would do anew in every call
            yield
        finally:
            for module, attributes in before:
                module.__dict__.clear()
                module.__dict__.update(attributes)
            for parameter, data, gradient, learns in parameters:
                parameter.data = data
                parameter.grad = gradient
                if parameter.requires_grad != learns:
                    parameter.requires_grad_(learns)
            for module, training in scripted:
                module.training = training
            for tensor, value in values:
                tensor.detach().copy_(value)


def _kept(tensor: Tensor) -> Tensor:
    """A copy of a tensor that a module holds; its weights are given other numbers, and what has a graph is no state."""
    return leaf(tensor) if tensor.is_leaf and not isinstance(tensor, nn.Parameter) else tensor


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


@contextmanager
def eagerly() -> Iterator[None]:
    """Networks under `torch.compile` run as they are written inside the block: compiled code calls no hooks.

    So do torch's loops and branches (`torch.cond`, `scan`). FlexAttention would compile itself at its first call, and
    not run a second time once that failed.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        stack.enter_context(replaced(flex, _FLEX_AS_WRITTEN, True))
        for name, as_written in _FLOW.items():
            stack.enter_context(replaced(getattr(torch.ops.higher_order, name), "dispatch", as_written))
        if "torch._dynamo" in sys.modules:
            warnings.filterwarnings("ignore", "Using `torch.compile\\(module\\)` when there are global hooks")
            try:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            except RuntimeError as error:
                raise BadInput("called inside a function under torch.compile: call it outside.") from error
        elif _COMPILES_NOTHING not in os.environ:  # nobody has compiled yet, and the import takes seconds
            stack.callback(os.environ.pop, _COMPILES_NOTHING, None)
            os.environ[_COMPILES_NOTHING] = "1"
        yield


@contextmanager
def replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of somebody else's object has another value inside the block."""
    there, before = name in vars(holder), vars(holder).get(name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before) if there else delattr(holder, name)


def _branch(_key: Any, which: Any, yes: Callable[..., Any], no: Callable[..., Any], given: Any) -> Any:
    return (yes if which else no)(*given)


def _loop(_key: Any, goes_on: Callable[..., Any], step: Callable[..., Any], carried: Any, fixed: Any, **_: Any) -> Any:
    while goes_on(*tree_leaves(carried), *fixed):
        carried = step(*tree_leaves(carried), *fixed)
    return carried


def _scan(_key: Any, step: Callable[..., Any], carried: Any, rows: Any, fixed: Any) -> Any:
    """What is carried to the end, then what each step gave, stacked; in the containers that a step returns."""
    size, given = len(carried), []
    form: Any = None
    for row in zip(*rows, strict=True):
        out, form = tree_flatten(step(*carried, *row, *fixed))
        carried = out[:size]
        given.append(out[size:])
    return tree_unflatten([*carried, *_stacked(given)], form)


def _map(_key: Any, function: Callable[..., Any], rows: Any, fixed: Any) -> Any:
    return _stacked([function(*row, *fixed) for row in zip(*rows, strict=True)])


def _stacked(outs: list[Any]) -> Any:
    return tree_map(lambda *each: None if each[0] is None else torch.stack(each), *outs)


# By operator: as Python has it, so that whoever watches sees the modules inside, and autograd the weights.
_FLOW = {"cond": _branch, "while_loop": _loop, "scan": _scan, "map_impl": _map}


@contextmanager
def slow_path() -> Iterator[None]:
    """torch's own attention layers in steps that can be watched, instead of in one fused kernel or nested tensors."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
