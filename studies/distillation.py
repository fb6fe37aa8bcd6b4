"""From an old network to a new one: what has the same name and shape is carried, the rest learns to answer alike.

Carrying alone isn't enough: a part that is carried reads what its neighbours give, and new neighbours give something
else. So the whole new network is then shown states of recorded games and corrected until it gives the old one's policy
and value (policy distillation, Rusu et al. 2016). First the old one plays, then the new one, with the old one as judge
(Ross et al. 2011): a student who has only seen its master's games is lost where the master never was. Without that, one
that had learned a patient agent's policy to 0.05 nats, and won when its actions were drawn, waited for ever when it had
to take the likeliest.
"""

import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from studies.command import run
from studies.datafile import DATA, kept
from studies.direction_policy import direction_kl, sharpened
from studies.fitting import MINIBATCH, fit, kl_divergence
from studies.games import config_of, joined, split
from territory.agent import evaluate
from territory.agent.agent import Agent, load_agent, save_agent
from territory.agent.evaluation import GAMES_AT_ONCE, SampledStates, sample_states
from territory.envs.opponents import Policy, is_mixture, kinds_of_games
from territory.errors import BadInput
from territory.files import check_writable
from territory.models.policy import greedy, policy_and_value
from territory.profiling import format_table
from territory.training.build import make_model
from territory.training.config import Norm, TrainConfig
from territory.training.ppo import iterate

LEARNING_RATE = 1e-3
EVERY = 4  # steps of a game from one state that is learned to the next
VALUE_WEIGHT = 0.5  # as PPO's own
DIRECTION_WEIGHT = 1.0
WINDOW = 100  # games behind a win rate


@dataclass(frozen=True)
class Likeness:
    """How much a student is like its teacher on states that it did not learn from."""

    states: int  # seen so far, learned from or not
    epoch: int  # 0: nothing has been learned from the latest ones
    kl: float  # nats: what the teacher's choices would surprise one who expects the student's
    value_error: float  # root of the mean squared difference of the values
    same_choice: float  # share of states in which both choose the same action


def new_config(old: Agent, name: str, norm: str) -> TrainConfig:
    """The training configuration of the old agent for another network; refuses one that can't take its maps."""
    return config_of(old, model=name, norm=norm, name=None, init=None)


