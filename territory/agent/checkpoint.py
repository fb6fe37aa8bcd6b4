"""Checkpoint files: arrays and JSON in the safetensors format. Reading one never runs code from it.

A file holds named arrays (``model.*`` and, in a run, what is needed to go on) and one JSON text in its metadata.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.files import write_atomically
from territory.models.policy import DEFAULT, Decoding

FORMAT = "territory-checkpoint-1"
FILE_NAME = "checkpoint.safetensors"  # inside a run folder
MODEL = "model"  # prefix of the network's arrays
SCALE = "@scale"  # ends the name of what an array of whole numbers has to be multiplied with
DESCRIBED = ("model", "options", "config", "progress", "results")  # what stands in the JSON, beside the decoding


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


def model_arrays(model: nn.Module, bits: int = 32) -> dict[str, np.ndarray]:
    """The weights of a network; for a large one that is shipped in 16 ``bits``, or in 8.

    In 8 bits a matrix or kernel becomes whole numbers from -127 to 127, and beside it stands, as ``NAME@scale``, what
    one of them is worth in each row: the largest weight of the row over 127. Vectors stay as they are.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    if bits == 16:
        return {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in arrays.items()}
    if bits == 8:
        return {n: a for name, array in arrays.items() for n, a in _in_bytes(name, array).items()}
    return arrays


def _in_bytes(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    if array.ndim < 2 or array.dtype != np.float32:
        return {name: array}
    largest = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest, 1) / np.float32(127)
    return {name: np.rint(array / scale).astype(np.int8), name + SCALE: scale}


def _weights(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint's network, those in 8 bits as float32 again."""
    arrays = checkpoint.group(MODEL)
    scales = {name: arrays.pop(name) for name in [*arrays] if name.endswith(SCALE)}
    return {name: array * scales[name + SCALE] if name + SCALE in scales else array for name, array in arrays.items()}


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all: a crash at any moment leaves the old file or the new one."""
    content = {name: getattr(checkpoint, name) for name in DESCRIBED} | asdict(checkpoint.decoding)
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    data = save(arrays, metadata={"format": FORMAT, "content": json.dumps(content)})
    write_atomically(path, data)


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint file, or the one inside a run folder.

    Raises:
        BadInput: there is none, it is cut off, or it is not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        raise BadInput(f"there is no checkpoint at {path}: was it moved, or is the name misspelt?")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise BadInput(f"{path} {_what_is_wrong(path)} ({error})") from error
    return _from_metadata(path, metadata, arrays)


def build_model(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint, in float32 on the processor, in evaluation mode.

    Raises:
        BadInput: the arrays are not those of the network that the file names.
    """
    model = models.build(checkpoint.model, **checkpoint.options)
    load_weights(model, checkpoint)
    return model.eval()


def load_weights(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Fill a network with a checkpoint's weights; refuses those of another network, saying what differs."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    weights = _weights(checkpoint)
    found = {name: array.shape for name, array in weights.items()}
    different = sorted(set(wanted.items()) ^ set(found.items()))
    if different:
        name = different[0][0]
        raise BadInput(
            f"the checkpoint holds weights of another network than {checkpoint.model!r} {checkpoint.options}: "
            f"{name} has shape {found.get(name, 'nothing')} in the file and {wanted.get(name, 'nothing')} in the "
            "network. Likely the file comes from another version, or the network was built with other options."
        )
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def _from_metadata(path: Path, metadata: dict[str, str], arrays: dict[str, np.ndarray]) -> Checkpoint:
    if metadata.get("format") != FORMAT:
        raise BadInput(
            f"{path} is a safetensors file, but not a checkpoint of territory (its format is "
            f"{metadata.get('format')!r}, expected {FORMAT!r}): it comes from another program or another version"
        )
    try:
        content = json.loads(metadata["content"])
        settings = {each.name: content.pop(each.name) for each in fields(Decoding) if each.name in content}
        return Checkpoint(**content, decoding=Decoding(**settings), arrays=arrays)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path} is damaged: its description can't be read ({error})") from error


def _what_is_wrong(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(9)
    if not start:
        return "is empty: the copy or download that made it probably failed"
    if len(start) == 9 and start[8:] == b"{":
        return "is cut off or damaged: copy or download it again"
    return "is not a safetensors file: checkpoints end in .safetensors, and .pt or .pth files are not read"
