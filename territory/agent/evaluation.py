"""A policy's games: how strong it is on maps that training never saw, with the uncertainty of the win rate; and sampled
states of them, kept as the network sees them: what a probe or a student learns from."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from territory.agent.agent import Agent
from territory.envs.opponents import Policy, as_policy, ask, find_opponents, find_policy, is_mixture
from territory.errors import BadInput, whole
from territory.stats import wilson
from territory.world.params import HELD_OUT_SEED, WorldParams

BATCH, SIDE = 64, 128  # games of so many tiles a side at once: enough to work in bulk, few enough for a laptop's memory
MOST_GAMES, LAST_SEED = 1_000_000, 2**64 - 1
GAMES_AT_ONCE = 32  # that states are sampled from
MEASURED = ("win", "rank", "land_share", "idle_share", "length", "return")  # of a finished game: the fields below


def _mean(field: str, doc: str) -> Any:
    """A property: the mean of one field over all games."""
    return property(lambda result: float(np.mean(getattr(result, field))), doc=doc)


@dataclass(frozen=True)
class EvaluationResult:
    """What a policy reached, game by game; the means are properties."""

    num_bots: int
    opponents: str
    seed: int  # game i was played on map seed + i
    wins: tuple[bool, ...]
    ranks: tuple[float, ...]  # by land at the end, 1 is best
    land_shares: tuple[float, ...]  # of all land, at the end
    idle_shares: tuple[float, ...]  # of the steps, those that ordered nothing
    lengths: tuple[float, ...]  # steps
    returns: tuple[float, ...]  # undiscounted

    win_rate = _mean("wins", "Share of games won.")
    mean_rank = _mean("ranks", "1 is best.")
    land_share = _mean("land_shares", "Mean share of all land at the end.")
    mean_length = _mean("lengths", "Steps a game.")
    mean_return = _mean("returns", "Undiscounted reward a game.")

    @property
    def games(self) -> int:
        """How many were played."""
        return len(self.wins)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the win rate."""
        return wilson(sum(self.wins), self.games)

    @property
    def idle_share(self) -> float:
        """Share of all steps, over all games together, that ordered nothing."""
        return float(np.average(self.idle_shares, weights=self.lengths))

    def summary(self) -> dict[str, Any]:
        """The means and what was played, ready for JSON."""
        told = ("games", "num_bots", "opponents", "seed", "win_rate", "mean_rank", "land_share", "idle_share")
        low, high = self.interval
        means = {name: getattr(self, name) for name in (*told, "mean_length", "mean_return")}
        return means | {"win_rate_low": low, "win_rate_high": high}

    def as_dict(self) -> dict[str, Any]:
        """The summary and every game."""
        return self.summary() | {"per_game": {k: v for k, v in asdict(self).items() if isinstance(v, tuple)}}

    def __str__(self) -> str:
        low, high = self.interval
        rows = (
            ("games", f"{self.games} against {self.num_bots} x {self.opponents}, map seeds from {self.seed:,}"),
            ("win rate", f"{self.win_rate:.1%} (95 % interval {low:.1%} to {high:.1%})"),
            ("mean rank", f"{self.mean_rank:.2f} of {self.num_bots + 1}"),
            ("land share", f"{self.land_share:.1%}"),
            ("idle share", f"{self.idle_share:.1%}"),
            ("mean length", f"{self.mean_length:.0f} steps"),
            ("mean return", f"{self.mean_return:.2f}"),
        )
        return "\n".join(f"{name:<12} {value}" for name, value in rows)


