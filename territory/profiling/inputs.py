"""What the profilers share: inputs to run a model on, running it with clear errors, and names for its layers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.world.layout import NUM_PLANES, NUM_STATS

Inputs = Tensor | Mapping[str, Tensor] | Sequence[Tensor | Mapping[str, Tensor]] | None


def example_inputs(
    batch: int = 1, height: int = 128, width: int = 128, device: str | torch.device = "cpu"
) -> tuple[Tensor, Tensor]:
    """A blank observation: map uint8 ``(batch, 5, height, width)`` and statistics float32 ``(batch, 16)``."""
    if min(batch, height, width) < 1:
        raise BadInput(f"expected batch, height and width of at least 1; got {batch}, {height}, {width}.")
    planes = torch.zeros(batch, NUM_PLANES, height, width, dtype=torch.uint8, device=device)
    return planes, torch.zeros(batch, NUM_STATS, device=device)


def check_model(model: nn.Module) -> None:
    """Raises BadInput unless ``model`` is a torch module (an instance, not its class)."""
    if not isinstance(model, nn.Module):
        came = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise BadInput(f"expected a torch module; got {came}. Is it a class not yet built, or a state_dict?")


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter lives; the CPU for a model without any."""
    return next((tensor.device for tensor in model.parameters()), torch.device("cpu"))


def prepare(model: nn.Module, inputs: Inputs) -> tuple[Any, ...]:
    """The model's positional inputs on its device, tensors or dicts of them: those given, or a blank observation."""
    check_model(model)
    if inputs is None:
        return example_inputs(device=device_of(model))
    listed = (inputs,) if isinstance(inputs, Tensor | Mapping) else tuple(inputs)
    for value in listed:
        tensors = list(tensors_of(value))
        if not tensors:
            raise BadInput(f"inputs: expected tensors; got {type(value).__name__}. Use torch.from_numpy.")
        elsewhere = [tensor.device for tensor in tensors if tensor.device != device_of(model)]
        if elsewhere:
            raise BadInput(f"inputs: expected tensors on {device_of(model)} like the model; got {elsewhere[0]}.")
    return listed


def run(model: nn.Module, inputs: tuple[Any, ...]) -> Any:
    """``model(*inputs)``; what the model cannot take becomes a BadInput that names the shapes."""
    try:
        return model(*inputs)
    except BadInput:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError, AssertionError) as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_of(inputs))
        raise BadInput(
            f"{type(model).__name__} cannot take inputs of shapes {shapes}: {error}. "
            "Pass inputs=(...) as its forward expects them; without inputs a game observation is used."
        ) from error


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in a tensor, tuple, list or mapping, however deep; anything else is passed over."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | tuple | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_of(each)


def loss_of(outputs: Any) -> Tensor | int:
    """The sum of all outputs that have a gradient: the work of a backward pass doesn't depend on the loss's value.

    The number 0 where nothing has a gradient.
    """
    return sum(tensor.sum() for tensor in tensors_of(outputs) if tensor.requires_grad)


def split_path(path: str) -> tuple[str, str]:
    """``"map_branch.blocks.0.conv"`` as part ``"map_branch"`` and layer ``"blocks.0.conv"``.

    A part that is itself a layer bears its name twice; a model that is itself a layer is called ``"model"``.
    """
    part, _, layer = path.partition(".")
    return part or "model", layer or part or "model"
