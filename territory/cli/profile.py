"""``territory profile``: parameters, MACs, memory and time of networks, ours or anybody's, as tables."""

import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from territory.cli.commands import check_used
from territory.errors import BadInput, shown, told

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = tyro.conf.UseAppendAction[
    Annotated[tuple[tuple[str, ...], ...], tyro.conf.arg(name="input", metavar="[NAME=]SHAPE[:DTYPE] ...")]
]

OWN = "package.module:factory or path/to/file.py:factory for a network of your own"
PASSES = {"train": "forward and backward", "forward": "forward"}
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
            type of its own; or each by keyword, x=1x128 mask=1x128:bool.
        dtype: Type of the inputs that don't name one: float32, bfloat16, int64, ...
    """
    from territory import models as registry
    from territory import profiling
    from territory.guests.call import device_of
    from territory.guests.contents import tensors_of
    from territory.profiling.inputs import prepare
    from territory.profiling.times import learns

    if shapes:
        check_used(profile, {"batch": batch}, "--input says how many examples there are")
    else:
        check_used(profile, {"dtype": dtype}, "it is for --input; observations have types of their own")
    networks = {name: load_network(name) for name in models or registry.names()}
    given = tuple(shape for each in shapes for shape in each)
    device = device_of(next(iter(networks.values())))
    inputs = make_inputs(given, dtype, device) if given else profiling.example_inputs(batch, device=device)
    sizes = " and ".join(str(tuple(each.shape)) for each in tensors_of(inputs))
    try:
        modes = {name: "train" if learns(prepare(each, inputs)) else "forward" for name, each in networks.items()}
        for name, network in networks.items():
            print(f"{name}: {PASSES[modes[name]]}, inputs of {sizes}")
            print(profiling.format_table(profiling.layer_table(network, inputs), total=True))
            try:
                fields = profiling.format_table(profiling.field_table(network, inputs))
            except BadInput as unknown:
                fields = f"(none: {unknown})"
            print(f"\nreceptive field of each convolution\n{fields}")
            kept = sum(record.bytes for record in profiling.memory_table(network, inputs))
            peak = profiling.peak_memory(network, inputs, modes[name]).peak
            print(f"\nmemory of a {STEPS[modes[name]]}: {peak / 1e6:.1f} MB at its peak", end="; ")
            print(f"what it keeps, not all of it at once, is {kept / 1e6:.1f} MB\n")
        for mode in ("train", "forward"):
            chosen = {name: network for name, network in networks.items() if modes[name] == mode}
            if chosen:
                print(f"a whole {STEPS[mode]}, the networks taking turns (seconds)")
                print(profiling.format_table(profiling.compare_latency(chosen, inputs, mode)))
    except BadInput as refused:
        hint = "" if given else " Without --input, as in --input 1x3x224x224, a network gets game observations."
        raise BadInput(f"{refused}{hint}") from refused
    return 0


def load_network(name: str) -> "nn.Module":
    """One of our networks by name, or what ``package.module:factory`` or ``file.py:factory`` makes.

    Raises BadInput with what went wrong: no such module or name, a factory that fails or makes something else.
    """
    from torch import nn

    from territory import models as registry
    from territory.guests.call import check_model

    place, colon, attribute = name.rpartition(":")
    known = registry.names()
    if not (place and attribute) and name not in known:
        raise BadInput(f"expected one of {', '.join(known)}, or {OWN}; got {name!r}.{_likely(name, known)}")
    if not colon:
        return registry.build(name)
    arguments, sys.argv = sys.argv, [place]  # a factory that reads the command line finds nothing there
    try:
        found: Any = _import(place)
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise BadInput(f"{name}: nothing is called {part!r} there.{_likely(part, dir(found))}")
            found = getattr(found, part)
        if not isinstance(found, nn.Module) and callable(found):
            found, name = found(), f"{name}()"
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        hint = " Name a function without arguments that makes it." if isinstance(error, TypeError) else ""
        raise BadInput(f"{name}() failed: {told(error)}.{hint}") from error
    finally:
        sys.argv = arguments
    if not isinstance(found, nn.Module):
        raise BadInput(f"expected a torch module, or a function or class that makes one; {name} is {shown(found)}")
    check_model(found)
    return found


def _likely(word: str, known: Iterable[str]) -> str:
    """Names like a misspelt one, as a sentence."""
    near = difflib.get_close_matches(word.lower(), [each.lower() for each in known], cutoff=0.8)
    meant = [each for each in known if each.lower() in near]
    return f" Is it {' or '.join(meant)}?" if meant else ""


def _import(place: str) -> Any:
    """A module by its name or its file, which finds what lies beside it."""
    file = Path(place)
    for folder in (str(Path.cwd()), str(file.parent.absolute())):  # as `python -m` and `python file.py` do
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if place.endswith(".py") and not file.is_file():
        raise BadInput(f"there is no file {place}")
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        spec: Any = importlib.util.spec_from_file_location(f"{file.stem}_file", place)
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)  # dataclasses look for it there
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        reason, likely = told(error), ""
        if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
            package, _, last = error.name.rpartition(".")
            folders = getattr(sys.modules.get(package), "__path__", ()) if package else None
            reason = f"there is no module {error.name}, in this folder or installed"
            likely = _likely(last, [each.name for each in pkgutil.iter_modules(folders)])
        raise BadInput(f"{place} can't be imported: {reason}. Expected {OWN}.{likely}") from error


def make_inputs(shapes: tuple[str, ...], dtype: str, device: Any = "cpu") -> Any:
    """``("2x8", "2x8:bool")`` as a tuple of tensors, ``("x=2x8", "mask=2x8:bool")`` as a mapping by keyword."""
    names, sizes = zip(*(shape.rpartition("=")[::2] for shape in shapes), strict=True)
    made = tuple(make_input(size, dtype).to(device) for size in sizes)
    if any(names) and (not all(names) or len({*names}) < len(names)):
        raise BadInput(f"expected all inputs named, no two alike, or none: x=1x3 mask=1x3; got {' '.join(shapes)}")
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
    except (RuntimeError, TypeError) as error:
        raise BadInput(f"input {shape!r} is too large, or of a type without numbers: {told(error)}") from error