def evaluate(
    policy: Agent | Policy | str | Path,
    num_bots: int = 5,
    opponents: Policy | str | Path = "bot",
    games: int = 64,
    seed: int = HELD_OUT_SEED,
    *,
    height: int | None = None,
    width: int | None = None,
    max_steps: int | None = None,
    announce: Callable[[], object] | None = None,
) -> EvaluationResult:
    """Play ``games`` games on the maps ``seed``, ``seed + 1``, … and count.

    ``policy``: an agent (which plays deterministically), the name or path of one, or any function from batched
    observations and masks to actions. ``opponents``: "bot", "nation", "mixed", or a policy likewise, which then plays
    every one of them. Map size and length default to those the agent was trained with. ``announce`` is called once all
    of this is found good, before the first game.
    """
    if isinstance(policy, str | Path):
        policy = find_policy(policy)
    if is_mixture(opponents):
        raise BadInput(f"{opponents!r} is several kinds of games, whose results don't add up: evaluate each by itself")
    rivals, asked = find_opponents(opponents), as_policy(policy)
    games, seed = whole("games", games, 1, MOST_GAMES), whole("seed", seed, 0, LAST_SEED - MOST_GAMES)
    trained = policy.config if isinstance(policy, Agent) else {}
    given = {"height": height, "width": width, "max_steps": max_steps}
    sizes = {name: trained.get(name) if value is None else value for name, value in given.items()}
    world: dict[str, Any] = {name: value for name, value in sizes.items() if value is not None}
    played: list[dict[str, np.ndarray]] = []
    params = WorldParams(num_bots=num_bots, **world)
    at_once = max(1, min(BATCH, BATCH * SIDE**2 // (params.height * params.width)))
    if announce is not None:
        announce()
    for first in range(0, games, at_once):
        batch = min(at_once, games - first)
        envs = gymnasium.make_vec("Territory-v0", num_envs=batch, num_bots=num_bots, opponents=rivals, **world)
        played.append(play(envs, asked, seed + first))
        envs.close()
    columns = {name: np.concatenate([part[name] for part in played]).tolist() for name in MEASURED}
    return EvaluationResult(
        num_bots,
        str(opponents) if isinstance(opponents, str | Path) else type(opponents).__name__,
        seed,
        tuple(map(bool, columns.pop("win"))),
        *map(tuple, columns.values()),  # in the order of `MEASURED`, which is that of the fields
    )


def play(envs: Any, policy: Policy, seed: int) -> dict[str, np.ndarray]:
    """The ``final_info`` of one game in each environment, the first after ``reset(seed=seed)``; arrays ``(N,)``."""
    obs, info = envs.reset(seed=seed)
    running = np.ones(envs.num_envs, dtype=bool)
    results = {name: np.zeros(envs.num_envs) for name in MEASURED}
    while running.any():
        actions = np.zeros(envs.num_envs, dtype=np.int64)
        mask = info["action_mask"]
        # Games that are over have been started anew by autoreset; whatever is done there is not counted.
        actions[running] = ask(policy, {name: array[running] for name, array in obs.items()}, mask[running])
        actions[~running] = mask[~running].argmax(axis=1)
        obs, _, terminated, truncated, info = envs.step(actions)
        ended = running & (terminated | truncated)
        if ended.any():
            for name in MEASURED:
                results[name][ended] = info["final_info"][name][ended]
        running &= ~ended
    return results


@dataclass(frozen=True)
class SampledStates:
    """S observations with the games they come from."""

    maps: np.ndarray  # uint8 (S, 5, H, W)
    stats: np.ndarray  # float32 (S, 16)
    masks: np.ndarray  # bool (S, 90)
    games: np.ndarray  # int64 (S,), whole numbers from 0: states of one game are alike, so split by these

    def __len__(self) -> int:
        return len(self.games)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Maps, statistics and masks as a network takes them, without a copy."""
        return torch.from_numpy(self.maps), torch.from_numpy(self.stats), torch.from_numpy(self.masks)

    def where(self, chosen: np.ndarray) -> "SampledStates":
        """Those at a bool mask ``(S,)``, or at positions."""
        return SampledStates(self.maps[chosen], self.stats[chosen], self.masks[chosen], self.games[chosen])


def sample_states(policy: Policy, states: int, every: int = 4, seed: int = 0, **world: Any) -> SampledStates:
    """Let a policy play in `Territory-v0` (options: ``world``) until enough states are kept.

    Every ``every``-th step of each of up to 32 games at once is kept, so that what is kept differs. The maps are
    ``seed``, ``seed + 1``, …; later games follow from them.
    """
    states, every = whole("states", states, 1, 2**31), whole("every", every, 1, 2**31)
    envs = gymnasium.make_vec("Territory-v0", num_envs=min(GAMES_AT_ONCE, states), **world)
    obs, info = envs.reset(seed=seed)
    kept, playing, step, asked = [], np.arange(envs.num_envs), 0, as_policy(policy)
    while len(kept) * envs.num_envs < states:
        if step % every == 0:
            kept.append((obs["map"].copy(), obs["global"].copy(), info["action_mask"].copy(), playing.copy()))
        obs, _, terminated, truncated, info = envs.step(ask(asked, obs, info["action_mask"]))
        ended = terminated | truncated
        playing[ended] = playing.max() + 1 + np.arange(ended.sum())
        step += 1
    envs.close()
    return SampledStates(*(np.concatenate(column)[:states] for column in zip(*kept, strict=True)))
