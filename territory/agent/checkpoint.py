"""Checkpoint files: arrays and JSON in the safetensors format. Reading one never runs code from it.

A file holds named arrays (``model.*`` and, in a run, what is needed to go on) and one JSON text in its metadata. It may
come from anywhere: its size, its header, its JSON, its dtypes and its numbers are judged before anything uses them.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn

from territory import models
from territory.errors import BadInput
from territory.files import as_path, as_typed, open_regular, parse_json, write_atomically
from territory.models.policy import DEFAULT, Decoding

FORMAT = "territory-checkpoint-1"
FILE_NAME = "checkpoint.safetensors"  # inside a run folder
MODEL = "model"  # prefix of the network's arrays
SCALE = "@scale"  # ends the name of what an array of whole numbers has to be multiplied with
DESCRIBED = {"model": str, "options": dict, "config": dict, "progress": dict, "results": dict}  # in the JSON
LARGEST = 1 << 31  # bytes of a file: a run with thousands of games stays below


@dataclass
class Checkpoint:
    """A network, how it was trained, what it reached, and in a run all that is needed to continue."""

    model: str  # a name of the registry
    options: dict[str, Any]  # what the network was built with
    config: dict[str, Any]  # the TrainConfig it was trained with
    progress: dict[str, Any] = field(default_factory=dict)  # the last Update
    results: dict[str, Any] = field(default_factory=dict)  # what evaluation measured
    decoding: Decoding = DEFAULT  # with which it plays
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays named ``prefix.*``, by the rest of their names."""
        start = prefix + "."
        return {name.removeprefix(start): array for name, array in self.arrays.items() if name.startswith(start)}

    def add_group(self, prefix: str, arrays: dict[str, np.ndarray]) -> None:
        """Put arrays in under ``prefix.*``."""
        self.arrays.update({f"{prefix}.{name}": array for name, array in arrays.items()})


def is_blank(folder: Path) -> bool:
    """Whether it is a folder that holds nothing, but for what is still being written, which has hidden names."""
    return os.path.isdir(folder) and all(name.startswith(".") for name in os.listdir(folder))


def model_arrays(model: nn.Module, bits: int = 32) -> dict[str, np.ndarray]:
    """The weights of a network; for a large one that is to be published in 16 ``bits``, or in 8.

    In 8 bits a matrix or kernel becomes whole numbers from -127 to 127, and beside it stands, as ``NAME@scale``, what
    one of them is worth in each row: the largest weight of the row over 127. Vectors stay as they are.

    Raises BadInput: a weight is not a finite number, or not in so few bits.
    """
    weights = model.state_dict()
    for name, tensor in weights.items():
        if tensor.dtype == torch.bfloat16 or tensor.layout != torch.strided:
            kind = tensor.dtype if tensor.layout == torch.strided else tensor.layout
            raise BadInput(f"the network's weights {name} are {kind}, which no file of ours holds: model.float() first")
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}
    if bits == 16:
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            arrays = {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in arrays.items()}
    elif bits == 8:
        arrays = {n: a for name, array in arrays.items() for n, a in _in_bytes(name, array).items()}
    check_finite(arrays)
    return arrays


