"""Learning where to attack, and nothing else, from what each direction was worth (`branches`).

The network is pushed towards directions that did better than the mean of the open ones, and held to what it was in all
else: how likely it attacks, what it orders, what a moment is worth to it. A board is turned or mirrored each time it is
met, with its directions, so that nothing can be learned about a point of the compass as such.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from studies.aim import aim, aim_gain, redirected
from studies.command import run
from studies.distillation import answers
from studies.fitting import fit
from studies.rollouts import Branches, Out, directions, known, worth
from territory.agent import Agent, load_agent, save_agent
from territory.cli import refuse_folder
from territory.errors import BadInput
from territory.models.policy import masked_log_softmax
from territory.models.symmetry import View, views_of
from territory.training.losses import kl_divergence

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


def teach_directions(
    agent: tyro.conf.Positional[str],
    branches: tyro.conf.Positional[tuple[str, ...]],
    out: Out,
    epochs: int = 16,
    learning_rate: float = 1e-3,
    hold: float = 0.003,
    seed: int = 0,
) -> int:
    """Teach an agent where to attack from what `studies.rollouts` kept, and nothing else.

    Args:
        agent: Who learns: a shipped agent, a run, a checkpoint file.
        branches: Files that `studies.rollouts` wrote.
        out: Where the taught agent goes (.safetensors).
        epochs: How often it goes over them.
        learning_rate: Step size of Adam, falling to zero.
        hold: Weight of staying with the directions it had, against the advantage of others.
        seed: Of the order, and of which games are held out.
    """
    refuse_folder(out)
    if not branches:
        raise BadInput("expected one or more files that `python -m studies.rollouts` wrote, behind the agent")
    old = load_agent(agent)
    if old.decoding.views != 1:
        raise BadInput(
            f"{agent} takes the mean over {old.decoding.views} views, and learning corrects one: "
            "teach it first to answer alike in one, `python -m studies.distillation`"
        )
    kept = reduce(add, map(Branches.load, branches))
    print(f"{len(kept):,} moments; what the likeliest direction is worth above the mean of the open ones:")
    lessons = learn_aim(old.model, kept, epochs, learning_rate, hold, seed)
    del kept  # gigabytes, of which the lessons make two parts
    for told in lessons:
        print(
            f"  epoch {told.epoch}: {told.held_out:+.3f} (give or take {told.margin:.3f}) in games that it doesn't "
            f"learn from, {told.learned:+.3f} in the others; another than at first in {told.moved:.0%}",
            flush=True,
        )
    save_agent(Agent(old.model.eval(), old.config, decoding=old.decoding), out)
    print(f"{out}: see how strong it is: territory evaluate {out}")
    return 0


if __name__ == "__main__":
    sys.exit(run(teach_directions))
