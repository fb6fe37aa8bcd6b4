"""A network as an ONNX file: the same policy, value and attention without torch, in a browser for instance.

Inputs of the file, for a batch of B states:

- ``map`` uint8 ``(B, 5, H, W)`` and ``global`` float32 ``(B, 16)``: as the environments give them.
- ``ablation`` float32 ``(S, 2)``: for each of S slots how much of the weights is kept, and how much of uniform weights
  is added. A row ``(1, 0)`` leaves them as trained, ``(0, 1)`` makes them uniform, ``(0, 0)`` zero. A gate is one slot,
  an attention one for each head; the file's metadata ``territory`` names them in order.

Outputs: ``logits`` float32 ``(B, 90)`` before the action mask, ``value`` ``(B,)``, and the attention by the names of
`capture`: gates ``(B, h, w)``, attention ``(B, heads, Tq, Tk)``.
"""

import json
import logging
import warnings
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from territory.agent import Agent
from territory.agent.checkpoint import model_arrays
from territory.errors import BadInput
from territory.files import check_writable, write_atomically
from territory.guests.modes import evaluation_mode
from territory.interpret.capture import attention_modules, capture
from territory.world.layout import NUM_PLANES, NUM_STATS
from territory.world.params import WorldParams

AS_TRAINED = (1.0, 0.0)
SIDES = 128  # of the map, where the agent's training says nothing else


def export_onnx(agent: Agent, path: str | Path, name: str = "") -> dict[str, Any]:
    """Write an agent's network as an ONNX file; what its metadata says.

    Its decoding (threshold, views) is not part of the file; the metadata tells it, and calls the agent by ``name``, by
    default as the network calls itself. Raises BadInput: the packages that write ONNX are missing, torch can't trace
    the network, the file can't be written, or a weight is not finite.
    """
    onnx = _library()
    check_writable(path)
    model_arrays(agent.model)  # refuses what is no network
    size = WorldParams(**{side: agent.config.get(side, SIDES) for side in ("height", "width")})
    height, width = size.height, size.width
    inputs = (torch.zeros(2, NUM_PLANES, height, width, dtype=torch.uint8), torch.zeros(2, NUM_STATS))
    with evaluation_mode(agent.model):
        open_net = Ablatable(agent.model, inputs)
        # The ablation that changes nothing, float32 (S, 2); one unused row where there is no attention.
        proto = _traced(open_net, (*inputs, torch.tensor([AS_TRAINED] * max(1, len(open_net.slots)))))
    about = {
        "agent": name or getattr(agent.model, "name", type(agent.model).__name__),
        "map": [NUM_PLANES, height, width],
        "slots": open_net.slots,
        "decoding": {"attack_threshold": agent.decoding.attack_threshold, "views": agent.decoding.views},
    }
    onnx.helper.set_model_props(proto, {"territory": json.dumps(about)})
    write_atomically(path, proto.SerializeToString())
    return about


class Ablatable(nn.Module):
    """A network whose attention is an output, and whose ablations are an input."""

    def __init__(self, model: nn.Module, example: tuple[Tensor, Tensor]):
        super().__init__()
        self.model = model
        with torch.no_grad(), capture(model) as record:
            model(*example)
        self.names = list(attention_modules(model))
        self.heads = {name: record[name].shape[1] if record[name].ndim == 4 else 0 for name in self.names}
        self.slots = [slot for name in self.names for slot in _slots(name, self.heads[name])]

    def forward(self, maps: Tensor, stats: Tensor, ablation: Tensor) -> tuple[Tensor, ...]:
        """Logits, value, and the attention of each name."""
        kept: dict[str, Tensor] = {}
        with ExitStack() as stack:
            for name, module in attention_modules(self.model).items():
                stack.enter_context(module.register_forward_hook(self._hook(name, ablation, kept)))
            logits, value = self.model(maps, stats)
        if not self.slots:
            value = value + 0 * ablation.sum()  # an input that nothing uses would be left out of the file
        return logits, value, *(kept[name] for name in self.names)

    def _hook(self, name: str, ablation: Tensor, kept: dict[str, Tensor]) -> Callable[..., Tensor]:
        heads = self.heads[name]
        first = self.slots.index(_slots(name, heads)[0])
        rows = ablation[first : first + max(1, heads)]
        keep, add = rows[:, 0].reshape(1, -1, 1, 1), rows[:, 1].reshape(1, -1, 1, 1)

        def hook(_module: nn.Module, _inputs: tuple, weights: Tensor) -> Tensor:
            uniform = 1 / weights.shape[-1] if heads else weights.mean(dim=(-2, -1), keepdim=True)
            changed = keep * weights + add * uniform
            kept[name] = changed if heads else changed.squeeze(1)
            return changed

        return hook


def _slots(name: str, heads: int) -> list[str]:
    return [f"{name} {head}" for head in range(heads)] or [name]


def _library() -> Any:
    try:
        import onnx
        import onnxscript  # noqa: F401, torch's exporter needs it
    except ImportError as error:
        said = f'writing ONNX needs packages that are missing ({error}): pip install "territory-course[onnx]"'
        raise BadInput(said) from None
    return onnx


def _traced(module: Ablatable, inputs: tuple[Tensor, ...]) -> Any:
    """The ONNX model of torch's exporter, which talks a lot."""
    names = ["map", "global", "ablation"]
    outputs = ["logits", "value", *module.names]
    shapes = {"maps": {0: "batch"}, "stats": {0: "batch"}, "ablation": None}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it names every package that it could use and misses
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module.eval(),
                inputs,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=shapes,
                dynamo=True,  # torch before 2.9 would take its former exporter, which knows no dynamic shapes
                verbose=False,
            )
        except Exception as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise BadInput(
                f"{type(module.model).__name__} can't be written as ONNX, as torch's exporter has it: {reason[:200]}. "
                "Does its forward decide by the values of a tensor?"
            ) from error
    assert program is not None
    return program.model_proto