def teach(
    student: nn.Module, old: Agent, config: TrainConfig, states: int, rounds: int, epochs: int, sharpening: float = 1.0
) -> Iterator[Likeness]:
    """Record games in rounds and `distil`: the old agent's, with its actions drawn; then the student's own."""
    if not 1 <= rounds <= states:
        raise BadInput(f"expected at least one round and a state for each, got {rounds} rounds, {states} states")
    seen = None
    for number in range(rounds):
        player = sampling_policy(old) if number == 0 else Agent(student, decoding=replace(old.decoding, views=1))
        first_map = config.seed + number * GAMES_AT_ONCE
        part = sample_states(player, states // rounds, EVERY, first_map, **config.world())
        seen = part if seen is None else joined(seen, part)
        yield from distil(student, old.model, seen, epochs, config.seed, old.decoding.views, sharpening)


def sampling_policy(agent: Agent) -> Policy:
    """An agent's policy with actions drawn, so that its games differ."""
    return lambda obs, mask: agent.act(obs, mask, deterministic=False)


def distil(
    student: nn.Module,
    teacher: nn.Module,
    states: SampledStates,
    epochs: int,
    seed: int = 0,
    views: int = 1,
    sharpening: float = 1.0,
) -> Iterator[Likeness]:
    """Teach a network another one's policy and value; hands out how alike they are before and after each epoch.

    ``views``: of each board, 1 or 8, that the teacher is asked about; a student can learn in one what it saw in eight.
    ``sharpening``: above 1, the student is to be more `sharpened` about directions than its teacher.
    A tenth of the games is only looked at, never learned from.
    """
    if epochs < 0 or not sharpening >= 1:
        raise BadInput(f"epochs must be 0 or more and sharpening at least 1, got {epochs} and {sharpening}")
    learned, held_out = split(states, 0.9)
    if not len(learned) or not len(held_out):
        raise BadInput("expected states of at least two games, to learn from one and to measure on another")
    wanted, held_out_wanted = (_wanted(teacher, part, views, sharpening) for part in (learned, held_out))
    yield _likeness(len(states), 0, student, held_out, held_out_wanted)
    for epoch in imitate(student, learned, wanted, epochs, seed, DIRECTION_WEIGHT if sharpening > 1 else 0.0):
        yield _likeness(len(states), epoch, student, held_out, held_out_wanted)


def _wanted(teacher: nn.Module, states: SampledStates, views: int, sharpening: float) -> tuple[Tensor, Tensor]:
    log_probs, values = policies_and_values(teacher, states, views)
    return (sharpened(log_probs, sharpening) if sharpening > 1 else log_probs), values


def imitate(
    student: nn.Module,
    states: SampledStates,
    wanted: tuple[Tensor, Tensor],
    epochs: int,
    seed: int = 0,
    direction_weight: float = 0.0,
) -> Iterator[int]:
    """Correct a network towards wanted `policies_and_values` in these states; hands out the number of each epoch done.

    ``direction_weight``: of an error of its own for where to attack (see `direction_kl`).
    """

    def error(index: np.ndarray, _: np.random.Generator) -> Tensor:
        log_probs, values = _forward(student, states.where(index))
        value_error = (values - wanted[1][index]).square().mean()
        total = kl_divergence(wanted[0][index], log_probs).mean() + VALUE_WEIGHT * value_error
        return total + direction_weight * direction_kl(wanted[0][index], log_probs) if direction_weight else total

    yield from fit(student, len(states), error, epochs, LEARNING_RATE, seed)


def _forward(model: nn.Module, states: SampledStates, views: int = 1) -> tuple[Tensor, Tensor]:
    return policy_and_value(model, *states.tensors(), views)


@torch.no_grad()
def policies_and_values(model: nn.Module, states: SampledStates, views: int = 1) -> tuple[Tensor, Tensor]:
    """Log-probabilities (S, 90) and values (S,) that a network gives, in evaluation mode."""
    model.eval()
    chunks = np.array_split(np.arange(len(states)), -(-len(states) // MINIBATCH))
    log_probs, values = zip(*(_forward(model, states.where(index), views) for index in chunks), strict=True)
    return torch.cat(log_probs), torch.cat(values)


def _likeness(
    seen: int, epoch: int, student: nn.Module, held_out: SampledStates, wanted: tuple[Tensor, Tensor]
) -> Likeness:
    log_probs, values = policies_and_values(student, held_out)
    return Likeness(
        seen,
        epoch,
        kl=kl_divergence(wanted[0], log_probs).mean().item(),
        value_error=(values - wanted[1]).square().mean().sqrt().item(),
        same_choice=(greedy(log_probs) == greedy(wanted[0])).float().mean().item(),
    )


@dataclass(frozen=True)
class Carried:
    """One tensor of the new network, and whether the old one's was put in its place."""

    tensor: str
    shape: tuple[int, ...]
    parameters: int
    carried: int  # the same number, or 0
    old_shape: tuple[int, ...]  # () where the old network has none of that name


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


def distil_agent(
    old: tyro.conf.Positional[str],
    new: tyro.conf.Positional[str],
    out: Annotated[str, tyro.conf.arg(metavar="FILE")],
    norm: Norm = "group",
    states: int = 4096,
    rounds: int = 2,
    epochs: int = 8,
    views: Literal[1, 8] | None = None,
    sharpening: float = 1.0,
    seed: int = 0,
    measure: int = 0,
    data: Path = DATA / "distillation.json",
) -> None:
    """Carry a trained agent over into another network; go on with train --init FILE.

    Args:
        old: The agent: a pretrained one, a run, a checkpoint file.
        new: The network it becomes: a name from territory.models.names().
        out: Where the new agent goes (.safetensors).
        norm: Normalisation inside the new network, where it has a choice.
        states: Sampled states of games that the new network learns from.
        rounds: In the first the old agent plays, in the others the new one, with the old one as its judge.
        epochs: How often it goes over them.
        views: 8 asks the old network about each board turned and mirrored too: the new one, which may be the same
            network, learns in one view what eight saw. By default as its checkpoint says.
        sharpening: Above 1 the new network learns to be more decided about the direction of an attack than the old one:
            its probabilities of directions are raised to this exponent.
        seed: Of the games and the new weights.
        measure: Afterwards train it and a fresh network to 90 % of the last 100 games won, from this many seeds.
        data: The data file, for how alike the two were after each epoch.
    """
    check_writable(out, "out")
    agent = load_agent(old).with_decoding(views=views)
    config = replace(new_config(agent, new, norm), seed=seed)
    student, carried = make_student(agent, config)
    print(format_table(carried, total=True), share_line(old, new, carried), sep="\n")
    told = []
    for like in teach(student, agent, config, states, rounds, epochs, sharpening):
        told.append(like)
        if like.epoch == 0:
            print(f"learning to answer alike on {like.states:,} states, of {EVERY * like.states:,} steps:")
        print(
            f"  epoch {like.epoch}: {like.same_choice:.1%} the same choice, policies {like.kl:.3f} nats apart, "
            f"values {like.value_error:.3f} apart",
            flush=True,
        )
    settings = {"old": old, "new": new, "norm": norm, "rounds": rounds, "sharpening": sharpening, "seed": seed}
    kept(data, told, ("states", "epoch"), settings)
    save_agent(Agent(student.eval(), config.as_dict(), decoding=replace(agent.decoding, views=1)), out)
    print(f"{out}: see how strong it is: territory evaluate {out}")
    print(f"train it on: territory train {flags_of(replace(config, init=out))}")
    if measure:
        compare(str(Path(out).resolve()), config, range(seed, seed + measure))
        print(f"beside that, {EVERY * states:,} steps were watched")


def share_line(old: str, new: str, carried: list) -> str:
    """What was carried, in a sentence."""
    parts, whole = sum(each.carried for each in carried), sum(each.parameters for each in carried)
    return f"carried from {old} by name and shape: {parts:,} of the {whole:,} parameters of {new}, {parts / whole:.1%}"


def flags_of(config: TrainConfig) -> str:
    """What to type after ``territory train`` to get this configuration: whatever isn't as usual."""
    usual = TrainConfig().as_dict()
    changed = {name: value for name, value in config.as_dict().items() if value != usual[name]}
    words: list[str] = []
    for name, value in changed.items():
        flag = name.replace("_", "-")
        words += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return shlex.join(words)


def compare(student: str, config: TrainConfig, seeds: Sequence[int]) -> None:
    """Print how the network in the file ``student`` does, and how long it and fresh ones train to 90 %."""
    kinds = kinds_of_games(config.opponents) if is_mixture(config.opponents) else [{}]
    for asked in [replace(config, **kind) for kind in kinds]:
        result = evaluate(student, asked.num_bots, asked.opponents)
        low, high = result.interval
        held_out = f"{result.games} held-out games against {asked.num_bots} x {asked.opponents}"
        print(f"before a step of training it wins {result.win_rate:.1%} of {held_out} ({low:.1%} to {high:.1%})")
    found = []
    for seed in seeds:
        runs = {name: replace(config, seed=seed, init=init) for name, init in (("migrated", student), ("fresh", None))}
        taken = {name: steps_to(run) for name, run in runs.items()}
        told = (f"{name} {'not within its run' if steps is None else f'{steps:,}'}" for name, steps in taken.items())
        print(f"steps to 90 % of the last 100 games won, seed {seed}: {', '.join(told)}", flush=True)
        found.append(taken)
    print(saved_line(found))


def saved_line(found: Sequence[dict[str, int | None]]) -> str:
    """Steps that the migrated network had less than the fresh one, over those seeds in which both got there."""
    pairs = [(taken["fresh"], taken["migrated"]) for taken in found]
    saved = [fresh - migrated for fresh, migrated in pairs if fresh is not None and migrated is not None]
    if not saved:
        return f"steps saved: in none of {len(found)} seeds did both get there"
    middle, low, high = statistics.median(saved), min(saved), max(saved)
    return f"steps saved: {middle:,.0f} ({low:,} to {high:,}), median over {len(saved)} of {len(found)} seeds"


if __name__ == "__main__":
    sys.exit(run(distil_agent))
