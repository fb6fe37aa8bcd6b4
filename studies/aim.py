"""Where an agent attacks, apart from when: the policy over directions, and how to make it more decided.

A patient agent attacks at one moment in fifteen, so what learns from all of its moments alike learns *when* far better
than *where*. An agent that won half of its games against a crowd attacked north-east on nearly every board, and its
directions were worth no more than dice (``python -m studies.views``). What the map had told it was there, but small
beside that favourite. The mean over eight views cancels favourites, and what is left can be raised to a power.
"""

import torch
from torch import Tensor

from territory.training.losses import kl_divergence
from territory.world.actions import FIRST_WAIT, NUM_DIRECTIONS

NEVER = -1e9  # as a log-probability, and still a number


def aim(log_probs: Tensor) -> Tensor:
    """The policy over directions, given that it attacks: ``(B, 90)`` to ``(B, 8)``, all log-probabilities.

    Minus infinity in a direction in which nobody is to attack; zeros, which mean nothing, where that is so in all.
    """
    attacks = log_probs[:, :FIRST_WAIT].unflatten(1, (NUM_DIRECTIONS, -1))
    closed = (attacks == -torch.inf).all(2)
    nobody = closed.all(1, keepdim=True)
    # The sum of nothing has no gradient, so what is closed becomes very unlikely first.
    ways = attacks.clamp(min=NEVER).logsumexp(2).log_softmax(1)
    return ways.masked_fill(closed, -torch.inf).masked_fill(nobody, 0.0)


def redirected(log_probs: Tensor, new_aim: Tensor) -> Tensor:
    """The same policy ``(B, 90)`` with another `aim` ``(B, 8)`` that is open where its own is.

    How likely it attacks at all stays, and so does what it orders once the direction is chosen.
    """
    change = (new_aim - aim(log_probs)).nan_to_num(0.0, 0.0, 0.0)  # infinity less infinity where it is closed
    attacks = log_probs[:, :FIRST_WAIT].unflatten(1, (NUM_DIRECTIONS, -1)) + change[:, :, None]
    return torch.cat([attacks.flatten(1), log_probs[:, FIRST_WAIT:]], dim=1)


def decided(log_probs: Tensor, power: float) -> Tensor:
    """The same policy, more decided about the direction: its probabilities of directions to that power."""
    return redirected(log_probs, (power * aim(log_probs)).log_softmax(1))


def aim_gain(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """What a policy ``(B, 90)`` can expect of its directions, ``(B,)``: the mean of their advantages ``(B, 8)``."""
    return (aim(log_probs).exp() * advantages).sum(1)


def aim_error(wanted: Tensor, log_probs: Tensor) -> Tensor:
    """KL divergence ``()`` in nats between two policies' ``(B, 90)`` attacks, given that they attack.

    The mean over the moments at which there is somebody to attack, however unlikely it is: there a full divergence
    hardly hears about directions.
    """
    able = wanted[:, :FIRST_WAIT].amax(1) > -torch.inf
    if not able.any():
        return log_probs.new_zeros(())
    one, other = (each[able, :FIRST_WAIT].log_softmax(1) for each in (wanted, log_probs))
    return kl_divergence(one, other).mean()
