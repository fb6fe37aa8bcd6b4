"""From observations to actions: the one place where a network's logits become a choice."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from territory.training.losses import chosen, masked_log_softmax
from territory.world.actions import NUM_BUILDS, NUM_INTENSITIES, Direction

FIRST_WAIT = Direction.WAIT * NUM_INTENSITIES * NUM_BUILDS  # attacks have lower indices, kinds of waiting this and up


class Decision(NamedTuple):
    """What a network decided for B observations."""

    actions: Tensor  # int64 (B,)
    log_probs: Tensor  # float32 (B,), of these actions
    values: Tensor  # float32 (B,)


def decide(
    model: nn.Module, maps: Tensor, global_stats: Tensor, masks: Tensor, generator: torch.Generator | None = None
) -> Decision:
    """Allowed actions for observations on the model's device: drawn with ``generator``, the `greedy` without one."""
    logits, values = model(maps, global_stats)
    log_probs = masked_log_softmax(logits, masks)
    if generator is None:
        actions = greedy(log_probs)
    else:
        actions = torch.multinomial(log_probs.exp(), 1, generator=generator).squeeze(-1)
    return Decision(actions, chosen(log_probs, actions), values)


def greedy(log_probs: Tensor) -> Tensor:
    """The choice without dice, int64 ``(B,)``: first attack or wait, by their whole probability, then the likeliest.

    A flat argmax pits the one WAIT against each of up to 80 attacks, so a network that attacks nine times in ten, in
    ways that are nearly alike, would wait for ever. The shipped agent loses games that way which it wins when its
    actions are drawn, and wins again by this rule (tests/training/test_shipped.py).
    """
    attacks, waits = log_probs[:, :FIRST_WAIT], log_probs[:, FIRST_WAIT:]
    waiting = waits.logsumexp(-1) > attacks.logsumexp(-1)
    return torch.where(waiting, FIRST_WAIT + waits.argmax(-1), attacks.argmax(-1))
