"""From an old network to a new one: what has the same name and shape is carried, the rest learns to answer alike.

Carrying alone isn't enough: a part that is carried reads what its neighbours give, and new neighbours give something
else. So the whole new network is then shown moments of recorded games and corrected until it gives the old one's policy
and value (policy distillation, Rusu et al. 2016). First the old one plays, then the new one, with the old one as judge
(Ross et al. 2011): a student who has only seen its master's games is lost where the master never was. Without that, one
that had learned a patient agent's policy to 0.05 nats, and won when its actions were drawn, waited for ever when it had
to take the likeliest.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from territory.envs.seats import Policy
from territory.errors import BadInput
from territory.training.agent import Agent
from territory.training.aim import aim_error, decided
from territory.training.build import make_model
from territory.training.config import TrainConfig
from territory.training.fitting import MINIBATCH, fit
from territory.training.losses import kl_divergence
from territory.training.policy import answer, greedy
from territory.training.ppo import iterate
from territory.training.recorded import GAMES_AT_ONCE, Moments, watch_games

LEARNING_RATE = 1e-3
EVERY = 4  # steps of a game from one moment that is learned to the next
VALUE_WEIGHT = 0.5  # as PPO's own
AIM_WEIGHT = 1.0
WINDOW = 100  # games behind a win rate


@dataclass(frozen=True)
class Carried:
    """One tensor of the new network, and whether the old one's was put in its place."""

    tensor: str
    shape: tuple[int, ...]
    parameters: int
    carried: int  # the same number, or 0
    old_shape: tuple[int, ...]  # () where the old network has none of that name


@dataclass(frozen=True)
class Likeness:
    """How much a student is like its teacher on moments that it did not learn from."""

    moments: int  # seen so far, learned from or not
    epoch: int  # 0: nothing has been learned from the latest ones
    kl: float  # nats: what the teacher's choices would surprise one who expects the student's
    value_error: float  # root of the mean squared difference of the values
    same_choice: float  # share of moments in which both choose the same action


def carry_over(old: nn.Module, new: nn.Module) -> list[Carried]:
    """Copy every parameter and running average that shares name and shape; one record for each tensor of ``new``."""
    source, target = old.state_dict(), new.state_dict()
    records = []
    with torch.no_grad():
        for name, tensor in target.items():
            before = source.get(name)
            fits = before is not None and before.shape == tensor.shape
            if fits:
                tensor.copy_(before)
            shape = () if before is None else tuple(before.shape)
            records.append(Carried(name, tuple(tensor.shape), tensor.numel(), tensor.numel() * fits, shape))
    parameters = dict(new.named_parameters())
    return [record for record in records if record.tensor in parameters]


def new_config(old: Agent, name: str, norm: str) -> TrainConfig:
    """The training configuration of the old agent for another network; refuses one that can't take its maps."""
    return old.train_config(model=name, norm=norm, name=None, init=None)


