"""A network's passes in parts: each thread takes some of the boards through all layers, and back.

torch shares every layer among its threads, which meet after each: two hundred meetings a step, where all wait for the
slowest, and what one core has computed another must fetch. Boards do not need each other, so here the threads meet
twice a step. Answers and gradients are the same but for the order in which boards are added up.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from functools import cache, partial
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from territory.models.attention import Attention
from territory.models.baseline import Baseline
from territory.models.one_pass import watched
from territory.models.products import by_onednn
from territory.models.tokens import Tokens

MOST = 4  # parts: threads that are in Python stand in line
LEAST = 16  # boards of a part
FEW = 4 * 128 * 128  # tiles that are worth another of torch's threads, from the third on
_APART = (Baseline, Attention, Tokens)  # networks whose boards do not need each other, but for batch norm


class InParts:
    """Called like the network it is of, whose parameters it shares: maps and statistics to logits and values.

    Inside `sharing` its passes are shared by threads. The network itself is called where parts would not give the
    same, or would be missed: one that is not ours, has batch norm, is compiled or is `watched`; on other devices.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        batch_norm = any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in model.modules())
        self._apart = type(model) in _APART and not batch_norm
        self._count = 1

    @contextmanager
    def sharing(self, boards: int) -> Iterator[None]:
        """Inside, passes of so many boards are shared, where they can be, with `products`.

        torch's own threads rest: they wait awake, on our cores.
        """
        threads = torch.get_num_threads()
        self._count = max(1, min(MOST, threads, boards // LEAST)) if self.can_be_shared() else 1
        try:
            with _torch_threads(threads // self._count), self.products():
                yield
        finally:
            self._count = 1

    def playing(self, tiles: int) -> AbstractContextManager[None]:
        """Inside, passes over so many tiles, of all boards together, have as many of torch's threads as are worth it.

        After each layer all threads wait for the slowest: on small boards that takes sixteen longer than the layer.
        """
        threads = torch.get_num_threads()
        return _torch_threads(min(threads, max(2, tiles // FEW)) if self.can_be_shared() else threads)

    def products(self) -> AbstractContextManager[None]:
        """Inside, products are computed `by_onednn`, where that is known to be quicker for this network."""
        return by_onednn() if self.can_be_shared() else nullcontext()

    def __call__(self, maps: Tensor, stats: Tensor) -> tuple[Tensor, Tensor]:
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        alone = self._count < 2 or not torch.is_grad_enabled()
        if alone or watched(self.model.modules()) or any(weight._backward_hooks for weight in weights):
            return self.model(maps, stats)
        return _Shared.apply(self.model, self._count, maps, stats, *weights)

    def can_be_shared(self) -> bool:
        """Whether it is ours, on a processor, as written, and each board's answer its own."""
        model: Any = self.model
        return self._apart and next(model.parameters()).device.type == "cpu" and model._compiled_call_impl is None


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Inside, torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Shared(torch.autograd.Function):
    """A network's passes over so many parts of the boards, to what one pass would give for all of them."""

    @staticmethod
    def forward(
        ctx: Any, model: nn.Module, count: int, maps: Tensor, stats: Tensor, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        boards = zip(maps.tensor_split(count), stats.tensor_split(count), strict=True)
        outputs = _each(_as_here(model), boards)
        ctx.weights, ctx.outputs = weights, outputs
        logits, values = (torch.cat([each.detach() for each in kind]) for kind in zip(*outputs, strict=True))
        return logits, values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        sizes = [len(values) for _, values in ctx.outputs]
        given = zip(ctx.outputs, *(each.split(sizes) for each in gradients), strict=True)
        total, *others = _each(partial(_gradients, ctx.weights), given)
        for part in others:
            torch._foreach_add_(total, part)  # pyright: ignore[reportPrivateImportUsage]
        return None, None, None, None, *total


def _gradients(weights: list[Tensor], outputs: tuple[Tensor, ...], *given: Tensor) -> tuple[Tensor, ...]:
    """Of one part's passes; logits or values that come from frozen weights alone have none."""
    outs, own = zip(*((out, each) for out, each in zip(outputs, given, strict=True) if out.requires_grad), strict=True)
    return torch.autograd.grad(outs, weights, own)


def _each(function: Callable, given: Iterable[tuple]) -> list:
    """What the function makes of each: of the first in this thread, of the others at the same time in others."""
    first, *others = given
    pool = _pool(len(others), torch.get_num_threads())
    jobs = [pool.submit(function, *each) for each in others]
    return [function(*first), *(job.result() for job in jobs)]


def _as_here(function: Callable) -> Callable:
    """The function called, in whichever thread, with gradients and in the precision and contexts that hold here."""
    context = copy_context()
    autocast = {"enabled": torch.is_autocast_enabled("cpu"), "dtype": torch.get_autocast_dtype("cpu")}

    def call(*arguments: Any) -> Any:
        with torch.enable_grad(), torch.autocast("cpu", **autocast):
            return context.copy().run(function, *arguments)

    return call


@cache
def _pool(count: int, threads: int) -> ThreadPoolExecutor:
    """Threads of ours, each of which has so many of torch's."""
    before, started = torch.get_num_threads(), Barrier(count + 1)

    def start() -> None:
        torch.set_num_threads(threads)
        torch.get_num_threads()  # a thread asks how many it may have once, at first

    pool = ThreadPoolExecutor(count, "part of a pass", initializer=start)
    for _ in range(count):
        pool.submit(started.wait)
    started.wait()
    torch.set_num_threads(before)  # what it was set to last also counts for threads to come
    return pool
