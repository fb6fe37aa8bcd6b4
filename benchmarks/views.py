"""What eight views of a board are worth, and for what: ``python -m benchmarks.views [AGENT] [--games 96]``.

An agent decides when to attack, and where. Each of the two is taken from one view of the board or from the mean of
eight (`territory.training.policy.answer`), or the direction is drawn among the open ones. On training maps, without
dice elsewhere: the held-out ones are for the last word.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from territory.profiling import format_table
from territory.training import Agent, evaluate, load_agent
from territory.training.evaluation import EvaluationResult
from territory.training.policy import FIRST_WAIT
from territory.world.actions import NUM_BUILDS, NUM_DIRECTIONS, NUM_INTENSITIES, Direction

AGENT = "tokens-crowds"
FIRST_MAP = 600_000  # a training map, though hardly one that was trained on
SETTINGS = (("nation", 5), ("mixed", 50))
ORDERS = NUM_INTENSITIES * NUM_BUILDS  # actions of one direction
Direct = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # probabilities, masks, choices -> other choices


class Split:
    """Attacks when one of two says so, where the other says, or where ``direct`` puts it; counts the directions."""

    def __init__(self, when: Agent, where: Agent, direct: Direct | None = None):
        self.when, self.where, self.direct = when, where, direct
        self.directions = np.zeros(NUM_DIRECTIONS, np.int64)

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Actions ``(B,)``."""
        likely = self.when.predict(obs, mask)[0]
        aimed = likely if self.where is self.when else self.where.predict(obs, mask)[0]
        attack = aimed[:, :FIRST_WAIT].argmax(axis=1)
        if self.direct is not None:
            attack = self.direct(aimed, mask, attack)
        strikes = likely[:, :FIRST_WAIT].sum(axis=1) >= self.when.attack_threshold
        self.directions += np.bincount(attack[strikes] // ORDERS, minlength=NUM_DIRECTIONS)
        return np.where(strikes, attack, FIRST_WAIT + likely[:, FIRST_WAIT:].argmax(axis=1))


def anywhere(seed: int = 0) -> Direct:
    """The same order in any direction that is open to it, by chance."""
    random = np.random.default_rng(seed)

    def direct(_: np.ndarray, mask: np.ndarray, attack: np.ndarray) -> np.ndarray:
        orders = np.arange(NUM_DIRECTIONS) * ORDERS + attack[:, None] % ORDERS  # (B, 8)
        open_ones = np.take_along_axis(mask, orders, axis=1)
        return np.take_along_axis(orders, (open_ones * random.random(orders.shape)).argmax(1)[:, None], axis=1)[:, 0]

    return direct


@dataclass(frozen=True)
class Seen:
    """How an agent does that looks so."""

    opponents: str
    when: str
    where: str
    won: str  # share of games, with Wilson's 95 % interval
    favourite: str  # direction of most of its attacks: an eighth where none is dearer than the others


def main() -> None:
    """Play every combination and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.views", description=__doc__.splitlines()[0])
    parser.add_argument("agent", nargs="?", default=AGENT)
    parser.add_argument("--games", type=int, default=96, help="of each combination")
    parser.add_argument("--against", nargs="+", choices=[who for who, _ in SETTINGS], help="by default all")
    asked = parser.parse_args()
    agent = load_agent(asked.agent)
    rows = [
        row
        for who, number in SETTINGS
        if asked.against is None or who in asked.against
        for row in compare(agent, who, number, asked.games)
    ]
    print(format_table(rows))


def compare(agent: Agent, opponents: str, num_bots: int, games: int) -> list[Seen]:
    """One row for each way to look."""
    one, eight = agent.choosing(views=1), agent.choosing(views=8)
    ways = {
        ("one view", "one view"): Split(one, one),
        ("one view", "by chance"): Split(one, one, anywhere()),
        ("eight views", "one view"): Split(eight, one),
        ("one view", "eight views"): Split(one, eight),
        ("eight views", "eight views"): Split(eight, eight),
    }
    seen = []
    for (when, where), policy in ways.items():
        size = {name: agent.config.get(name) for name in ("height", "width", "max_steps")}
        result = evaluate(policy, num_bots, opponents, games, FIRST_MAP, **size)
        seen.append(Seen(f"{num_bots} {opponents}", when, where, _won(result), _favourite(policy.directions)))
    return seen


def _won(result: EvaluationResult) -> str:
    low, high = result.interval
    return f"{result.win_rate:.0%} ({low:.0%} to {high:.0%})"


def _favourite(directions: np.ndarray) -> str:
    return f"{Direction(directions.argmax()).name} {directions.max() / max(1, directions.sum()):.0%}"


if __name__ == "__main__":
    main()
