"""``territory migrate``: a trained agent's network becomes another network, without starting from nothing."""

import shlex
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from territory.errors import BadInput
from territory.training.config import Norm, TrainConfig


def migrate(
    old: tyro.conf.Positional[str],
    new: tyro.conf.Positional[str],
    out: Annotated[str, tyro.conf.arg(metavar="FILE")],
    norm: Norm = "group",
    moments: int = 4096,
    rounds: int = 2,
    epochs: int = 8,
    views: Literal[1, 8] | None = None,
    power: float = 1.0,
    seed: int = 0,
    measure: int = 0,
) -> int:
    """Carry a trained agent over into another network; go on with train --init FILE.

    Args:
        old: The agent: a shipped one, a run, a checkpoint file.
        new: The network it becomes: a name from territory.models.names().
        out: Where the new agent goes (.safetensors).
        norm: Normalisation inside the new network, where it has a choice.
        moments: Moments of games that the new network learns from.
        rounds: In the first the old agent plays, in the others the new one, with the old one as its judge.
        epochs: How often it goes over them.
        views: 8 asks the old network about each board turned and mirrored too: the new one, which may be the same
            network, learns in one view what eight saw. By default as its checkpoint says.
        power: Above 1 the new network learns to be more decided about the direction of an attack than the old one:
            its probabilities of directions are raised to this power.
        seed: Of the games and the new weights.
        measure: Afterwards train it and a fresh network to 90 % of the last 100 games won, from this many seeds.
    """
    from territory.profiling import format_table
    from territory.training import migration
    from territory.training.agent import Agent, load_agent, save_agent

    refuse_folder(out)
    agent = load_agent(old).choosing(views=views)
    config = replace(migration.new_config(agent, new, norm), seed=seed)
    student, carried = migration.make_student(agent, config)
    print(format_table(carried, total=True), share_line(old, new, carried), sep="\n")
    for like in migration.teach(student, agent, config, moments, rounds, epochs, power):
        if like.epoch == 0:
            print(f"learning to answer alike on {like.moments:,} moments, of {migration.EVERY * like.moments:,} steps:")
        print(
            f"  epoch {like.epoch}: {like.same_choice:.1%} the same choice, policies {like.kl:.3f} nats apart, "
            f"values {like.value_error:.3f} apart",
            flush=True,
        )
    save_agent(Agent(student.eval(), config.as_dict(), attack_threshold=agent.attack_threshold), out)
    print(f"{out}: see how strong it is: territory evaluate {out}")
    print(f"train it on: territory train {flags_of(replace(config, init=out))}")
    if measure:
        compare(replace(config, init=str(Path(out).resolve())), range(seed, seed + measure))
        print(f"beside that, {migration.EVERY * moments:,} steps were watched")
    return 0


def refuse_folder(out: str, name: str = "out") -> None:
    """Say so before the work is done, not after."""
    if Path(out).is_dir():
        raise BadInput(f"{name} is the file that is written, and {out} is a folder")


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


def compare(config: TrainConfig, seeds: Sequence[int]) -> None:
    """Print how a migrated network does before its first step, and how long it and fresh ones train to 90 %."""
    from territory.training.evaluation import evaluate
    from territory.training.migration import steps_to
    from territory.training.players import is_mixture, kinds_of_games

    kinds = kinds_of_games(config.opponents) if is_mixture(config.opponents) else [{}]
    for asked in [replace(config, **kind) for kind in kinds]:
        result = evaluate(config.init, asked.num_bots, asked.opponents)
        low, high = result.interval
        held_out = f"{result.games} held-out games against {asked.num_bots} x {asked.opponents}"
        print(f"before a step of training it wins {result.win_rate:.1%} of {held_out} ({low:.1%} to {high:.1%})")
    found = []
    for seed in seeds:
        runs = {
            name: replace(config, seed=seed, init=init) for name, init in (("migrated", config.init), ("fresh", None))
        }
        taken = {name: steps_to(run) for name, run in runs.items()}
        told = (f"{name} {'not within its run' if steps is None else f'{steps:,}'}" for name, steps in taken.items())
        print(f"steps to 90 % of the last 100 games won, seed {seed}: {', '.join(told)}", flush=True)
        found.append(taken)
    print(saved_line(found))


def saved_line(found: Sequence[dict[str, int | None]]) -> str:
    """Steps that the migrated network had less than the fresh one, over those seeds in which both got there."""
    saved = [taken["fresh"] - taken["migrated"] for taken in found if None not in taken.values()]
    if not saved:
        return f"steps saved: in none of {len(found)} seeds did both get there"
    middle, low, high = statistics.median(saved), min(saved), max(saved)
    return f"steps saved: {middle:,.0f} ({low:,} to {high:,}), median over {len(saved)} of {len(found)} seeds"
