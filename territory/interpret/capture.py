"""What a network attended to, read off its own forward pass.

Forward hooks sit on the modules that compute attention: there is no second copy of the forward pass that could
drift apart from the first. Names of what is captured:

- ``"spatial.1"``, ``"spatial.2"``, ...: the gates after each convolution, in the order of the network, ``(B, h, w)``
  within (0, 1). A grid of h x w cells covers the map: a cell stands for H/h x W/w tiles.
- ``"cross.map_to_stats"`` (and its like): the weights of a cross-attention, ``(B, heads, Tq, Tk)``, each row over the
  Tk keys summing to 1.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.blocks import SpatialGate
from territory.models.cross_attention import AttentionWeights

_SINGLE_CROSS = "map_to_stats"  # what a model with one cross-attention computes: the map asks the statistics


class Record(dict[str, Tensor]):
    """Attention by name, as the latest forward pass computed it. Detached: it holds no graph."""

    def __missing__(self, name: str) -> Tensor:
        have = ", ".join(self) if self else "nothing: the model has no attention, or did not run inside the with block"
        raise BadInput(f"no attention called {name!r} was captured; there is {have}")


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules whose output is attention, by the names of this page, in the order of the network."""
    found: dict[str, nn.Module] = {}
    gates = 0
    for path, module in model.named_modules():
        if isinstance(module, SpatialGate):
            gates += 1
            found[f"spatial.{gates}"] = module.gate
        elif isinstance(module, AttentionWeights):
            found[f"cross.{_cross_name(path)}"] = module
    return found


def _cross_name(path: str) -> str:
    """``cross_attention.weights`` is the only one; ``cross_attention.stats_to_map.weights`` says its name itself."""
    parts = [part for part in path.split(".") if part not in ("cross_attention", "weights")]
    return ".".join(parts) or _SINGLE_CROSS


@contextmanager
def capture(model: nn.Module) -> Iterator[Record]:
    """``with capture(model) as record: model(...)`` fills ``record``; the hooks are gone after the block, always.

    Every forward pass inside the block replaces what the one before it left.
    """
    record = Record()
    with ExitStack() as hooks:
        for name, module in attention_modules(model).items():
            hooks.enter_context(removing(module.register_forward_hook(_keep(record, name))))
        yield record


@contextmanager
def removing(handle: torch.utils.hooks.RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _keep(record: Record, name: str):
    is_gate = name.startswith("spatial.")

    def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        record[name] = output.detach().squeeze(1) if is_gate else output.detach()  # gates: (B, 1, h, w) -> (B, h, w)

    return hook
