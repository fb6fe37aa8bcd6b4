"""What else an agent could have ordered: ``python -m benchmarks.orders [AGENT] [--opponents nation] [--num-bots 5]``.

Its attacks are played on with each share of its troops in the direction that it chose, and with a wait instead, with
the same dice of the world (`territory.training.branches`). Is there an order that it should have given more often?
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from territory.profiling import format_table
from territory.training import Agent, TrainConfig, load_agent
from territory.training.aiming import mean_over_games
from territory.training.branches import AT_ONCE, as_moments, play_on, states_of, watch_moments
from territory.training.players import make_vector_env
from territory.world.actions import INTENSITIES, Action, Direction, decode, encode

ORDERS = (*(f"{share:.0%}" for share in INTENSITIES), "wait")


@dataclass(frozen=True)
class Ordered:
    """One order in the place of those that were given: what it would have brought, in returns (a win: about 17)."""

    instead: str
    given_share: float  # of the attacks in which the agent itself ordered this
    gain: str  # with its 95 % interval over games


def main() -> None:
    """Play on, then print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.orders", description=__doc__.splitlines()[0])
    parser.add_argument("agent", nargs="?", default="tokens-scout", help="who plays")
    parser.add_argument("--opponents", default="nation", help="against whom")
    parser.add_argument("--num-bots", type=int, default=5, help="how many of them")
    parser.add_argument("--moments", type=int, default=1024, help="attacks that are played on")
    parser.add_argument("--horizon", type=int, default=64, help="steps that they are played on for")
    parser.add_argument("--seed", type=int, default=600_000, help="of the games, on training maps")
    asked = parser.parse_args()
    agent = load_agent(asked.agent)
    config = agent.train_config(opponents=asked.opponents, num_bots=asked.num_bots)
    print(format_table(study(agent, config, asked.moments, asked.horizon, asked.seed)))


def study(agent: Agent, config: TrainConfig, moments: int, horizon: int, seed: int) -> list[Ordered]:
    """One row for each of `ORDERS`."""
    parts = list(played_on(agent, config, moments, horizon, seed))
    given, returns, games = (np.concatenate(column) for column in zip(*parts, strict=True))
    gains = returns - np.take_along_axis(returns, given[:, None], axis=1)
    return [_row(number, gains[:, number], given, games) for number in range(len(ORDERS))]


def _row(number: int, gains: np.ndarray, given: np.ndarray, games: np.ndarray) -> Ordered:
    mean, margin = mean_over_games(gains, games)
    return Ordered(
        ORDERS[number], float((given == number).mean()), f"{mean:+.2f} ({mean - margin:+.2f} to {mean + margin:+.2f})"
    )


def played_on(
    agent: Agent, config: TrainConfig, moments: int, horizon: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of attacks: which of `ORDERS` was given ``(B,)``, what each brought ``(B, 6)``, the games ``(B,)``."""
    attacks = (moment for moment in watch_moments(agent, seed, config.world()) if moment.state)
    batch = min(AT_ONCE, moments)
    ahead = make_vector_env(num_envs=batch * len(ORDERS), **config.world())
    for _ in range(-(-moments // batch)):
        kept = list(islice(attacks, batch))
        seen = as_moments(kept)
        own = [decode(action) for action in agent.act({"map": seen.maps, "global": seen.stats}, seen.masks)]
        actions = np.concatenate([_instead(action) for action in own])
        each = {name: np.repeat(rows, len(ORDERS), axis=0) for name, rows in states_of(kept).items()}
        returns = play_on(ahead, each, actions, agent, horizon, config.gamma)
        yield np.array([action.intensity for action in own]), returns.reshape(batch, len(ORDERS)), seen.games
    ahead.close()


def _instead(own: Action) -> list[int]:
    """The actions that are tried in the place of one attack, in the order of `ORDERS`."""
    shares = [encode(own.direction, intensity, own.build) for intensity in range(len(INTENSITIES))]
    return [*shares, encode(Direction.WAIT, 0, own.build)]


if __name__ == "__main__":
    main()
