"""What eight views of a board are worth, and for what: ``python -m studies.views [AGENT ...] [--games 96]``.

An agent decides when to attack, and where. Each of the two is taken from one view of the board or from the mean of
eight (`territory.models.policy`), or the direction is drawn among the open ones. On training maps, greedily
elsewhere: the held-out ones are for the last word. A second table turns boards of each agent's own games.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro

from studies.command import run
from studies.datafile import DATA, kept
from studies.distillation import sampling_policy
from studies.games import config_of
from territory.agent import Agent, evaluate, load_agent, sample_states
from territory.agent.evaluation import EvaluationResult
from territory.interpret import equivariance
from territory.models.policy import VIEWS, forward_views, masked_log_softmax
from territory.profiling import format_table
from territory.world.actions import FIRST_WAIT, NUM_DIRECTIONS, NUM_ORDERS, Direction

AGENTS = ("champion",)
FIRST_MAP = 600_000  # a training map, though hardly one that was trained on
CROWDS = {"nation": 5, "mixed": 50}  # opponents in a game, by who they are
STATES, EVERY = 512, 8  # of an agent's own games, to turn
Look = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]  # observations, masks -> probabilities (B, 90)
Direct = Callable[[np.ndarray, np.ndarray], np.ndarray]  # masks, attacks -> attacks elsewhere


class Split:
    """Attacks when one look says so, where the other says, or where ``direct`` puts it; counts the directions."""

    def __init__(self, when: Look, where: Look, threshold: float, direct: Direct | None = None):
        self.when, self.where, self.threshold, self.direct = when, where, threshold, direct
        self.directions = np.zeros(NUM_DIRECTIONS, np.int64)

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Actions ``(B,)``."""
        likely = self.when(obs, mask)
        aimed = likely if self.where is self.when else self.where(obs, mask)
        attack = aimed[:, :FIRST_WAIT].argmax(axis=1)
        if self.direct is not None:
            attack = self.direct(mask, attack)
        strikes = likely[:, :FIRST_WAIT].sum(axis=1) >= self.threshold
        self.directions += np.bincount(attack[strikes] // NUM_ORDERS, minlength=NUM_DIRECTIONS)
        return np.where(strikes, attack, FIRST_WAIT + likely[:, FIRST_WAIT:].argmax(axis=1))


def probabilities(agent: Agent, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
    """What the agent itself would draw from, ``(B, 90)``."""
    return agent.predict(obs, mask)[0]


def mean_of_logits(agent: Agent, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
    """The other mean over eight views: a product of probabilities, in which each view has a veto."""
    maps, stats = torch.from_numpy(obs["map"]), torch.from_numpy(obs["global"])
    with torch.inference_mode():
        logits = forward_views(agent.model.eval(), maps, stats, VIEWS)[0].mean(0)
    return masked_log_softmax(logits, torch.from_numpy(mask)).exp().numpy()


def anywhere(seed: int = 0) -> Direct:
    """The same order in any direction that is open to it, drawn uniformly."""
    random = np.random.default_rng(seed)

    def direct(mask: np.ndarray, attack: np.ndarray) -> np.ndarray:
        orders = np.arange(NUM_DIRECTIONS) * NUM_ORDERS + attack[:, None] % NUM_ORDERS  # (B, 8)
        open_ones = np.take_along_axis(mask, orders, axis=1)
        return np.take_along_axis(orders, (open_ones * random.random(orders.shape)).argmax(1)[:, None], axis=1)[:, 0]

    return direct


@dataclass(frozen=True)
class Seen:
    """How an agent does that looks so."""

    agent: str
    opponents: str
    when: str
    where: str
    won: str  # share of games, with Wilson's 95 % interval
    favourite: str  # direction of most of its attacks: an eighth where none is preferred


@dataclass(frozen=True)
class Turned:
    """What `turning` found on boards of an agent's own games."""

    agent: str
    boards: int
    along: str
    stayed: str
    favourite: str


def main(
    agents: tyro.conf.Positional[tuple[str, ...]] = AGENTS,
    games: int = 96,
    against: tuple[Literal["nation", "mixed"], ...] = ("nation", "mixed"),
    out: Path = DATA / "views.json",
) -> None:
    """Play every combination of looks, turn the boards, and print both tables.

    Args:
        agents: Who plays.
        games: Games of each combination; 0 only turns boards.
        against: Five nations, fifty mixed opponents; by default both.
        out: The data file.
    """
    players = {name: load_agent(name) for name in agents}
    settings = {"games": games}
    rows = [
        row
        for name, player in players.items()
        for who in against
        if games
        for row in compare(name, player, who, CROWDS[who], games)
    ]
    if rows:
        print(format_table(kept(out, rows, ("agent", "opponents", "when", "where"), settings)), end="\n\n")
    found = [turned(name, player) for name, player in players.items()]
    print(format_table(kept(out, found, ("agent", "boards"), {})))


def compare(name: str, agent: Agent, opponents: str, num_bots: int, games: int) -> list[Seen]:
    """One row for each way to look."""
    one, eight = (partial(probabilities, agent.with_decoding(views=views)) for views in (1, 8))
    logits, threshold = partial(mean_of_logits, agent), agent.decoding.attack_threshold
    ways = {
        ("one view", "one view"): Split(one, one, threshold),
        ("one view", "by chance"): Split(one, one, threshold, anywhere()),
        ("eight views", "one view"): Split(eight, one, threshold),
        ("one view", "eight views"): Split(one, eight, threshold),
        ("eight views", "eight views"): Split(eight, eight, threshold),
        ("mean of logits", "mean of logits"): Split(logits, logits, threshold),
    }
    size = {name: agent.config.get(name) for name in ("height", "width", "max_steps")}
    rows = []
    for (when, where), policy in ways.items():
        result = evaluate(policy, num_bots, opponents, games, FIRST_MAP, **size)
        rows.append(Seen(name, f"{num_bots} {opponents}", when, where, _won(result), _favourite(policy.directions)))
    return rows


def turned(name: str, agent: Agent) -> Turned:
    """One row: the direction on boards of the games that an agent was trained in, played with sampled actions."""
    world = config_of(agent).world()
    seen = sample_states(sampling_policy(agent), STATES, EVERY, **world)
    found = equivariance(agent.model, *seen.tensors())
    favourite = f"{found.favourite} {found.favoured:.0%}"
    return Turned(name, found.boards, f"{found.along:.0%}", f"{found.stayed:.0%}", favourite)


def _won(result: EvaluationResult) -> str:
    low, high = result.interval
    return f"{result.win_rate:.0%} ({low:.0%} to {high:.0%})"


def _favourite(directions: np.ndarray) -> str:
    return f"{Direction(directions.argmax()).name} {directions.max() / max(1, directions.sum()):.0%}"


if __name__ == "__main__":
    sys.exit(run(main))
