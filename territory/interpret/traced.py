"""What the axes of every tensor of a pass are made of, told from function to function by the rules of `axes`."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from territory.guests.call import is_transformed
from territory.guests.contents import PLAIN, tensors_of
from territory.interpret import axes
from territory.interpret.axes import Axes

PLACES = ("arange", "linspace", "logspace", "eye")  # numbers that are the same whatever the network was given


class Traced:
    """The axes of each tensor that was seen. ``is_own``: whether a `storage` is of a network's parameter or buffer."""

    def __init__(self, is_own: Callable[[int], bool]):
        self._is_own = is_own
        self._lengths: set[int] = set()
        self.forget()

    def forget(self) -> None:
        self._axes = WeakIdKeyDictionary()

    def begin(self, given: Iterable[Tensor]) -> None:
        """What a network is given says how long an axis of examples may be, if all of it has as many."""
        shapes = [each.shape[:2] for each in filter(is_plain, given)]
        self._lengths = {*itertools.chain(*shapes)} if len({shape[:1] for shape in shapes}) == 1 else set()

    def of(self, tensor: Tensor) -> Axes:
        found = self._axes.get(tensor)
        if found is None or axes.sizes_of(found) != tensor.shape:
            if self.is_own(tensor):
                return axes.own_axes(tensor.shape, axes.PARAMETER)
            first, *rest = axes.own_axes(tensor.shape) or [()]
            found = (tuple(each._replace(of=axes.LOST) for each in first), *rest) if tensor.ndim else ()
        if found and found[0] and found[0][0].of == axes.LOST and (not self._lengths or len(tensor) in self._lengths):
            return (axes.Part(len(tensor), axes.GIVEN, 0),), *found[1:]
        return found

    def __setitem__(self, tensor: Tensor, made_of: Axes | None) -> None:
        self._axes[tensor] = made_of

    def is_own(self, tensor: Tensor) -> bool:
        return is_plain(tensor) and self._is_own(storage(tensor))

    def follow(self, name: str, call: tuple, given: list[Tensor], result: Any, weighs: bool) -> None:
        """Keep what the axes of a result are made of; ``weighs``: something given is of weights."""
        made = [each for each in tensors_in(result) if is_plain(each)]
        if not made or not all(map(is_plain, given)):
            return
        values = [each for each in given if _holds_values(each)]
        if not values and (all(map(self._is_place, given)) if given else name in PLACES):
            for each in made:
                self._axes[each] = axes.own_axes(each.shape, axes.PARAMETER)
            return
        made = [each for each in made if _holds_values(each)]
        known = [*map(self.of, values)] if made else []
        for each in made:
            self._axes[each] = axes.axes_of(name, call, values, known, each, weighs)

    def _is_place(self, tensor: Tensor) -> bool:
        """Whether it is fixed, or a single number, which nothing tells of."""
        made_of = self.of(tensor)
        return axes.is_fixed(made_of) or not any(made_of)

    def write(self, room: Any, place: Any, value: Any) -> None:
        """Room that nothing is known of gets the axes of what is written into it."""
        plain = isinstance(value, Tensor) and room.is_floating_point() and is_plain(room) and is_plain(value)
        if plain and room.ndim and self._axes.get(room) is None and not self.is_own(room):
            self._axes[room] = axes.written_axes(room, place, value, self.of(value))


def is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_nested and not is_transformed(tensor)


def storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata  # the same for all views


def tensors_in(*values: Any) -> list[Tensor]:
    """As `tensors_of`, without a search where there is nothing to search: most of these are tensors and numbers."""
    found: list[Tensor] = []
    for each in values:
        if isinstance(each, Tensor):
            found.append(each)
        elif not isinstance(each, PLAIN):
            found += tensors_of(each)
    return found


def _holds_values(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
