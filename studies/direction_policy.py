"""The policy over directions: where an agent attacks, apart from when; and how to sharpen it.

A patient agent attacks in one step of fifteen, so what learns from all of its steps alike learns *when* far better than
*where*. An agent that won half of its games against a crowd attacked north-east on nearly every board, and a random
direction served it as well (``python -m studies.views``). What the map had told it was there, but small beside that
favourite. The mean over eight views cancels favourites, and what is left can be sharpened: raised to an exponent.
"""

import torch
from torch import Tensor

from studies.fitting import kl_divergence
from territory.models.policy import split_actions
from territory.world.actions import FIRST_WAIT

NEVER = -1e9  # as a log-probability, and still a number


def direction_log_probs(log_probs: Tensor) -> Tensor:
    """The policy over directions, given that it attacks: ``(B, 90)`` to ``(B, 8)``, all log-probabilities.

    Minus infinity in a direction in which nobody is to attack; zeros, which mean nothing, where that is so in all.
    """
    attacks, _ = split_actions(log_probs)
    closed = (attacks == -torch.inf).all(2)
    nobody = closed.all(1, keepdim=True)
    # The sum of nothing has no gradient, so what is closed becomes very unlikely first.
    ways = attacks.clamp(min=NEVER).logsumexp(2).log_softmax(1)
    return ways.masked_fill(closed, -torch.inf).masked_fill(nobody, 0.0)


def with_directions(log_probs: Tensor, directions: Tensor) -> Tensor:
    """The same policy ``(B, 90)`` with another policy over directions ``(B, 8)`` that is open where its own is.

    How likely it attacks at all stays, and so does what it orders once the direction is chosen.
    """
    change = directions - direction_log_probs(log_probs)
    change = change.nan_to_num(0.0, 0.0, 0.0)  # infinity less infinity where it is closed
    attacks, waits = split_actions(log_probs)
    return join_actions(attacks + change[:, :, None], waits)


def sharpened(log_probs: Tensor, sharpening: float) -> Tensor:
    """The same policy with its probabilities of directions raised to the exponent ``sharpening``, then normalised."""
    return with_directions(log_probs, (sharpening * direction_log_probs(log_probs)).log_softmax(1))


def expected_advantage(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """What a policy ``(B, 90)`` can expect of its directions, ``(B,)``: the mean of their advantages ``(B, 8)``."""
    return (direction_log_probs(log_probs).exp() * advantages).sum(1)


def direction_kl(wanted: Tensor, log_probs: Tensor) -> Tensor:
    """KL divergence ``()`` in nats between two policies' ``(B, 90)`` attacks, given that they attack.

    The mean over the states at which there is somebody to attack, however unlikely it is: there a full divergence
    hardly hears about directions.
    """
    able = wanted[:, :FIRST_WAIT].amax(1) > -torch.inf
    if not able.any():
        return log_probs.new_zeros(())
    one, other = (each[able, :FIRST_WAIT].log_softmax(1) for each in (wanted, log_probs))
    return kl_divergence(one, other).mean()


def join_actions(attacks: Tensor, waits: Tensor) -> Tensor:
    """The inverse of `split_actions`: ``(..., 8, 10)`` and ``(..., 10)`` to ``(..., 90)``."""
    return torch.cat([attacks.flatten(-2), waits], dim=-1)
