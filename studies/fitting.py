"""A network corrected by gradient steps on kept samples, and how far its policy is from another."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

MINIBATCH = 128
Error = Callable[
    [np.ndarray, np.random.Generator], Tensor
]  # positions of samples (B,), random -> what to make smaller ()


def fit(
    network: nn.Module,
    samples: int,
    error: Error,
    epochs: int,
    learning_rate: float,
    seed: int = 0,
    max_grad_norm: float = torch.inf,
) -> Iterator[int]:
    """Adam over all samples, in another order each epoch, with a rate that falls to a hundredth.

    Hands out the number of each epoch done.
    """
    batches, random = -(-samples // MINIBATCH), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.01, max(1, epochs * batches))
    for epoch in range(1, epochs + 1):
        network.train()
        for index in np.array_split(random.permutation(samples), batches):
            optimizer.zero_grad()
            error(index, random).backward()
            nn.utils.clip_grad_norm_(network.parameters(), max_grad_norm)
            optimizer.step()
            schedule.step()
        yield epoch


def kl_divergence(wanted: Tensor, log_probs: Tensor) -> Tensor:
    """KL(wanted ‖ policy) ``(B,)`` in nats, from the log-probabilities ``(B, A)`` of both."""
    surprise = (wanted - log_probs).masked_fill(wanted == -torch.inf, 0.0)  # infinity less infinity where masked
    return (wanted.exp() * surprise).sum(dim=-1)
