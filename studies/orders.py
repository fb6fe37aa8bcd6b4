"""What else an agent could have ordered: ``python -m studies.orders [AGENT] [--opponents nation] [--num-bots 5]``.

Its attacks are played on with each share of its troops in the direction that it chose, with a wait instead, and with a
longer one, with common random numbers (`studies.rollouts`). Is there an order that it should have given
more often? And could it know when: does a linear probe of what the network makes of the board foresee the gain?
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import tyro

from studies.command import run
from studies.datafile import DATA, kept
from studies.games import config_of, mean_over_games
from studies.rollouts import AT_ONCE, as_states, rollout_returns, snapshots_of, watch_states
from territory.agent import Agent, SampledStates, load_agent
from territory.envs.vector import TerritoryVectorEnv
from territory.interpret import features_of, probe
from territory.interpret.probe import FEWEST_GAMES
from territory.profiling import format_table
from territory.training import TrainConfig
from territory.world.actions import FIRST_WAIT, INTENSITIES, Action, Direction, decode, encode

LONG = 6  # steps of the longer wait: an agent that waits for one step attacks in the next
ORDERS = (*(f"{share:.0%}" for share in INTENSITIES), "wait", f"wait {LONG} steps")
FUSED = "fusion"  # the layer in which all that a network saw comes together: actor and critic get nothing else


@dataclass(frozen=True)
class Ordered:
    """One order in the place of those that were given: what it would have brought, in returns (a win: about 17)."""

    instead: str
    given_share: float  # of the attacks in which the agent itself ordered this
    gain: str  # with its 95 % interval over games
    spread: str  # standard deviation of the gains
    foreseen: str  # R² in games that the probe was not fitted to, with its interval; below 0: worse than the mean


@dataclass(frozen=True)
class Played:
    """B attacks, and what came of each of `ORDERS` in their place."""

    states: SampledStates
    given: np.ndarray  # int (B,), which of the shares the agent ordered
    returns: np.ndarray  # float (B, orders)


class Patient:
    """The agent, which at first holds back in some of the games."""

    def __init__(self, agent: Agent, patient: np.ndarray, steps: int):
        """``patient``: bool (N,), where it waits in its first ``steps`` choices."""
        self.agent, self.patient, self.left = agent, patient, steps
        self.predict = agent.predict

    def act(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Actions ``(N,)``."""
        if self.left:
            self.left, mask = self.left - 1, mask.copy()
            mask[self.patient, :FIRST_WAIT] = False
        return self.agent.act(obs, mask)


def main(
    agent: tyro.conf.Positional[str] = "champion",
    opponents: str = "nation",
    num_bots: int = 5,
    states: int = 3072,
    horizon: int = 64,
    seed: int = 600_000,
    out: Path = DATA / "orders.json",
) -> None:
    """Play an agent's attacks on with other orders in their place, and print what each would have brought.

    Args:
        agent: Who plays.
        opponents: Against whom.
        num_bots: How many of them.
        states: Attacks that are played on.
        horizon: Steps that they are played on for.
        seed: Of the games, on training maps.
        out: The data file.
    """
    player = load_agent(agent)
    config = config_of(player, opponents=opponents, num_bots=num_bots)
    settings = {"agent": agent, "opponents": opponents, "num_bots": num_bots, "states": states, "horizon": horizon}
    print(format_table(kept(out, study(player, config, states, horizon, seed), "instead", settings | {"seed": seed})))


def study(agent: Agent, config: TrainConfig, states: int, horizon: int, seed: int) -> list[Ordered]:
    """One row for each of `ORDERS`."""
    parts = list(played_on(agent, config, states, horizon, seed))
    given, returns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("given", "returns"))
    games = np.concatenate([part.states.games for part in parts])
    gains = returns - np.take_along_axis(returns, given[:, None], axis=1)
    features = np.concatenate([_features(agent, part.states) for part in parts])
    return [_row(number, gains[:, number], given, games, features) for number in range(len(ORDERS))]


def played_on(agent: Agent, config: TrainConfig, states: int, horizon: int, seed: int) -> Iterator[Played]:
    """The attacks, a batch at a time."""
    attacks = (state for state in watch_states(agent, seed, config.world()) if state.snapshot)
    batch = min(AT_ONCE, states)
    ahead = TerritoryVectorEnv(batch * len(ORDERS), **config.world())
    for _ in range(-(-states // batch)):
        kept = list(islice(attacks, batch))
        seen = as_states(kept)
        own = [decode(action) for action in agent.act({"map": seen.maps, "global": seen.stats}, seen.masks)]
        actions = np.concatenate([_instead(action) for action in own])
        each = {name: np.repeat(rows, len(ORDERS), axis=0) for name, rows in snapshots_of(kept).items()}
        patient = Patient(agent, np.tile(np.arange(len(ORDERS)) == len(ORDERS) - 1, batch), LONG - 1)
        returns = rollout_returns(ahead, each, actions, patient, horizon, config.gamma)
        yield Played(seen, np.array([action.intensity for action in own]), returns.reshape(batch, -1))
    ahead.close()


def _row(number: int, gains: np.ndarray, given: np.ndarray, games: np.ndarray, features: np.ndarray) -> Ordered:
    mean, margin = mean_over_games(gains, games)
    return Ordered(
        ORDERS[number],
        float((given == number).mean()),
        f"{mean:+.2f} ({mean - margin:+.2f} to {mean + margin:+.2f})",
        f"{gains.std():.2f}",
        foreseen(features, gains, games),
    )


def foreseen(features: np.ndarray, gains: np.ndarray, games: np.ndarray) -> str:
    if len(np.unique(games)) < FEWEST_GAMES or not gains.std():
        return "-"
    r2 = probe(features, gains, games).r2
    return f"{r2.mean:+.3f} ({r2.low:+.3f} to {r2.high:+.3f})"


def _features(agent: Agent, states: SampledStates) -> np.ndarray:
    """All that the policy can go by, float32 ``(B, 256)``."""
    return np.maximum(features_of(agent.model, FUSED, states.maps, states.stats), 0)


def _instead(own: Action) -> list[int]:
    """The actions that are tried in the place of one attack, in the order of `ORDERS`."""
    shares = [encode(own.direction, intensity, own.build) for intensity in range(len(INTENSITIES))]
    return [*shares, *2 * [encode(Direction.WAIT, 0, own.build)]]


if __name__ == "__main__":
    sys.exit(run(main))
