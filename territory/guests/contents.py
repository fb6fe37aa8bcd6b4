"""What a thing of any class holds, however deep: its tensors, layers and weights; and copies of it."""

import copy
import copyreg
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MappingView
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from territory.errors import BadInput, told

PLAIN = (str, bytes, int, float, complex, type, type(None), nn.Module, torch.device, torch.dtype)
OPEN = (list, dict, set, deque)  # containers that a network may change in place, or their subclasses
_LISTED: Any = (tuple, list, set, frozenset, deque, MappingView)
_NUMBERS = np.ndarray | np.random.Generator | np.random.RandomState | random.Random


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in a tensor, container, dataclass or plain object, however deep, each container once."""
    return parts_of(value, Tensor)


def parts_of(value: Any, kinds: Any) -> Iterator[Any]:
    """As `tensors_of`, what is of some kinds; not looked into are modules and functions."""
    waiting, seen = [value], {}
    while waiting:
        each = waiting.pop()
        if isinstance(each, kinds):
            yield each
        elif not isinstance(each, PLAIN) and id(each) not in seen:
            seen[id(each)] = each  # kept, or another would have its number
            waiting += reversed(_members(each))


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


def held_by(holder: Any) -> tuple[list[nn.Module], list[Tensor]]:
    """Every module, and every parameter that can be given other values, wherever attributes and closures lead."""
    modules, weights, waiting, seen = [], {}, [holder], set()
    while waiting:
        each: Any = waiting.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        if isinstance(each, Tensor):
            weights |= {id(each): each} if isinstance(each, nn.Parameter) else {}
            continue
        if isinstance(each, nn.Module):
            modules.append(each)
            waiting += each.children()
            weights |= {id(own): own for own in each.parameters(recurse=False)}  # TorchScript's are plain tensors
        elif isinstance(each, (*OPEN, tuple)):
            waiting += each.values() if isinstance(each, dict) else each
        elif isinstance(each, MethodType):
            waiting.append(each.__self__)
        elif isinstance(each, FunctionType):
            waiting += [cell.cell_contents for cell in each.__closure__ or () if cell != CellType()]
        waiting += getattr(each, "__dict__", {}).values()
    return modules, [p for p in weights.values() if not (isinstance(p, UninitializedParameter) or p.is_inference())]


def copied(value: Any, tensor: Callable[[Tensor], Tensor], made: dict[int, Any], objects: bool = False) -> Any:
    """A copy of containers, arrays and random generators, with tensors as ``tensor`` makes them; all else as it is.

    ``made``: the copy of each thing by its id, so that the same thing has the same copy. ``objects``: what objects of
    other classes hold is copied too, except for modules and functions.
    """
    if id(value) in made:
        return made[id(value)]
    made[id(value)] = value  # until it is there: a container may hold itself

    def inner(each: Any) -> Any:
        return copied(each, tensor, made, objects)

    if isinstance(value, Tensor):
        made[id(value)] = tensor(value)
    elif isinstance(value, (*OPEN, tuple)):
        made[id(value)] = _rebuilt(value, inner)
    elif isinstance(value, torch.Generator):
        made[id(value)] = value.clone_state()
    elif isinstance(value, _NUMBERS):
        made[id(value)] = copy.deepcopy(value)
    elif objects and not isinstance(value, PLAIN) and not callable(value):
        try:
            made[id(value)] = fresh = copy.copy(value)
        except TypeError as error:
            if _attributes(value):
                raise BadInput(f"inputs: each pass has its own copy, but {told(error)}.") from error
            return value  # a lock, say
        for name, each in _attributes(fresh).items():
            object.__setattr__(fresh, name, inner(each))
    return made[id(value)]


def copy_of(model: nn.Module) -> Any:
    """A deep copy of a network. What a pass has left in it comes without its graph, which torch doesn't copy."""
    left = [tensor for module in model.modules() for tensor in tensors_of(vars(module)) if not tensor.is_leaf]
    return copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in left})


def _rebuilt(container: Any, each: Callable[[Any], Any]) -> Any:
    """A copy of the same class; tuples of other classes that aren't named ones as they are."""
    if isinstance(container, tuple):
        named = getattr(type(container), "_make", tuple if type(container) is tuple else None)
        return container if named is None else named(map(each, container))
    fresh = copy.copy(container)
    if isinstance(container, dict):
        dict.update(fresh, {key: each(value) for key, value in container.items()})  # not its own: some refuse, some add
    else:
        fresh.clear()
        (fresh.update if isinstance(fresh, set) else fresh.extend)(map(each, container))
    return fresh


@torch.inference_mode(False)
def leaf(tensor: Tensor) -> Tensor:
    """A copy, beginning a graph of its own; of the same class (a Buffer stays one), and expanded as it was."""
    bare = tensor.detach()
    expanded = tensor.layout == torch.strided and not tensor.is_nested and 0 in tensor.stride()
    once = bare[tuple(slice(None) if step else slice(1) for step in tensor.stride())] if expanded else bare
    try:
        own = once.clone()
    except RuntimeError as error:  # it has no kernel for this type, say
        raise BadInput(
            f"each pass has a copy of its own, and torch copies no {tensor.dtype}: {told(error)}."
        ) from error
    return (own.expand(tensor.shape) if expanded else own).requires_grad_(tensor.requires_grad)
