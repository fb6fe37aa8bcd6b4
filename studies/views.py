"""What eight views of a board are worth, and for what: ``python -m studies.views [AGENT ...] [--games 96]``.

An agent decides when to attack, and where. Each of the two is taken from one view of the board or from the mean of
eight (`territory.models.policy.answer`), or the direction is drawn among the open ones. On training maps, without
dice elsewhere: the held-out ones are for the last word. A second table turns boards of each agent's own games.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch

from studies.distillation import with_dice
from territory.agent import Agent, evaluate, load_agent
from territory.agent.evaluation import EvaluationResult
from territory.agent.states import sample_states
from territory.interpret import equivariance
from territory.models.policy import forward_views, masked_log_softmax
from territory.models.symmetry import VIEWS
from territory.profiling import format_table
from territory.training.config import config_of
from territory.world.actions import FIRST_WAIT, NUM_DIRECTIONS, NUM_ORDERS, Direction

AGENTS = ("champion",)
FIRST_MAP = 600_000  # a training map, though hardly one that was trained on
SETTINGS = (("nation", 5), ("mixed", 50))
MOMENTS, EVERY = 512, 8  # of an agent's own games, to turn
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
    seen = (torch.from_numpy(obs[name]) for name in ("map", "global"))
    with torch.inference_mode():
        logits = forward_views(agent.model.eval(), *seen, VIEWS)[0].mean(0)
    return masked_log_softmax(logits, torch.from_numpy(mask)).exp().numpy()


def anywhere(seed: int = 0) -> Direct:
    """The same order in any direction that is open to it, by chance."""
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
    favourite: str  # direction of most of its attacks: an eighth where none is dearer than the others


@dataclass(frozen=True)
class Turned:
    """What `turning` found on boards of an agent's own games."""

    agent: str
    boards: int
    along: str
    stayed: str
    favourite: str


def main() -> None:
    """Play every combination, turn the boards, and print both tables."""
    parser = argparse.ArgumentParser(prog="studies.views", description=__doc__.splitlines()[0])
    parser.add_argument("agents", nargs="*", default=AGENTS, metavar="AGENT")
    parser.add_argument("--games", type=int, default=96, help="of each combination; 0 only turns boards")
    parser.add_argument("--against", nargs="+", choices=[who for who, _ in SETTINGS], help="by default all")
    asked = parser.parse_args()
    agents = {name: load_agent(name) for name in asked.agents}
    rows = [
        row
        for name, agent in agents.items()
        for who, number in SETTINGS
        if asked.games and (asked.against is None or who in asked.against)
        for row in compare(name, agent, who, number, asked.games)
    ]
    if rows:
        print(format_table(rows), end="\n\n")
    print(format_table([turned(name, agent) for name, agent in agents.items()]))


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
    """One row: the agent's direction on boards of the games that it was trained in, which it plays with dice."""
    world = config_of(agent).world()
    seen = sample_states(with_dice(agent), MOMENTS, EVERY, **world)
    found = asdict(equivariance(agent.model, *map(torch.from_numpy, (seen.maps, seen.stats, seen.masks))))
    shares = (f"{found[share]:.0%}" for share in ("along", "stayed"))
    return Turned(name, found["boards"], *shares, f"{found['favourite']} {found['favoured']:.0%}")


def _won(result: EvaluationResult) -> str:
    low, high = result.interval
    return f"{result.win_rate:.0%} ({low:.0%} to {high:.0%})"


def _favourite(directions: np.ndarray) -> str:
    return f"{Direction(directions.argmax()).name} {directions.max() / max(1, directions.sum()):.0%}"


if __name__ == "__main__":
    main()
