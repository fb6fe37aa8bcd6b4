"""Learning where to attack, and nothing else, from what each direction was worth (`branches`).

The network is pushed towards directions that did better than the mean of the open ones, and held to what it was in all
else: how likely it attacks, what it orders, what a moment is worth to it. A board is turned or mirrored each time it is
met, with its directions, so that nothing can be learned about a point of the compass as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.symmetry import View, views_of
from territory.training.aim import aim, aim_gain, redirected
from territory.training.branches import Branches
from territory.training.fitting import fit
from territory.training.losses import kl_divergence, masked_log_softmax
from territory.training.migration import answers

VALUE_WEIGHT = 0.05
MAX_GRAD_NORM = 1.0
HELD_OUT = 0.15  # of the games, which are only looked at


@dataclass(frozen=True)
class Aimed:
    """What the likeliest directions were worth above the mean of the open ones, in returns, after an epoch."""

    epoch: int  # 0: before the first
    learned: float  # in the attacks that were learned from
    held_out: float  # in those of other games
    margin: float  # 95 % interval of the latter over games, to either side
    moved: float  # share of the others in which another direction is the likeliest than at first


def learn_aim(
    student: nn.Module, branches: Branches, epochs: int, learning_rate: float, hold: float, seed: int = 0
) -> Iterator[Aimed]:
    """Correct a network's directions in place; hands out what they are worth before and after each epoch.

    ``hold``: weight of the KL divergence from the directions it had, against the mean advantage in standard deviations.
    """
    if epochs < 0:
        raise BadInput(f"epochs must be 0 or more, got {epochs}")
    first = branches.moments.among(1 - HELD_OUT, seed)
    learned, held_out = branches.where(first), branches.where(~first)
    games = len(np.unique(branches.moments.games))
    del branches  # the two parts are as large together
    if not known(learned).any() or not known(held_out).any():
        raise BadInput(
            "expected attacks of at least two games that could have gone elsewhere, to learn from one and to measure "
            f"on another: got {len(learned) + len(held_out):,} moments of {games:,} games"
        )
    wanted = answers(student, learned.moments)
    before = directions(student, held_out)
    yield _measured(0, student, learned, held_out, before)
    for epoch in _epochs(student, learned, wanted, epochs, learning_rate, hold, seed):
        yield _measured(epoch, student, learned, held_out, before)


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
    views = views_of(*learned.moments.maps.shape[-2:])

    def error(index: np.ndarray, dice: np.random.Generator) -> Tensor:
        view = views[dice.integers(len(views))]
        log_probs, values = _seen(student, learned.where(index), view)
        gain = aim_gain(log_probs, torch.from_numpy(advantages[index]))
        turned = kl_divergence(aim(wanted[0][index]), aim(log_probs))
        attacks = torch.from_numpy(played_on[index])
        aimed = (hold * turned - gain)[attacks].sum() / attacks.sum().clamp(min=1)
        return drift(log_probs, wanted[0][index]) + VALUE_WEIGHT * (values - wanted[1][index]).square().mean() + aimed

    yield from fit(student, len(learned), error, epochs, learning_rate, seed, MAX_GRAD_NORM)


def drift(log_probs: Tensor, old: Tensor) -> Tensor:
    """KL divergence ``()`` from an old policy ``(B, 90)`` in all but the directions."""
    return kl_divergence(redirected(old, aim(log_probs).detach()), log_probs).mean()


def _seen(student: nn.Module, branches: Branches, view: View) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``(B, 90)`` and values ``(B,)`` of boards that are laid another way, as of the boards."""
    maps, stats, masks = map(torch.from_numpy, (branches.moments.maps, branches.moments.stats, branches.moments.masks))
    logits, values = student(view.of_maps(maps), stats)
    return masked_log_softmax(logits[:, view.of_actions()], masks), values


def _measured(epoch: int, student: nn.Module, learned: Branches, held_out: Branches, before: np.ndarray) -> Aimed:
    now = directions(student, held_out)
    gained, margin = worth(held_out, now)
    return Aimed(epoch, worth(learned, directions(student, learned))[0], gained, margin, (now != before).mean())


def known(branches: Branches) -> np.ndarray:
    """bool (S,): an attack that was played on, and that could have gone elsewhere."""
    return (~np.isnan(branches.returns)).sum(1) > 1


def directions(model: nn.Module, branches: Branches, views: int = 1) -> np.ndarray:
    """The likeliest direction, int64 ``(K,)``, in each attack that is `known`."""
    return aim(answers(model, branches.where(known(branches)).moments, views)[0]).argmax(1).numpy()


def worth(branches: Branches, chosen: np.ndarray) -> tuple[float, float]:
    """Mean advantage of the directions ``(K,)`` chosen in the K attacks that are `known`, and its margin over games."""
    asked = branches.where(known(branches))
    return mean_over_games(np.take_along_axis(asked.advantages(), chosen[:, None], axis=1)[:, 0], asked.moments.games)


def mean_over_games(values: np.ndarray, games: np.ndarray) -> tuple[float, float]:
    """The mean of values ``(K,)`` from games ``(K,)``, and its 95 % interval to either side.

    Values of one game are alike, so a game counts as one (the variance of a mean over clusters).
    """
    numbers, game = np.unique(games, return_inverse=True)
    apart = np.bincount(game, values - values.mean())  # of each game, summed
    spread = np.sqrt((apart**2).sum() * len(numbers) / max(1, len(numbers) - 1))
    return float(values.mean()), float(1.96 * spread / len(values))
