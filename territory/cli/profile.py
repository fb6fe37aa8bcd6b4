"""``territory profile``: parameters, MACs, memory and time of networks, ours or anybody's, as tables."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from territory.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = Annotated[tuple[str, ...], tyro.conf.arg(name="input", metavar="[NAME=]SHAPE[:DTYPE] ...")]

STEPS = {"train": "training step", "forward": "forward pass (it has nothing to train)"}


def profile(
    models: tyro.conf.Positional[tuple[str, ...]] = (), batch: int = 12, shapes: Shapes = (), dtype: str = "float32"
) -> int:
    """Where a network's parameters, MACs, memory and time go, layer by layer.

    Args:
        models: Names from territory.models.names(), by default all; or a network of your own as package.module:factory
            or path/to/file.py:factory, a function or class that makes it.
        batch: Observations per forward and backward pass, for networks that play the game.
        shapes: What your own network is called with, one shape for each argument: 1x3x224x224, 1x128:int64 with a
            type of its own, or mask=1x128:bool by keyword.
        dtype: Type of the inputs that don't name one: float32, bfloat16, int64, ...
    """
    from territory import models as registry
    from territory import profiling
    from territory.models.guests import tensors_of
    from territory.profiling.times import learns

    networks = {name: load_network(name) for name in models or registry.names()}
    inputs = make_inputs(shapes, dtype) if shapes else profiling.example_inputs(batch)
    sizes = " and ".join(str(tuple(each.shape)) for each in tensors_of(inputs))
    modes = {name: "train" if learns(network, inputs) else "forward" for name, network in networks.items()}
    for name, network in networks.items():
        print(f"{name}: forward and backward, inputs of {sizes}")
        print(profiling.format_table(profiling.layer_table(network, inputs), total=True))
        print(f"\nreceptive field of each convolution\n{_fields(network, inputs if shapes else None)}")
        kept = sum(record.bytes for record in profiling.memory_table(network, inputs))
        peak = profiling.peak_memory(network, inputs, modes[name]).peak
        print(f"\nmemory of a {STEPS[modes[name]]}: {kept / 1e6:.1f} MB kept, {peak / 1e6:.1f} MB at its peak\n")
    for mode in ("train", "forward"):
        chosen = {name: network for name, network in networks.items() if modes[name] == mode}
        if chosen:
            print(f"a whole {STEPS[mode]}, the networks taking turns (seconds)")
            print(profiling.format_table(profiling.compare_latency(chosen, inputs, mode)))
    return 0


def _fields(network: "nn.Module", inputs: Any) -> str:
    from territory import profiling

    try:
        return profiling.format_table(profiling.field_table(network, inputs))
    except BadInput as unknown:
        return f"(none: {unknown})"


def load_network(name: str) -> "nn.Module":
    """One of our networks by name, or what ``package.module:factory`` or ``file.py:factory`` makes.

    Raises BadInput with what went wrong: no such module or name, a factory that fails or makes something else.
    """
    from torch import nn

    from territory import models as registry

    place, colon, attribute = name.rpartition(":")
    if not colon:
        return registry.build(name)
    found: Any = _import(place)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except Exception as error:  # an object's own __getattr__ may raise anything
            known = [each for each in getattr(found, "__dict__", ()) if not each.startswith("_")]
            raise BadInput(
                f"{place} has nothing called {attribute!r}; it has {', '.join(known[:12]) or 'nothing'}"
            ) from error
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise BadInput(f"{name}: expected a function or class that makes a network; got {type(found).__name__}")
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise BadInput(f"{name}() failed: {type(error).__name__}: {error}. Does it need arguments?") from error
    if not isinstance(found, nn.Module):
        raise BadInput(f"{name}() made a {type(found).__name__}; expected a torch module")
    return found


def _import(place: str) -> Any:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        if not Path(place).is_file():
            raise BadInput(f"there is no file {place}")
        spec: Any = importlib.util.spec_from_file_location(Path(place).stem, place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        known = isinstance(error, ModuleNotFoundError) and error.name and place.startswith(error.name)
        reason = "there is no such module from this folder" if known else f"{type(error).__name__}: {error}"
        raise BadInput(
            f"{place} can't be imported: {reason}. Expected package.module:factory or file.py:factory."
        ) from error


def make_inputs(shapes: tuple[str, ...], dtype: str) -> Any:
    """``("2x8", "2x8:bool")`` as a tuple of tensors, ``("x=2x8", "mask=2x8:bool")`` as a mapping by keyword."""
    names, sizes = zip(*(shape.rpartition("=")[::2] for shape in shapes), strict=True)
    made = tuple(make_input(size, dtype) for size in sizes)
    if any(names) and (not all(names) or len({*names}) < len(names)):
        raise BadInput(f"expected inputs that are all named, each otherwise, or none; got {' '.join(shapes)}")
    return dict(zip(names, made, strict=True)) if any(names) else made


def make_input(shape: str, dtype: str = "float32") -> "Tensor":
    """``"1x3x224x224"`` or ``"1x128:int64"`` as a tensor: normal numbers, or zeros where the type is whole.

    Raises BadInput for another spelling or type.
    """
    import torch

    sizes, _, own = shape.partition(":")
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", sizes):
        raise BadInput(f"expected an input like 1x3x224x224 or 1x128:int64; got {shape!r}")
    kind = getattr(torch, own or dtype, None)
    if not isinstance(kind, torch.dtype):
        raise BadInput(f"expected a type of torch's like float32, bfloat16, int64 or uint8; got {own or dtype!r}")
    numbers = tuple(int(size) for size in sizes.split("x"))
    try:
        if not (kind.is_floating_point or kind.is_complex):
            return torch.zeros(numbers, dtype=kind)
        return torch.randn(numbers, generator=torch.Generator().manual_seed(0)).to(kind)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"no input {shape!r} could be made, too large or of a type without numbers: {reason}") from error
