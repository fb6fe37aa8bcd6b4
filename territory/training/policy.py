"""From observations to actions: the one place where a network's logits become a choice."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from territory.models.symmetry import ask, views_of
from territory.training.distributed import ALONE, Team
from territory.training.losses import chosen, masked_log_softmax
from territory.world.actions import FIRST_WAIT

ATTACK_THRESHOLD = 0.5  # attack once it is likelier than waiting


class Decision(NamedTuple):
    """What a network decided for B observations."""

    actions: Tensor  # int64 (B,)
    log_probs: Tensor  # float32 (B,), of these actions
    values: Tensor  # float32 (B,)


def decide(
    model: nn.Module,
    maps: Tensor,
    global_stats: Tensor,
    masks: Tensor,
    generator: torch.Generator | None = None,
    team: Team = ALONE,
    attack_threshold: float = ATTACK_THRESHOLD,
    views: int = 1,
) -> Decision:
    """Allowed actions for observations on the model's device: `drawn` with ``generator``, the `greedy` without one."""
    log_probs, values = answer(model, maps, global_stats, masks, views)
    dice = generator is not None
    actions = drawn(log_probs.exp(), generator, team) if dice else greedy(log_probs, attack_threshold)
    return Decision(actions, chosen(log_probs, actions), values)


def answer(
    model: nn.Module, maps: Tensor, global_stats: Tensor, masks: Tensor, views: int = 1
) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``(B, 90)`` and values ``(B,)``; with 8 ``views``, the mean of the probabilities over them.

    Not the mean of the logits: that is the product of the probabilities, in which one view that is sure to wait
    forbids the others to attack. An agent that won half of its games against a crowd won one in twenty that way.
    """
    if views == 1:
        logits, values = model(maps, global_stats)
        return masked_log_softmax(logits, masks), values
    logits, values = ask(model, maps, global_stats, views_of(*maps.shape[-2:]))
    log_probs = masked_log_softmax(logits, masks)  # (V, B, 90)
    return log_probs.logsumexp(0) - math.log(len(log_probs)), values.mean(0)


def drawn(probabilities: Tensor, generator: torch.Generator, team: Team = ALONE) -> Tensor:
    """Choices by chance, int64 ``(B,)``, from ``(B, A)``.

    Each action has a clock that rings after an exponential time, sooner where it is likelier; the first to ring is
    chosen. That is how ``torch.multinomial`` draws too, but here every process throws the dice of all games.
    """
    games, actions = probabilities.shape
    clocks = probabilities.new_empty(games * team.size, actions).exponential_(generator=generator)
    return (probabilities / clocks[team.share(len(clocks))]).argmax(-1)


def greedy(log_probs: Tensor, attack_threshold: float = ATTACK_THRESHOLD) -> Tensor:
    """The choice without dice, int64 ``(B,)``: first attack or wait, by their whole probability, then the likeliest.

    A flat argmax pits the one WAIT against each of up to 80 attacks, so a network that attacks nine times in ten, in
    ways that are nearly alike, would wait for ever. The shipped agent loses games that way which it wins when its
    actions are drawn, and wins again by this rule (tests/training/test_shipped.py).

    ``attack_threshold``: how likely attacking must be, together. An agent to whom the moment matters little strikes
    with a small chance at every step, again and again, and so strikes soon; under one half it never would.
    """
    attacks, waits = log_probs[:, :FIRST_WAIT], log_probs[:, FIRST_WAIT:]
    waiting = attacks.logsumexp(-1).exp() < attack_threshold
    return torch.where(waiting, FIRST_WAIT + waits.argmax(-1), attacks.argmax(-1))
