"""What if it played otherwise? ``python -m studies.habits [AGENT] [--opponents nation] [--num-bots 5]``.

An agent plays as it does but for one habit, and the games that it wins are counted: on training maps, greedily,
since the held-out ones are for the last word. Where no single change helps, what is left to learn is not a habit.
"""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from studies.command import run
from studies.datafile import DATA, kept
from studies.games import config_of
from territory.agent import Agent, evaluate, load_agent
from territory.agent.evaluation import EvaluationResult
from territory.envs.opponents import Policy
from territory.errors import BadInput
from territory.profiling import format_table
from territory.training.config import TrainConfig
from territory.world.actions import FIRST_WAIT, NUM_BUILDS, NUM_ORDERS, one_step_back
from territory.world.layout import Plane, Stat

FIRST_MAP = 700_000  # a training map, though hardly one that was trained on
OPENING = 40  # steps after which land is looked at: by then all of it is taken
GRABBING = 30  # steps in which the greedy one takes unclaimed land, if its front has at least so many tiles of it
LEAST_FRONT = 3

Obs = dict[str, np.ndarray]
Habit = Callable[[Obs, np.ndarray, np.ndarray], np.ndarray]  # observations, masks, own actions (B,) -> actions (B,)


@dataclass(frozen=True)
class Tried:
    """How an agent does with another habit."""

    habit: str
    won: str  # share of games, with Wilson's 95 % interval
    idle: str  # share of its steps that order nothing
    length: str  # steps a game
    land: str  # share of all land after `OPENING` steps


class Watched:
    """A policy whose land after the opening is noted, in the games that last so long."""

    def __init__(self, policy: Policy, max_steps: int):
        self.policy, self.max_steps = policy, max_steps
        self.land: list[float] = []

    def __call__(self, obs: Obs, mask: np.ndarray) -> np.ndarray:
        """The policy's actions ``(B,)``."""
        now = steps_taken(obs, self.max_steps) == OPENING
        self.land += obs["global"][now, Stat.LAND_SHARE].tolist()
        return self.policy(obs, mask)


def main(
    agent: tyro.conf.Positional[str] = "champion",
    opponents: str = "nation",
    num_bots: int = 5,
    games: int = 512,
    only: tuple[str, ...] = (),
    out: Path = DATA / "habits.json",
) -> None:
    """Let an agent play with one habit changed at a time, and print how often it wins.

    Args:
        agent: Who plays.
        opponents: Against whom.
        num_bots: How many of them.
        games: Games with each habit.
        only: These habits alone; by default all.
        out: The data file.
    """
    player = load_agent(agent)
    config = config_of(player, opponents=opponents, num_bots=num_bots)
    known = habits(player, config.max_steps)
    if unknown := sorted({*only} - {*known}):
        raise BadInput(f"expected habits out of {', '.join(known)}; got {', '.join(unknown)}")
    settings = {"agent": agent, "opponents": opponents, "num_bots": num_bots, "games": games}
    print(format_table(kept(out, study(player, config, games, only), "habit", settings)))


def study(agent: Agent, config: TrainConfig, games: int, only: Collection[str] = ()) -> list[Tried]:
    """One row for each of `habits`, or for those in ``only``."""
    rows = []
    size = {name: getattr(config, name) for name in ("height", "width", "max_steps")}
    for name, policy in habits(agent, config.max_steps).items():
        if not only or name in only:
            watched = Watched(policy, config.max_steps)
            result = evaluate(watched, config.num_bots, config.opponents, games, FIRST_MAP, **size)
            rows.append(_row(name, result, watched.land))
    return rows


def habits(agent: Agent, max_steps: int) -> dict[str, Policy]:
    """The agent as it plays, and with one thing changed, by name."""
    thresholds = {f"attacks from {share:.0%} on": agent.with_decoding(share) for share in (0.1, 0.2, 0.5)}
    shares = {
        f"sends {share:.0%}": _changed(agent, _sending(index)) for index, share in ((0, 0.15), (1, 0.3), (3, 0.6))
    }
    return {
        "as it plays": agent,
        "never builds": _changed(agent, _never_building),
        "builds whenever it can": _changed(agent, _always_building),
        **thresholds,
        **shares,
        "strikes when 75% full": _changed(agent, _striking(agent, 0.75)),
        "grabs land at first, by 30%": _changed(agent, _grabbing(max_steps, 1)),
        "grabs land at first, by 15%": _changed(agent, _grabbing(max_steps, 0)),
    }


def steps_taken(obs: Obs, max_steps: int) -> np.ndarray:
    """int64 (B,): as the statistics tell it."""
    return np.rint(obs["global"][:, Stat.TIME] * max_steps).astype(np.int64)


def unclaimed_ahead(maps: np.ndarray) -> np.ndarray:
    """How much unclaimed land each direction's front has, ``(B, 8)`` in tiles of plains; ``maps`` (B, 5, H, W)."""
    own, unclaimed = maps[:, Plane.OWN] > 0, maps[:, Plane.UNCLAIMED] / 255
    return np.stack([(behind * unclaimed).sum((1, 2)) for behind in one_step_back(own)], axis=1)


def _changed(agent: Agent, habit: Habit) -> Policy:
    """The habit where it is allowed, else what the agent itself does."""

    def policy(obs: Obs, mask: np.ndarray) -> np.ndarray:
        own = agent.act(obs, mask)
        actions = habit(obs, mask, own)
        return np.where(mask[np.arange(len(mask)), actions], actions, own)

    return policy


def _never_building(obs: Obs, mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return actions - actions % NUM_BUILDS


def _always_building(obs: Obs, mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return actions - actions % NUM_BUILDS + 1


def _sending(intensity: int) -> Habit:
    def habit(obs: Obs, mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.where(actions < FIRST_WAIT, _order(actions // NUM_ORDERS, intensity) + actions % NUM_BUILDS, actions)

    return habit


def _striking(agent: Agent, fill: float) -> Habit:
    """Attacks as soon as its troop ratio is that high, where it would have waited: its likeliest attack."""

    def habit(obs: Obs, mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
        attacks = agent.predict(obs, mask)[0][:, :FIRST_WAIT].argmax(1)
        return np.where((actions >= FIRST_WAIT) & (obs["global"][:, Stat.TROOPS_OVER_CAP] > fill), attacks, actions)

    return habit


def _grabbing(max_steps: int, intensity: int) -> Habit:
    """Takes unclaimed land in the opening as nations do, every other step, where its front has most of it."""

    def habit(obs: Obs, mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
        steps, ahead = steps_taken(obs, max_steps), unclaimed_ahead(obs["map"])
        grabs = (steps < GRABBING) & (steps % 2 == 0) & (ahead.max(1) >= LEAST_FRONT)
        return np.where(grabs, _order(ahead.argmax(1), intensity), actions)

    return habit


def _order(directions: np.ndarray, intensity: int) -> np.ndarray:
    return directions * NUM_ORDERS + intensity * NUM_BUILDS


def _row(name: str, result: EvaluationResult, land: list[float]) -> Tried:
    low, high = result.interval
    taken = f"{np.mean(land):.1%}" if land else "-"
    won = f"{result.win_rate:.1%} ({low:.1%} to {high:.1%})"
    return Tried(name, won, f"{result.idle_share:.0%}", f"{result.mean_length:.0f}", taken)


if __name__ == "__main__":
    sys.exit(run(main))
