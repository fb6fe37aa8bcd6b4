"""Where an agent attacks, apart from when: the policy over directions, and how to make it more decided.

A patient agent attacks at one moment in sixteen, so what learns from all of its moments alike learns *when* far better
than *where*. An agent that won half of its games against a crowd attacked north-east on nearly every board, and its
directions were worth no more than dice (``python -m benchmarks.views``). What the map had told it was there, but small
beside that favourite. The mean over eight views cancels favourites, and what is left can be raised to a power.
"""

import torch
from torch import Tensor

from territory.training.losses import kl_divergence
from territory.world.actions import FIRST_WAIT, NUM_DIRECTIONS


def decided(log_probs: Tensor, power: float) -> Tensor:
    """The same policy ``(B, 90)``, more decided about the direction: its probabilities of directions to that power.

    How likely it attacks at all stays, and so does what it orders once the direction is chosen.
    """
    attacks = log_probs[:, :FIRST_WAIT].unflatten(1, (NUM_DIRECTIONS, -1))  # (B, 8, orders)
    ways = attacks.logsumexp(2)
    sharper = (power * ways).log_softmax(1) + ways.logsumexp(1, keepdim=True)
    change = (sharper - ways).masked_fill(ways == -torch.inf, 0.0)  # infinity less infinity where it is closed
    return torch.cat([(attacks + change[:, :, None]).flatten(1), log_probs[:, FIRST_WAIT:]], dim=1)


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
