"""Learning where to attack, and nothing else, from what each direction was worth (`rollouts`).

The network is pushed towards directions that did better than the mean of the open ones, and held to what it was in all
else: how likely it attacks, what it orders, what a state is worth to it. A board is turned or mirrored each time it is
met, with its directions, so that nothing can be learned about a point of the compass as such.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from studies.command import run
from studies.datafile import DATA, kept
from studies.direction_policy import direction_log_probs, expected_advantage, with_directions
from studies.distillation import policies_and_values
from studies.fitting import fit, kl_divergence
from studies.games import first_part
from studies.rollouts import Out, Rollouts, directions, known, worth
from territory.agent import Agent, load_agent, save_agent
from territory.errors import BadInput
from territory.files import check_writable
from territory.models.policy import View, masked_log_softmax, views_of

VALUE_WEIGHT = 0.05
MAX_GRAD_NORM = 1.0
HELD_OUT = 0.15  # of the games, which are only looked at


@dataclass(frozen=True)
class Epoch:
    """What the likeliest directions were worth above the mean of the open ones, in returns, after an epoch."""

    epoch: int  # 0: before the first
    learned: float  # in the attacks that were learned from
    held_out: float  # in those of other games
    margin: float  # 95 % interval of the latter over games, to either side
    moved: float  # share of the others in which another direction is the likeliest than at first


def fine_tune(
    student: nn.Module, rollouts: Rollouts, epochs: int, learning_rate: float, kl_weight: float, seed: int = 0
) -> Iterator[Epoch]:
    """Correct a network's directions in place; hands out what they are worth before and after each epoch.

    ``kl_weight``: of the KL divergence from the directions it had, against the mean advantage in standard deviations.
    """
    if epochs < 0:
        raise BadInput(f"epochs must be 0 or more, got {epochs}")
    first = first_part(rollouts.states, 1 - HELD_OUT, seed)
    learned, held_out = rollouts.where(first), rollouts.where(~first)
    games = len(np.unique(rollouts.states.games))
    del rollouts  # the two parts are as large together
    if not known(learned).any() or not known(held_out).any():
        raise BadInput(
            "expected attacks of at least two games that could have gone elsewhere, to learn from one and to measure "
            f"on another: got {len(learned) + len(held_out):,} states of {games:,} games"
        )
    wanted = policies_and_values(student, learned.states)
    before = directions(student, held_out)
    yield _measured(0, student, learned, held_out, before)
    for epoch in _epochs(student, learned, wanted, epochs, learning_rate, kl_weight, seed):
        yield _measured(epoch, student, learned, held_out, before)


def _epochs(
    student: nn.Module,
    learned: Rollouts,
    wanted: tuple[Tensor, Tensor],
    epochs: int,
    learning_rate: float,
    kl_weight: float,
    seed: int,
) -> Iterator[int]:
    advantages = learned.advantages()
    spread = advantages[advantages != 0].std() if advantages.any() else 0.0
    if not spread > 0:
        raise BadInput("in every state all directions were worth the same, so there is nothing to learn from them")
    advantages /= spread
    played_on = known(learned)
    views = views_of(*learned.states.maps.shape[-2:])

    def error(index: np.ndarray, random: np.random.Generator) -> Tensor:
        view = views[random.integers(len(views))]
        log_probs, values = _seen(student, learned.where(index), view)
        gain = expected_advantage(log_probs, torch.from_numpy(advantages[index]))
        turned = kl_divergence(direction_log_probs(wanted[0][index]), direction_log_probs(log_probs))
        attacks = torch.from_numpy(played_on[index])
        aimed = (kl_weight * turned - gain)[attacks].sum() / attacks.sum().clamp(min=1)
        return drift(log_probs, wanted[0][index]) + VALUE_WEIGHT * (values - wanted[1][index]).square().mean() + aimed

    yield from fit(student, len(learned), error, epochs, learning_rate, seed, MAX_GRAD_NORM)


def drift(log_probs: Tensor, old: Tensor) -> Tensor:
    """KL divergence ``()`` from an old policy ``(B, 90)`` in all but the directions."""
    return kl_divergence(with_directions(old, direction_log_probs(log_probs).detach()), log_probs).mean()


def _seen(student: nn.Module, rollouts: Rollouts, view: View) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``(B, 90)`` and values ``(B,)`` of boards that are laid another way, as of the boards."""
    maps, stats, masks = rollouts.states.tensors()
    logits, values = student(view.of_maps(maps), stats)
    return masked_log_softmax(logits[:, view.of_actions()], masks), values


def _measured(epoch: int, student: nn.Module, learned: Rollouts, held_out: Rollouts, before: np.ndarray) -> Epoch:
    now = directions(student, held_out)
    gained, margin = worth(held_out, now)
    return Epoch(epoch, worth(learned, directions(student, learned))[0], gained, margin, float((now != before).mean()))


def teach_directions(
    agent: tyro.conf.Positional[str],
    rollouts: tyro.conf.Positional[tuple[str, ...]],
    out: Out,
    epochs: int = 16,
    learning_rate: float = 1e-3,
    kl_weight: float = 0.003,
    seed: int = 0,
    data: Path = DATA / "directions.json",
) -> None:
    """Teach an agent where to attack from what `studies.rollouts` kept, and nothing else.

    Args:
        agent: Who learns: a pretrained agent, a run, a checkpoint file.
        rollouts: Files that `studies.rollouts` wrote.
        out: Where the taught agent goes (.safetensors).
        epochs: How often it goes over them.
        learning_rate: Step size of Adam, falling to zero.
        kl_weight: Weight of staying with the directions it had, against the advantage of others.
        seed: Of the order, and of which games are held out.
        data: The data file, for what its directions are worth after each epoch.
    """
    check_writable(out, "out")
    if not rollouts:
        raise BadInput("expected one or more files that `python -m studies.rollouts` wrote, behind the agent")
    old = load_agent(agent)
    if old.decoding.views != 1:
        raise BadInput(
            f"{agent} takes the mean over {old.decoding.views} views, and learning corrects one: "
            "teach it first to answer alike in one, `python -m studies.distillation`"
        )
    seen = reduce(add, map(Rollouts.load, rollouts))
    print(f"{len(seen):,} states; what the likeliest direction is worth above the mean of the open ones:")
    lessons = fine_tune(old.model, seen, epochs, learning_rate, kl_weight, seed)
    del seen  # gigabytes, of which the lessons make two parts
    told = []
    for each in lessons:
        print(
            f"  epoch {each.epoch}: {each.held_out:+.3f} (± {each.margin:.3f}) in games that it doesn't learn from, "
            f"{each.learned:+.3f} in the others; another than at first in {each.moved:.0%}",
            flush=True,
        )
        told.append(each)
    settings = {"agent": agent, "rollouts": list(rollouts), "epochs": epochs, "learning_rate": learning_rate}
    kept(data, told, "epoch", settings | {"kl_weight": kl_weight, "seed": seed})
    save_agent(Agent(old.model.eval(), old.config, decoding=old.decoding), out)
    print(f"{out}: see how strong it is: territory evaluate {out}")


if __name__ == "__main__":
    sys.exit(run(teach_directions))
