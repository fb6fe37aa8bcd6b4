"""What a network computed over a whole recorded game."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.interpret.capture import Chosen, capture
from territory.models.guests import check_model, device_of
from territory.models.modes import inference
from territory.models.policy import masked_softmax
from territory.world.replay import Frame, Replay

BATCH = 64  # frames that go through the network together


@dataclass(frozen=True)
class ReplayRecord:
    """A whole game as a network saw it: T frames, and what it computed at each."""

    frames: tuple[Frame, ...]
    probabilities: np.ndarray  # float32 (T, 90), 0 where masked
    values: np.ndarray  # float32 (T,)
    attention: dict[str, np.ndarray]  # float32 (T, h, w) or (T, heads, Tq, Tk), by name

    def planes(self) -> np.ndarray:
        """uint8 (T, 5, H, W): the maps that the network was given."""
        return np.stack([frame.obs["map"] for frame in self.frames])

    def followed_by(self, more: "ReplayRecord", keep: int) -> "ReplayRecord":
        """The first ``keep`` frames of this record, and then those of another of the same network and map."""
        attention = {
            name: np.concatenate([weights[:keep], more.attention[name]]) for name, weights in self.attention.items()
        }
        return ReplayRecord(
            self.frames[:keep] + more.frames,
            np.concatenate([self.probabilities[:keep], more.probabilities]),
            np.concatenate([self.values[:keep], more.values]),
            attention,
        )


def capture_replay(model: nn.Module, replay: Replay, attention: Chosen = None) -> ReplayRecord:
    """Play a replay again and run the network, in evaluation mode, on every frame of it."""
    return capture_frames(model, tuple(replay.play()), attention)


def capture_frames(model: nn.Module, frames: Sequence[Frame], attention: Chosen = None) -> ReplayRecord:
    """Run the network, in evaluation mode, on some frames: one or more, of one game or not.

    Any network that takes maps uint8 (B, 5, H, W) and statistics (B, 16) and gives logits (B, 90) and values (B,).
    ``attention`` names modules of it whose attention `capture` doesn't find by itself.
    """
    check_model(model)
    frames = tuple(frames)
    if not frames:
        raise BadInput("expected one frame or more; got none")
    chunks = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
    with inference(model):
        parts = [_run(model, chunk, attention) for chunk in chunks]
    probabilities, values, records = zip(*parts, strict=True)
    joined = {name: np.concatenate([record[name] for record in records]) for name in records[0]}
    return ReplayRecord(frames, np.concatenate(probabilities), np.concatenate(values), joined)


def _run(
    model: nn.Module, frames: Sequence[Frame], chosen: Chosen
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    device = device_of(model)
    maps, stats, masks = to_tensors(frames, device)
    with capture(model, chosen) as record:
        logits, values = model(maps, stats)
    attention = {name: _by_frame(weights, len(frames)).float().cpu().numpy() for name, weights in record.items()}
    return masked_softmax(logits, masks).cpu().numpy(), values.float().cpu().numpy(), attention


def _by_frame(weights: Tensor, frames: int) -> Tensor:
    """(T, heads, Tq, Tk): a network that cuts its map into windows has as many heads for each."""
    return weights if len(weights) == frames else weights.reshape(frames, -1, *weights.shape[-2:])


def to_tensors(
    frames: Sequence[Frame], device: torch.device | str = "cpu", planes: np.ndarray | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Maps uint8 (B, 5, H, W), statistics float32 (B, 16) and masks bool (B, 90) of some frames; ``planes``: other
    maps for them."""
    arrays = (
        np.stack([frame.obs["map"] for frame in frames]) if planes is None else planes,
        np.stack([frame.obs["global"] for frame in frames]),
        np.stack([frame.mask for frame in frames]),
    )
    maps, stats, masks = (torch.from_numpy(array).to(device) for array in arrays)
    return maps, stats, masks
