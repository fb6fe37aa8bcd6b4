"""From logits to actions: the one place where a network's output becomes a policy, and a policy becomes a choice.

Shapes: B observations, 90 actions (8 directions x 10 orders each, then 10 ways of waiting), V views. Masks are True
where an action is allowed; every row must allow at least one.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from territory.errors import BadInput, real
from territory.world.actions import FIRST_WAIT, NUM_ACTIONS, NUM_DIRECTIONS, NUM_ORDERS

ATTACK_THRESHOLD = 0.5  # attack once it is likelier than waiting


class View(NamedTuple):
    """A way to lay the board on the table: mirrored west to east, or not; then turned counter-clockwise by quarters.

    A map turned or mirrored is as good a map, and the best order on it is the old one turned along. No network here
    knows that: each has learned it roughly, from maps that lie every way. Averaging its answers over the eight views
    makes it exact, and takes out the errors that differ from view to view (an average over a group is equivariant:
    Cohen & Welling 2016; AlphaGo's networks were asked about boards in all eight: Silver et al. 2016).
    """

    turns: int
    mirrored: bool

    def of_maps(self, maps: Tensor) -> Tensor:
        """Maps ``(..., H, W)`` as they are seen; ``(..., W, H)`` after an odd number of turns."""
        return torch.rot90(maps.flip(-1) if self.mirrored else maps, self.turns, dims=(-2, -1))

    def of_actions(self) -> Tensor:
        """Where each action of the board stands among those of the view, int64 ``(90,)``.

        ``logits_of_view[:, view.of_actions()]`` are the logits of the board.
        """
        compass = torch.arange(NUM_DIRECTIONS)  # clockwise from north, two to a quarter
        seen = ((-compass if self.mirrored else compass) - 2 * self.turns) % NUM_DIRECTIONS
        attacks = seen[:, None] * NUM_ORDERS + torch.arange(NUM_ORDERS)
        return torch.cat([attacks.flatten(), torch.arange(FIRST_WAIT, NUM_ACTIONS)])  # waiting has no direction


VIEWS = tuple(View(turns, mirrored) for turns in range(4) for mirrored in (False, True))  # the board itself is first


def views_of(height: int, width: int) -> tuple[View, ...]:
    """Those that keep the shape of a map: all eight of a square, four of others."""
    return VIEWS if height == width else tuple(view for view in VIEWS if view.turns % 2 == 0)


@dataclass(frozen=True)
class Decoding:
    """How a policy becomes a choice: what an agent, its file, the command line and the explorer share.

    Raises BadInput: a threshold that isn't a probability, or other views.
    """

    attack_threshold: float = ATTACK_THRESHOLD  # how likely attacking must be to be chosen greedily (see `greedy`)
    views: int = 1  # 1: the board as it lies; 8: the mean over it rotated and reflected (see `policy_and_value`)

    def __post_init__(self) -> None:
        # At 0 an agent with nobody to attack would attack.
        threshold = real("attack_threshold, a probability,", self.attack_threshold, 1e-9, 1)
        object.__setattr__(self, "attack_threshold", threshold)
        if isinstance(self.views, bool) or self.views not in (1, len(VIEWS)):
            raise BadInput(f"views is 1 (the board as it lies) or 8 (rotated and reflected too); got {self.views!r}")


DEFAULT = Decoding()


class Decision(NamedTuple):
    """What a network chose for B observations."""

    actions: Tensor  # int64 (B,)
    log_probs: Tensor  # float32 (B,), of these actions
    values: Tensor  # float32 (B,)


def masked_log_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Log-probabilities ``(..., 90)`` over the allowed actions; minus infinity, so probability exactly 0, elsewhere."""
    return logits.masked_fill(~mask, -torch.inf).log_softmax(dim=-1)


def masked_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Probabilities ``(..., 90)`` over the allowed actions, float32, exactly 0 elsewhere."""
    return logits.float().masked_fill(~mask, -torch.inf).softmax(dim=-1)


def log_prob_of(log_probs: Tensor, actions: Tensor) -> Tensor:
    """Log-probability ``(B,)`` of each row's action ``(B,)`` int64."""
    return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def split_actions(values: Tensor) -> tuple[Tensor, Tensor]:
    """One number for each action ``(..., 90)`` as attacks ``(..., 8, 10)``, by direction, and waits ``(..., 10)``."""
    return values[..., :FIRST_WAIT].unflatten(-1, (NUM_DIRECTIONS, NUM_ORDERS)), values[..., FIRST_WAIT:]


def policy_and_value(
    model: nn.Module, maps: Tensor, global_stats: Tensor, masks: Tensor, views: int = 1
) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``(B, 90)`` and values ``(B,)``; with 8 ``views``, the mean of the probabilities over them.

    Not the mean of the logits: that is the product of the probabilities, in which one view that is sure to wait
    forbids the others to attack. An agent that won half of its games against a crowd won one in twenty that way.
    """
    if views == 1:
        logits, values = checked_output(model(maps, global_stats), len(maps), masks.shape[-1])
        return masked_log_softmax(logits, masks), values
    logits, values = forward_views(model, maps, global_stats, views_of(*maps.shape[-2:]))
    log_probs = masked_log_softmax(logits, masks)  # (V, B, 90)
    return log_probs.logsumexp(0) - math.log(len(log_probs)), values.mean(0)


def checked_output(output: Any, batch: int, actions: int = NUM_ACTIONS) -> tuple[Tensor, Tensor]:
    """What a network gave for B observations, if it is logits ``(B, 90)`` and values ``(B,)``; BadInput if not.

    ``actions``: of another environment.

    Of two observations, logits alone would be taken apart as if the first row were the logits and the second the value.
    """
    listed = output if isinstance(output, tuple | list) else [output]
    kinds = [  # of a dense tensor its numbers', of others how they lie, of anything else its class
        each.dtype if getattr(each, "layout", None) == torch.strided else getattr(each, "layout", type(each).__name__)
        for each in listed
    ]
    if len(kinds) != 2 or not all(isinstance(kind, torch.dtype) and kind.is_floating_point for kind in kinds):
        got = " and ".join(map(str, kinds))
        raise BadInput(f"expected a network that gives logits and a value, two dense tensors of floats; got {got}")
    logits, values = listed
    shapes = tuple(logits.shape), tuple(values.shape)
    if shapes != ((batch, actions), (batch,)):
        raise BadInput(
            f"expected logits {(batch, actions)} and values {(batch,)} from the network, "
            f"got {shapes[0]} and {shapes[1]}"
        )
    return logits, values


def forward_views(
    model: nn.Module, maps: Tensor, global_stats: Tensor, views: tuple[View, ...]
) -> tuple[Tensor, Tensor]:
    """A network's output in V views, turned back to the boards: logits ``(V, B, 90)`` and values ``(V, B)``."""
    outputs = [checked_output(model(view.of_maps(maps), global_stats), len(maps)) for view in views]
    places = [view.of_actions().to(maps.device) for view in views]
    logits = [logits[:, seen] for (logits, _), seen in zip(outputs, places, strict=True)]
    return torch.stack(logits), torch.stack([values for _, values in outputs])


def act(
    model: nn.Module,
    maps: Tensor,
    global_stats: Tensor,
    masks: Tensor,
    generator: torch.Generator | None = None,
    decoding: Decoding = DEFAULT,
    local: tuple[int, int] = (0, 1),
) -> Decision:
    """Allowed actions for observations on the model's device: sampled with ``generator``, `greedy` without one.

    ``local``: rank and number of the processes that share the games (see `sample`).
    """
    log_probs, values = policy_and_value(model, maps, global_stats, masks, decoding.views)
    if generator is None:
        actions = greedy(log_probs, decoding.attack_threshold)
    else:
        actions = sample(log_probs.exp(), generator, *local)
    return Decision(actions, log_prob_of(log_probs, actions), values)


def sample(probabilities: Tensor, generator: torch.Generator, rank: int = 0, processes: int = 1) -> Tensor:
    """Actions drawn from the policy, int64 ``(B,)``, from ``(B, A)``.

    Each action has a clock that rings after an exponential time, sooner where it is likelier; the first to ring is
    chosen. That is how ``torch.multinomial`` draws too, but here each of several ``processes`` draws the numbers of
    all their games and uses its own slice, so that all generators stay alike.
    """
    games, actions = probabilities.shape
    clocks = probabilities.new_empty(games * processes, actions).exponential_(generator=generator)
    return (probabilities / clocks[rank * games : (rank + 1) * games]).argmax(-1)


def greedy(log_probs: Tensor, attack_threshold: float = ATTACK_THRESHOLD) -> Tensor:
    """The deterministic choice, int64 ``(B,)``: first attack or wait, by their whole probability, then the likeliest.

    A flat argmax pits the one WAIT against each of up to 80 attacks, so a network that attacks nine times in ten, in
    ways that are nearly alike, would wait for ever. The pretrained agent loses games that way which it wins when its
    actions are sampled, and wins again by this rule (tests/agent/test_pretrained.py).

    ``attack_threshold``: how likely attacking must be, together. An agent to whom the moment matters little attacks
    with a small chance at every step, again and again, and so attacks soon; under one half it never would.
    """
    attacks, waits = log_probs[:, :FIRST_WAIT], log_probs[:, FIRST_WAIT:]
    waiting = attacks.logsumexp(-1).exp() < attack_threshold
    return torch.where(waiting, FIRST_WAIT + waits.argmax(-1), attacks.argmax(-1))
