"""Learning where to attack, and nothing else, from what each direction was worth (`branches`).

The network is pushed towards directions that did better than the mean of the open ones, and held to what it was in all
else: how likely it attacks, what it orders, what a moment is worth to it. A board is turned or mirrored each time it is
met, with its directions, so that nothing can be learned about a point of the compass as such.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.symmetry import View, views_of
from territory.training.aim import aim, aim_gain, redirected
from territory.training.branches import Branches
from territory.training.losses import kl_divergence, masked_log_softmax
from territory.training.migration import answers

MINIBATCH = 128
VALUE_WEIGHT = 0.05
MAX_GRAD_NORM = 1.0
HELD_OUT = 0.15  # of the games, which are only looked at


@dataclass(frozen=True)
class Aimed:
    """What the likeliest directions were worth above the mean of the open ones, in returns, after an epoch."""

    epoch: int  # 0: before the first
    learned: float  # in the attacks that were learned from
    held_out: float  # in those of other games
    margin: float  # 95 % interval of the latter, to either side
    moved: float  # share of the others in which another direction is the likeliest than at first


def learn_aim(
    student: nn.Module, branches: Branches, epochs: int, learning_rate: float, hold: float, seed: int = 0
) -> Iterator[Aimed]:
    """Correct a network's directions in place; hands out what they are worth before and after each epoch.

    ``hold``: weight of the KL divergence from the directions it had, against the mean advantage in standard deviations.
    """
    if epochs < 0:
        raise BadInput(f"epochs must be 0 or more, got {epochs}")
    first = np.random.default_rng(seed).random(branches.moments.games.max() + 1)[branches.moments.games] < 1 - HELD_OUT
    learned, held_out = branches.where(first), branches.where(~first)
    if not len(learned) or not len(held_out):
        raise BadInput("expected moments of at least two games, to learn from one and to measure on another")
    old = copy.deepcopy(student)
    wanted = answers(old, learned.moments)
    yield _measured(0, student, old, learned, held_out)
    for epoch in _epochs(student, learned, wanted, epochs, learning_rate, hold, seed):
        yield _measured(epoch, student, old, learned, held_out)


def _epochs(
    student: nn.Module,
    learned: Branches,
    wanted: tuple[Tensor, Tensor],
    epochs: int,
    learning_rate: float,
    hold: float,
    seed: int,
) -> Iterator[int]:
    advantages = learned.advantages()
    advantages /= advantages[advantages != 0].std()
    played_on = known(learned)
    batches, order = -(-len(learned) // MINIBATCH), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(student.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.01, max(1, epochs * batches))
    views = views_of(*learned.moments.maps.shape[-2:])
    for epoch in range(1, epochs + 1):
        student.train()
        for index in np.array_split(order.permutation(len(learned)), batches):
            view = views[order.integers(len(views))]
            log_probs, values = _seen(student, learned.where(index), view)
            optimizer.zero_grad()
            gain = aim_gain(log_probs, torch.from_numpy(advantages[index]))
            turned = kl_divergence(aim(wanted[0][index]), aim(log_probs))
            attacks = torch.from_numpy(played_on[index])
            aimed = (hold * turned - gain)[attacks].sum() / attacks.sum().clamp(min=1)
            error = drift(log_probs, wanted[0][index]) + VALUE_WEIGHT * (values - wanted[1][index]).square().mean()
            (error + aimed).backward()
            nn.utils.clip_grad_norm_(student.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            schedule.step()
        yield epoch


def drift(log_probs: Tensor, old: Tensor) -> Tensor:
    """KL divergence ``()`` from an old policy ``(B, 90)`` in all but the directions."""
    return kl_divergence(redirected(old, aim(log_probs).detach()), log_probs).mean()


def _seen(student: nn.Module, branches: Branches, view: View) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``(B, 90)`` and values ``(B,)`` of boards that are laid another way, as of the boards."""
    maps, stats, masks = map(torch.from_numpy, (branches.moments.maps, branches.moments.stats, branches.moments.masks))
    logits, values = student(view.of_maps(maps), stats)
    return masked_log_softmax(logits[:, view.of_actions()], masks), values


def _measured(epoch: int, student: nn.Module, old: nn.Module, learned: Branches, held_out: Branches) -> Aimed:
    gains = [worth(student, part) for part in (learned, held_out)]
    now, then = (aim(answers(model, held_out.moments)[0]).argmax(1) for model in (student, old))
    moved = (now != then).numpy()[known(held_out)].mean()
    return Aimed(epoch, gains[0].mean(), gains[1].mean(), margin(gains[1]), moved)


def known(branches: Branches) -> np.ndarray:
    """bool (S,): an attack that was played on, and that could have gone elsewhere."""
    return (~np.isnan(branches.returns)).sum(1) > 1


def worth(model: nn.Module, branches: Branches) -> np.ndarray:
    """The advantage of the likeliest direction in each attack that is `known`."""
    asked = branches.where(known(branches))
    ways = aim(answers(model, asked.moments)[0]).argmax(1, keepdim=True).numpy()
    return np.take_along_axis(asked.advantages(), ways, axis=1)[:, 0]


def margin(values: np.ndarray) -> float:
    """Half of the 95 % interval of a mean, from the spread of the values."""
    return 1.96 * values.std() / np.sqrt(max(1, len(values)))
