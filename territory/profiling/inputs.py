"""What the profilers share: a blank observation to run a model on, and names for its layers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from territory.errors import BadInput, whole
from territory.guests.call import ITSELF, OTHER, Call, Inputs, check_model, device_of, paths_of, shape_of
from territory.world.layout import NUM_PLANES, NUM_STATS


def example_inputs(
    batch: int = 1, height: int = 128, width: int = 128, device: str | torch.device = "cpu"
) -> tuple[Tensor, Tensor]:
    """A blank observation: map uint8 ``(batch, 5, height, width)`` and statistics float32 ``(batch, 16)``."""
    for name, size in (("batch", batch), ("height", height), ("width", width)):
        whole(name, size, 1, 1 << 20)
    planes = torch.zeros(batch, NUM_PLANES, height, width, dtype=torch.uint8, device=device)
    return planes, torch.zeros(batch, NUM_STATS, device=device)


def prepare(model: nn.Module, inputs: Inputs) -> Call:
    """The model with copies of the inputs given, or with a blank observation."""
    check_model(model)
    if inputs is not None:
        return Call(model, inputs)
    return Call(model, example_inputs(device=device_of(model)), " Without inputs=(...) it gets a game observation.")


def names_of(model: nn.Module) -> dict[str | None, tuple[str, str]]:
    """Part and layer by path, no pair twice: ``"map_branch.blocks.0.conv"`` is part ``"map_branch"``, layer
    ``"blocks.0.conv"``.

    A part that is itself a layer bears its name twice, and the model itself is called ``"model"``; where a child has
    taken that name, it is ``"(itself)"``. What no module did (None) is ``"(other)"``.
    """
    paths = list(paths_of(model).values())
    names: dict[str | None, tuple[str, str]] = {None: (OTHER, OTHER)}
    for path in paths:
        part, _, layer = path.partition(".")
        if not part:
            part = layer = ITSELF if "model" in paths else "model"
        names[path] = part, layer or (ITSELF if f"{part}.{part}" in paths else part)
    return names


@contextmanager
def nothing_made(model: nn.Module) -> Iterator[None]:
    """BadInput where passes inside the block gave the network layers or weights: what was listed before lacks them."""
    before = _sizes(model)
    yield
    if made := _sizes(model) - before:
        raise BadInput(f"{min(made)[0]} is made in the forward pass: call the network once on its inputs before.")


def _sizes(model: nn.Module) -> set[tuple[str, tuple[int, ...]]]:
    layers = {(name, ()) for name, _ in model.named_modules()}
    return layers | {(name, shape_of(weight)) for name, weight in model.named_parameters()}
