"""What a direction is worth: from one state of a game, play on in all of them, and compare what comes of it.

PPO's advantage of a step is one number for when and where together, seen in one future. Here a state in which an
agent attacks is played on once in each direction that is open, by the same agent and with common random numbers:
what differs then comes from the direction. These are the "vine" rollouts with common random numbers of Schulman et al.
2015 (Trust Region Policy Optimization, section 5.2), which need a game that can be set back to where it was.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import tyro
from torch import nn
from tqdm import tqdm

from studies.command import run
from studies.datafile import DATA
from studies.direction_policy import direction_log_probs
from studies.distillation import policies_and_values
from studies.games import config_of, joined, mean_over_games
from territory.agent.agent import Agent, load_agent
from territory.agent.evaluation import GAMES_AT_ONCE, SampledStates
from territory.cli.train import stop_on_signals
from territory.envs.opponents import is_mixture, kinds_of_games
from territory.envs.vector import TerritoryVectorEnv
from territory.errors import BadInput
from territory.files import check_writable, read_arrays, write_atomically
from territory.world.actions import FIRST_WAIT, NUM_ACTIONS, NUM_DIRECTIONS, NUM_ORDERS
from territory.world.layout import NUM_PLANES, NUM_STATS

AT_ONCE = 32  # states that are played on together
FINISHING = "finishing these attacks and saving … (again: stop now, and lose them)"
SAVE_EVERY = 32  # batches: what a crash may lose is some minutes
Out = Annotated[str, tyro.conf.arg(metavar="FILE")]
ATTACKS, WAITS = 0.2, 0.02  # of an agent's attacks, and of its waits, the share that is kept: neighbours are alike

COLUMNS = ("maps", "stats", "masks", "games")

Snapshot = dict[str, np.ndarray]
LARGEST = {"maps": 1 << 32, "stats": 1 << 27, "masks": 1 << 27, "games": 1 << 27, "returns": 1 << 27}  # bytes
MOST_GAMES = 10_000_000
LARGEST_RETURN = 1e6  # a won game earns about 20


class Player(Protocol):
    """Who plays on: an `Agent`, or what acts for one."""

    def act(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Actions ``(N,)``."""
        ...

    def predict(self, obs: dict[str, np.ndarray], mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities ``(N, 90)`` and values ``(N,)``."""
        ...


@dataclass(frozen=True)
class Rollouts:
    """S states of an agent's games, and what came of each direction in those in which it attacked."""

    states: SampledStates
    returns: np.ndarray  # float32 (S, 8), discounted; NaN where nobody is to attack, or where the agent waited

    def __len__(self) -> int:
        return len(self.states)

    def __add__(self, other: "Rollouts") -> "Rollouts":
        """Both, of other games: theirs get other numbers."""
        return Rollouts(joined(self.states, other.states), np.concatenate([self.returns, other.returns]))

    @classmethod
    def of(cls, parts: Sequence["Rollouts"]) -> "Rollouts":
        """All of them; the same number is the same game in each."""
        joined = (np.concatenate([getattr(part.states, name) for part in parts]) for name in COLUMNS)
        return cls(SampledStates(*joined), np.concatenate([part.returns for part in parts]))

    def save(self, path: str | Path) -> None:
        """Write a ``.npz`` file, whole or not at all; its folder is made."""
        columns = {name: getattr(self.states, name) for name in COLUMNS}
        np.savez_compressed(data := BytesIO(), returns=self.returns, **columns)
        write_atomically(path, data.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "Rollouts":
        """Read what `save` wrote; never executes what a file says."""
        arrays = read_arrays(path, LARGEST, "file that `python -m studies.rollouts` wrote")
        _check(path, arrays)
        return cls(SampledStates(*(arrays[name] for name in COLUMNS)), arrays["returns"])

    def where(self, chosen: np.ndarray) -> "Rollouts":
        """Those at a bool mask ``(S,)``, or at positions."""
        return Rollouts(self.states.where(chosen), self.returns[chosen])

    def advantages(self) -> np.ndarray:
        """float32 ``(S, 8)``: by how much a direction is better than the mean of the open ones; 0 where unknown."""
        known = ~np.isnan(self.returns)
        mean = np.where(known, self.returns, 0).sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
        return np.where(known, self.returns - mean, 0).astype(np.float32)


def _check(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Refuse what no games can have left behind."""
    count = len(arrays["games"]) if "games" in arrays and arrays["games"].ndim == 1 else 0
    shapes = {"stats": (np.float32, (count, NUM_STATS)), "masks": (np.bool_, (count, NUM_ACTIONS))}
    shapes |= {"games": (np.int64, (count,)), "returns": (np.float32, (count, NUM_DIRECTIONS))}
    found = {name: (array.dtype, array.shape) for name, array in arrays.items() if name != "maps"}
    maps = arrays.get("maps", np.zeros(0))
    fits = maps.dtype == np.uint8 and maps.ndim == 4 and maps.shape[:2] == (count, NUM_PLANES) and maps.size > 0
    if count == 0 or found != shapes or not fits:
        raise BadInput(
            f"{path}: expected a file that `python -m studies.rollouts` wrote; its arrays don't fit together"
        )
    games, masks = arrays["games"], arrays["masks"]
    if games.min() < 0 or games.max() >= MOST_GAMES or masks.view(np.uint8).max() > 1 or not masks.any(axis=1).all():
        raise BadInput(f"{path} is damaged: its games or masks are none")
    if (np.abs(arrays["returns"]) > LARGEST_RETURN).any() or not np.isfinite(arrays["stats"]).all():
        raise BadInput(f"{path} is damaged: it holds numbers that no game can have earned or shown")


def roll_out(
    agent: Agent, states: int, horizon: int = 32, gamma: float = 0.998, seed: int = 0, **world: Any
) -> Iterator[Rollouts]:
    """Let an agent play greedily in `Territory-v0` (options: ``world``) until enough of its attacks are played on.

    Hands out `AT_ONCE` attacks at a time, with the waits that were kept beside them, so that what was learned need not
    wait for all. A mixture of games gets an equal number of states of each kind. Game i begins on map ``seed + i``.

    Args:
        agent: who plays, and plays on; its critic says what a branch is worth when ``horizon`` steps are over.
        states: attacks to play on.
        horizon: steps that each branch lasts, its attack included.
        gamma: discount of a step.
        seed: the first map, and which states are kept.
    """
    if min(states, horizon) < 1 or seed < 0:
        raise BadInput(f"expected at least 1 state, a horizon of 1 and seed 0, got {states}, {horizon}, {seed}")
    opponents = world.get("opponents", "bot")
    kinds = kinds_of_games(opponents) if is_mixture(opponents) else [{}]
    for number, kind in enumerate(kinds):
        share = -(-states // len(kinds))
        for part in _roll_out_one_kind(agent, share, horizon, gamma, seed + number * GAMES_AT_ONCE, world | kind):
            part.states.games[:] = part.states.games * len(kinds) + number  # no number for two games
            yield part


def _roll_out_one_kind(
    agent: Agent, states: int, horizon: int, gamma: float, seed: int, world: dict[str, Any]
) -> Iterator[Rollouts]:
    batch = min(AT_ONCE, states)
    ahead = TerritoryVectorEnv(batch * NUM_DIRECTIONS, **world)
    watched = watch_states(agent, seed, world)
    for _ in range(-(-states // batch)):
        attacks: list[Sampled] = []
        waits: list[Sampled] = []
        while len(attacks) < batch:
            state = next(watched)
            (attacks if state.snapshot else waits).append(state)
        kept = as_states(attacks + waits)
        snapshots = snapshots_of(attacks)
        returns = np.full((len(kept), NUM_DIRECTIONS), np.nan, np.float32)
        returns[:batch] = _in_every_direction(ahead, agent, kept.where(np.arange(batch)), snapshots, horizon, gamma)
        yield Rollouts(kept, returns)
    ahead.close()


@dataclass(frozen=True)
class Sampled:
    """One that was kept of a game."""

    obs: tuple[np.ndarray, ...]  # map, statistics, mask
    game: int
    snapshot: Snapshot  # empty where the agent waited


def watch_states(agent: Agent, seed: int, world: dict[str, Any]) -> Iterator[Sampled]:
    """Some of the attacks of an agent's games, with all that a game is made of, and a few of its waits; no end."""
    chance = np.random.default_rng(seed)
    envs = TerritoryVectorEnv(GAMES_AT_ONCE, **world)
    obs, info = envs.reset(seed=seed)
    playing = np.arange(envs.num_envs)
    while True:
        masks = info["action_mask"]
        actions = agent.act(obs, masks)
        attacks = actions < FIRST_WAIT
        kept = chance.random(len(actions)) < np.where(attacks, ATTACKS, WAITS)
        snapshots = envs.state_dict() if (kept & attacks).any() else {}
        for game in np.flatnonzero(kept):
            seen = tuple(rows[game].copy() for rows in (obs["map"], obs["global"], masks))
            snapshot = {name: rows[game].copy() for name, rows in snapshots.items()} if attacks[game] else {}
            yield Sampled(seen, int(playing[game]), snapshot)
        obs, _, terminated, truncated, info = envs.step(actions)
        ended = terminated | truncated
        playing[ended] = playing.max() + 1 + np.arange(ended.sum())


def as_states(seen: list[Sampled]) -> SampledStates:
    """What was seen in them."""
    maps, stats, masks = (np.stack(column) for column in zip(*(state.obs for state in seen), strict=True))
    return SampledStates(maps, stats, masks, np.array([state.game for state in seen]))


def snapshots_of(attacks: list[Sampled]) -> Snapshot:
    """All that their games are made of, ready for ``load_state_dict``."""
    return {name: np.stack([state.snapshot[name] for state in attacks]) for name in attacks[0].snapshot}


def _in_every_direction(
    ahead: TerritoryVectorEnv, agent: Agent, attacks: SampledStates, snapshots: Snapshot, horizon: int, gamma: float
) -> np.ndarray:
    """Returns ``(B, 8)``; NaN where nobody is to attack. The likeliest order of each direction."""
    likely = agent.predict({"map": attacks.maps, "global": attacks.stats}, attacks.masks)[0]
    allowed = np.where(attacks.masks, likely, -1)[:, :FIRST_WAIT].reshape(-1, NUM_DIRECTIONS, NUM_ORDERS)
    actions = allowed.argmax(2) + NUM_ORDERS * np.arange(NUM_DIRECTIONS)
    each = {name: np.repeat(rows, NUM_DIRECTIONS, axis=0) for name, rows in snapshots.items()}
    returns = rollout_returns(ahead, each, actions.ravel(), agent, horizon, gamma).reshape(actions.shape)
    return np.where(allowed.max(2) >= 0, returns, np.nan)


def rollout_returns(
    envs: TerritoryVectorEnv, snapshots: Snapshot, actions: np.ndarray, agent: Player, horizon: int, gamma: float
) -> np.ndarray:
    """Discounted returns ``(N,)`` of these actions ``(N,)`` from these snapshots on, the agent choosing after them.

    A game that is won or lost is worth what it paid; one that goes on, or was cut off, also what the critic expects.
    """
    envs.load_state_dict(snapshots)
    returns, weight = np.zeros(len(actions)), np.ones(len(actions))
    for _ in range(horizon):
        obs, rewards, terminated, truncated, info = envs.step(actions)
        returns += weight * rewards
        weight = np.where(terminated, 0, weight * gamma)
        if (cut := np.flatnonzero(truncated & (weight > 0))).size:
            last = {name: np.stack([info["final_obs"][i][name] for i in cut]) for name in obs}
            returns[cut] += weight[cut] * agent.predict(last)[1]
            weight[cut] = 0
        if not weight.any():
            return returns
        actions = agent.act(obs, info["action_mask"])
    return returns + weight * agent.predict(obs, info["action_mask"])[1]


def known(rollouts: Rollouts) -> np.ndarray:
    """bool (S,): an attack that was played on, and that could have gone elsewhere."""
    return (~np.isnan(rollouts.returns)).sum(1) > 1


def directions(model: nn.Module, rollouts: Rollouts, views: int = 1) -> np.ndarray:
    """The likeliest direction, int64 ``(K,)``, in each attack that is `known`."""
    log_probs, _ = policies_and_values(model, rollouts.where(known(rollouts)).states, views)
    return direction_log_probs(log_probs).argmax(1).numpy()


def worth(rollouts: Rollouts, chosen: np.ndarray) -> tuple[float, float]:
    """Mean advantage of the directions ``(K,)`` chosen in the K attacks that are `known`, and its margin over games."""
    asked = rollouts.where(known(rollouts))
    return mean_over_games(np.take_along_axis(asked.advantages(), chosen[:, None], axis=1)[:, 0], asked.states.games)


def first_attacks(rollouts: Rollouts, agents: Sequence[str]) -> dict[str, Any]:
    """For a figure: what each direction was worth in the first attacks, and which one each agent would take."""
    attacks = rollouts.where(np.flatnonzero(known(rollouts))[:AT_ONCE])
    gains = attacks.advantages().round(3).astype(object)
    gains[np.isnan(attacks.returns)] = None
    choices = {name: directions(load_agent(name).model, attacks).tolist() for name in agents}
    return {"worth": gains.tolist(), "choices": choices}


def keep_worth(path: Path, found: dict[str, Any], attacks: dict[str, Any] | None) -> None:
    """Add what an agent's directions are worth to the data file; ``attacks`` replaces those that it had."""
    data = json.loads(path.read_text()) if path.exists() else {"worth": [], "attacks": {}}
    measured = {"worth", "margin"}
    others = [each for each in data["worth"] if any(each[name] != found[name] for name in found.keys() - measured)]
    records = ",\n".join(json.dumps(each) for each in [*others, found])
    last = json.dumps(data["attacks"] if attacks is None else attacks)
    write_atomically(path, f'{{\n"worth": [\n{records}\n],\n"attacks": {last}\n}}\n'.encode())


def play_on_in_every_direction(
    agent: tyro.conf.Positional[str],
    out: Out,
    opponents: str | None = None,
    num_bots: int | None = None,
    states: int = 4096,
    horizon: int = 32,
    seed: int = 0,
    beside: tuple[str, ...] = (),
    data: Path = DATA / "rollouts.json",
) -> int:
    """Play an agent's attacks on in every direction, and keep what came of it, for `studies.directions`.

    Ctrl-C keeps what there is.

    Args:
        agent: Who plays: a pretrained agent, a run, a checkpoint file.
        out: Where it is kept (.npz).
        opponents: Against whom: bot, nation, mixed, an agent, or several kinds of games, such as 5xnation+50xmixed; by
            default those the agent was trained against.
        num_bots: How many, 1 to 50; by default as it was trained.
        states: Attacks that are played on.
        horizon: Steps that each direction is played on for; the agent's critic says what the rest is worth.
        seed: Of the games, and of which attacks are played on.
        beside: Other agents; their directions in the first attacks are kept beside its own, for a figure.
        data: The data file, for what its directions are worth.
    """
    check_writable(out, "out")
    player = load_agent(agent)
    asked = {"opponents": opponents, "num_bots": num_bots}
    config = config_of(player, **{name: value for name, value in asked.items() if value is not None})
    for name in beside:
        load_agent(name)  # who is misspelt is refused before the work is done
    parts = []
    with stop_on_signals(FINISHING) as stopped, tqdm(total=states, unit=" attacks", dynamic_ncols=True) as bar:
        for part in roll_out(player, states, horizon, config.gamma, seed, **config.world()):
            parts.append(part)
            bar.update(AT_ONCE)
            if len(parts) % SAVE_EVERY == 0:
                Rollouts.of(parts).save(out)
            if stopped:
                break
    kept = Rollouts.of(parts)
    kept.save(out)
    own, margin = worth(kept, directions(player.model, kept, player.decoding.views))
    settings = {"agent": agent, "opponents": config.opponents, "num_bots": config.num_bots, "states": states}
    found = settings | {"horizon": horizon, "seed": seed, "worth": round(own, 3), "margin": round(margin, 3)}
    keep_worth(data, found, first_attacks(kept, (agent, *beside)) if beside else None)
    print(f"its directions: {own:+.3f} (± {margin:.3f}) more than the mean of the open ones")
    print(f"{out}: {len(kept):,} states. Learn from them: python -m studies.directions {agent} {out} --out FILE")
    return 128 + stopped[0] if stopped else 0


if __name__ == "__main__":
    sys.exit(run(play_on_in_every_direction))