def check_finite(arrays: dict[str, np.ndarray]) -> None:
    """Refuse weights among which is one that is NaN or infinite; says which array holds it."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(
                f"the network's weights {name} are not all finite numbers (NaN or infinity among them): its training "
                "diverged, or its file is damaged"
            )


def _in_bytes(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    if array.ndim < 2 or array.dtype != np.float32:
        return {name: array}
    largest = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest, 1) / np.float32(127)
    with np.errstate(invalid="ignore"):  # a scale that isn't finite is refused by who called
        return {name: np.rint(array / scale).astype(np.int8), name + SCALE: scale}


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all: a crash at any moment leaves the old file or the new one."""
    content = {name: getattr(checkpoint, name) for name in DESCRIBED} | asdict(checkpoint.decoding)
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    write_atomically(path, save(arrays, metadata={"format": FORMAT, "content": json.dumps(content)}))


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint file, or the one inside a run folder.

    Raises BadInput: there is none, it is cut off, or it is not one of ours.
    """
    path = as_path(path, "checkpoint")
    if os.path.isdir(path):
        path = path / FILE_NAME
    try:
        with open_regular(path, LARGEST, "checkpoint"), safe_open(path, "numpy") as content:
            metadata = content.metadata() or {}
            ours = metadata.get("format") == FORMAT
            arrays = {name: content.get_tensor(name) for name in content.keys() if ours}  # noqa: SIM118 (no dictionary)
    except (SafetensorError, TypeError, AttributeError) as error:  # the latter two: a type that NumPy hasn't got
        hint = "copy or download it again"
        if path.suffix.lower() == ".npz":
            hint = f"if it is a replay, watch it with territory play {as_typed(path)}"
        raise BadInput(
            f"{path} is not a safetensors file of ours (.pt and .pth files are not read), or it is empty, cut off or "
            f"damaged: {hint} ({str(error)[:200]})"
        ) from error
    if not ours:
        found = str(metadata.get("format"))[:50]
        raise BadInput(
            f"{path} is a safetensors file, but not a checkpoint of territory (expected the format {FORMAT!r}, got "
            f"{found!r}): it comes from another program or another version"
        )
    return _described(path, parse_json(metadata.get("content", ""), f"{path}, its description,"), arrays)


def _described(path: Path, content: Any, arrays: dict[str, np.ndarray]) -> Checkpoint:
    """A checkpoint from the JSON of its description."""
    settings = {each.name for each in fields(Decoding)}
    if not isinstance(content, dict) or not {"model", "options", "config"} <= set(content):
        raise BadInput(f"{path} is damaged: its description does not hold the fields that a checkpoint has")
    if unknown := sorted(set(content) - settings - set(DESCRIBED)):
        raise BadInput(
            f"{path}: a checkpoint of this version describes no {', '.join(unknown)[:200]}: it was probably written by "
            "another version of territory"
        )
    for name, kind in DESCRIBED.items():
        if name in content and not isinstance(content[name], kind):
            raise BadInput(
                f"{path} is damaged: {name} in its description is a {kind.__name__}, got {type(content[name]).__name__}"
            )
    decoding = Decoding(**{name: content[name] for name in settings & set(content)})
    return Checkpoint(
        **{name: content[name] for name in DESCRIBED if name in content}, decoding=decoding, arrays=arrays
    )


def build_model(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint, in float32 on the processor, in evaluation mode.

    Raises BadInput: the arrays are not those of the network that the file names, or not finite.
    """
    model = models.build(checkpoint.model, seed=0, **models.known_options(checkpoint.model, checkpoint.options))
    load_weights(model, checkpoint)
    return model.eval()


def load_weights(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Fill a network with a checkpoint's weights; refuses those of another network, saying what differs."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    arrays = checkpoint.group(MODEL)
    scales = {name.removesuffix(SCALE): arrays.pop(name) for name in [*arrays] if name.endswith(SCALE)}
    found = {name: array.shape for name, array in arrays.items()}
    different = sorted(set(wanted.items()) ^ set(found.items()))
    if different or not set(scales) <= set(wanted):
        name = different[0][0] if different else next(iter(set(scales) - set(wanted))) + SCALE
        raise BadInput(
            f"the checkpoint holds weights of another network than {checkpoint.model!r} {checkpoint.options}: "
            f"{name} has shape {found.get(name, 'nothing')} in the file and {wanted.get(name, 'nothing')} in the "
            "network. Likely the file comes from another version, or the network was built with other options."
        )
    weights = {n: _as_tensor(n, arrays[n], scales.get(n), tensor) for n, tensor in model.state_dict().items()}
    check_finite({name: tensor.numpy() for name, tensor in weights.items()})
    if any((tensor < 0).any() for name, tensor in weights.items() if name.endswith("running_var")):
        raise BadInput("the checkpoint is damaged: a variance of its batch norm is negative")
    model.load_state_dict(weights)


def _as_tensor(name: str, array: np.ndarray, scale: np.ndarray | None, wanted: Tensor) -> Tensor:
    """An array of a file as a tensor of the network's own type."""
    if not wanted.is_floating_point():
        allowed, scaled = array.dtype == np.int64 and (array >= 0).all(), scale is None
    elif scale is None:
        allowed, scaled = array.dtype in (np.float16, np.float32), True
    else:
        rows = array.shape[:1] + (1,) * (array.ndim - 1)
        allowed, scaled = array.dtype == np.int8, scale.dtype == np.float32 and scale.shape == rows
    if not allowed or not scaled:
        raise BadInput(
            f"the checkpoint is damaged: its array {name} is {array.dtype}, or its scale is of another shape"
        )
    if scale is not None:
        array = array * scale
    return torch.from_numpy(array).to(wanted.dtype)