def teach(
    student: nn.Module, old: Agent, config: TrainConfig, moments: int, rounds: int, epochs: int, power: float = 1.0
) -> Iterator[Likeness]:
    """Record games in rounds and `distil`: the old agent's, with its actions drawn; then the student's own."""
    if not 1 <= rounds <= moments:
        raise BadInput(f"expected at least one round and a moment for each, got {rounds} rounds, {moments} moments")
    seen = None
    for number in range(rounds):
        player = with_dice(old) if number == 0 else Agent(student, attack_threshold=old.attack_threshold)
        first_map = config.seed + number * GAMES_AT_ONCE
        part = watch_games(player, moments // rounds, EVERY, first_map, **config.world())
        seen = part if seen is None else seen + part
        yield from distil(student, old.model, seen, epochs, config.seed, old.views, power)


def with_dice(agent: Agent) -> Policy:
    """An agent's policy with actions drawn, so that its games differ."""
    return lambda obs, mask: agent.act(obs, mask, deterministic=False)


def distil(
    student: nn.Module,
    teacher: nn.Module,
    moments: Moments,
    epochs: int,
    seed: int = 0,
    views: int = 1,
    power: float = 1.0,
) -> Iterator[Likeness]:
    """Teach a network another one's policy and value; hands out how alike they are before and after each epoch.

    ``views``: of each board, 1 or 8, that the teacher is asked about; a student can learn in one what it saw in eight.
    ``power``: above 1, the student is to be more `decided` about directions than its teacher.
    A tenth of the games is only looked at, never learned from.
    """
    if epochs < 0 or not power >= 1:
        raise BadInput(f"epochs must be 0 or more and power at least 1, got {epochs} and {power}")
    learned, held_out = moments.split(0.9)
    if not len(learned) or not len(held_out):
        raise BadInput("expected moments of at least two games, to learn from one and to measure on another")
    wanted, held_out_wanted = (_wanted(teacher, part, views, power) for part in (learned, held_out))
    yield _likeness(len(moments), 0, student, held_out, held_out_wanted)
    for epoch in imitate(student, learned, wanted, epochs, seed, AIM_WEIGHT if power > 1 else 0.0):
        yield _likeness(len(moments), epoch, student, held_out, held_out_wanted)


def _wanted(teacher: nn.Module, moments: Moments, views: int, power: float) -> tuple[Tensor, Tensor]:
    log_probs, values = answers(teacher, moments, views)
    return (decided(log_probs, power) if power > 1 else log_probs), values


def imitate(
    student: nn.Module,
    moments: Moments,
    wanted: tuple[Tensor, Tensor],
    epochs: int,
    seed: int = 0,
    aim_weight: float = 0.0,
) -> Iterator[int]:
    """Correct a network towards the wanted `answers` to these moments; hands out the number of each epoch done.

    ``aim_weight``: of an error of its own for where to attack (see `aim_error`).
    """

    def error(index: np.ndarray, _: np.random.Generator) -> Tensor:
        log_probs, values = _forward(student, moments.where(index))
        value_error = (values - wanted[1][index]).square().mean()
        total = kl_divergence(wanted[0][index], log_probs).mean() + VALUE_WEIGHT * value_error
        return total + aim_weight * aim_error(wanted[0][index], log_probs) if aim_weight else total

    yield from fit(student, len(moments), error, epochs, LEARNING_RATE, seed)


def _forward(model: nn.Module, moments: Moments, views: int = 1) -> tuple[Tensor, Tensor]:
    return answer(model, *map(torch.from_numpy, (moments.maps, moments.stats, moments.masks)), views)


@torch.no_grad()
def answers(model: nn.Module, moments: Moments, views: int = 1) -> tuple[Tensor, Tensor]:
    """Log-probabilities (S, 90) and values (S,) that a network gives, in evaluation mode."""
    model.eval()
    chunks = np.array_split(np.arange(len(moments)), -(-len(moments) // MINIBATCH))
    log_probs, values = zip(*(_forward(model, moments.where(index), views) for index in chunks), strict=True)
    return torch.cat(log_probs), torch.cat(values)


def _likeness(seen: int, epoch: int, student: nn.Module, held_out: Moments, wanted: tuple[Tensor, Tensor]) -> Likeness:
    log_probs, values = answers(student, held_out)
    return Likeness(
        seen,
        epoch,
        kl=kl_divergence(wanted[0], log_probs).mean().item(),
        value_error=(values - wanted[1]).square().mean().sqrt().item(),
        same_choice=(greedy(log_probs) == greedy(wanted[0])).float().mean().item(),
    )


def make_student(old: Agent, config: TrainConfig) -> tuple[nn.Module, list[Carried]]:
    """A new network with what could be carried, and the list of it."""
    student = make_model(config)
    return student, carry_over(old.model, student)


def steps_to(config: TrainConfig, win_rate: float = 0.9) -> int | None:
    """Environment steps until that share of the last 100 games was won; None if the run ends before."""
    for update in iterate(config):
        if update.episodes >= WINDOW and update.win_rate >= win_rate:
            return update.step
    return None
