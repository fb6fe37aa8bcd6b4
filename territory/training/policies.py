"""Policies without a network, to compare an agent with: called with batched observations and masks."""

import numpy as np

from territory.world.actions import Direction, encode

WAIT = encode(Direction.WAIT)


class IdlePolicy:
    """Never orders anything. What an agent reaches above this is its own doing."""

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Wait in each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        return np.full(len(mask), WAIT, dtype=np.int64)


class RandomPolicy:
    """Draws evenly among the allowed actions, from a seed."""

    def __init__(self, seed: int = 0):
        self.random = np.random.default_rng(seed)

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """One allowed action for each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        # The largest of independent draws is each allowed action with the same probability.
        return np.where(mask, self.random.random(mask.shape), -1.0).argmax(axis=1)


class SteadyPolicy:
    """Attacks at every step with the smallest share, in the first direction that is open; looks at nothing else.

    Weak bots lose to it: a yardstick that says how little a win against them takes.
    """

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """The first allowed action of each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        return np.asarray(mask).argmax(axis=1)


SCRIPTED = {"random": RandomPolicy, "idle": IdlePolicy, "steady": SteadyPolicy}  # as the command line names them
