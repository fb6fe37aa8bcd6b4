"""From observations to actions: the one place where a network's logits become a choice."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from territory.training.losses import chosen, masked_log_softmax


class Decision(NamedTuple):
    """What a network decided for B observations."""

    actions: Tensor  # int64 (B,)
    log_probs: Tensor  # float32 (B,), of these actions
    values: Tensor  # float32 (B,)


def decide(
    model: nn.Module, maps: Tensor, global_stats: Tensor, masks: Tensor, generator: torch.Generator | None = None
) -> Decision:
    """Allowed actions for observations on the model's device: drawn with ``generator``, the likeliest without one."""
    logits, values = model(maps, global_stats)
    log_probs = masked_log_softmax(logits, masks)
    if generator is None:
        actions = log_probs.argmax(dim=-1)
    else:
        actions = torch.multinomial(log_probs.exp(), 1, generator=generator).squeeze(-1)
    return Decision(actions, chosen(log_probs, actions), values)
