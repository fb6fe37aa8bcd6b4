"""How much a network computes: multiply-accumulates (MACs) by layer, counted on a real forward pass.

One MAC is one multiplication and one addition, so FLOPs = 2 MACs. Biases, norms and activations are left out, as
is the custom: together they are a few operations per output, where a layer spends hundreds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from territory.models.cross_attention import AttentionWeights
from territory.profiling.inputs import Inputs, evaluation_mode, prepare, run, split_path

OTHER = "(other)"


@dataclass(frozen=True)
class MacsRecord:
    """One layer's work on the whole batch it was given."""

    part: str
    layer: str
    shape: tuple[int, ...]  # of its output
    macs: int
    flops: int  # 2 * macs
    share: float  # of the model's MACs, 0 to 1


def conv_macs(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each output number sums over one window: (C_in / groups) * kernel height * kernel width."""
    return out.numel() * module.weight[0].numel()


def linear_macs(module: nn.Linear, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each output number sums over all inputs."""
    return out.numel() * module.in_features


def attention_macs(module: AttentionWeights, args: tuple[Tensor, ...], out: Tensor) -> int:
    """Each weight costs one dot product of q and k, and then scales one value vector of the same width."""
    return out.numel() * args[0].shape[-1] * 2


_FORMULAS: dict[type[nn.Module], Callable[..., int]] = {
    nn.Conv1d: conv_macs,
    nn.Conv2d: conv_macs,
    nn.Conv3d: conv_macs,
    nn.Linear: linear_macs,
    AttentionWeights: attention_macs,
}


def macs_table(model: nn.Module, inputs: Inputs = None) -> list[MacsRecord]:
    """One record per layer that computed, in order of execution; a layer used twice counts twice.

    Matrix products outside the known layers (a learner's own ``q @ k``, say) are the difference to torch's operator
    count and stand in a last record named ``(other)``. Needs no weights' values: a model and inputs on the ``meta``
    device do.
    """
    tensors = prepare(model, inputs)
    macs: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}

    def count(path: str, formula: Callable[..., int]) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            macs[path] = macs.get(path, 0) + formula(module, args, out)
            shapes[path] = tuple(out.shape)

        return hook

    with (
        _hooked(model, count),
        evaluation_mode(model),
        _no_fused_attention(),
        FlopCounterMode(display=False) as counter,
    ):
        run(model, tensors)
    rest = counter.get_total_flops() // 2 - sum(macs.values())
    if rest:
        macs[OTHER], shapes[OTHER] = rest, ()
    total = sum(macs.values()) or 1
    return [MacsRecord(*split_path(path), shapes[path], n, 2 * n, n / total) for path, n in macs.items()]


@contextmanager
def _hooked(model: nn.Module, make_hook: Callable[..., Callable[..., None]]) -> Iterator[None]:
    handles = [
        module.register_forward_hook(make_hook(path, _FORMULAS[type(module)]))
        for path, module in model.named_modules()
        if type(module) in _FORMULAS
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _no_fused_attention() -> Iterator[None]:
    """torch's fused kernels for its own attention are invisible to hooks, and on the CPU to its operator count."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
