"""What a run tells while it goes: one record per update, and a window over the latest finished games."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

EPISODE_FIELDS = ("win", "return", "length", "land_share", "idle_share")
WINDOW = 100  # games: enough for a win rate within 10 points, few enough to follow a quick rise


@dataclass(frozen=True)
class Update:
    """One update of the network. Averages over games are NaN until a first game has finished."""

    update: int  # 1 for the first
    updates: int  # of the whole run
    step: int  # environment steps so far, over all games
    total_steps: int  # of the whole run
    episodes: int  # finished games so far
    win_rate: float  # of the last 100 games, like the next four
    mean_return: float  # undiscounted
    mean_length: float  # steps
    land_share: float  # owned at the end
    idle_share: float  # of steps that ordered nothing
    policy_loss: float
    value_loss: float
    entropy: float  # nats
    approx_kl: float  # nats, of the last epoch
    clip_fraction: float
    explained_variance: float
    ratio_deviation: float  # largest |ratio - 1| of the first minibatch: rounding alone, unless there is batch norm
    grad_norm: float  # before clipping
    learning_rate: float
    steps_per_second: float  # of this update
    seconds: float  # since the run, or its continuation, began

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def finished(info: dict[str, Any]) -> list[tuple[float, ...]]:
    """The `EPISODE_FIELDS` of the games that finished in this step, from a vector environment's ``info``."""
    games = np.flatnonzero(info.get("_final_info", ()))
    return [tuple(float(info["final_info"][name][game]) for name in EPISODE_FIELDS) for game in games]


class EpisodeWindow:
    """The last games that finished."""

    def __init__(self, size: int = WINDOW):
        self.count = 0
        self._latest: deque[tuple[float, ...]] = deque(maxlen=size)

    def add(self, games: list[tuple[float, ...]]) -> None:
        """Take in games that have just `finished`."""
        self._latest.extend(games)
        self.count += len(games)

    def means(self) -> dict[str, float]:
        """The mean of each field, NaN before the first game has finished."""
        if not self._latest:
            return dict.fromkeys(EPISODE_FIELDS, float("nan"))
        return dict(zip(EPISODE_FIELDS, np.mean(self._latest, axis=0).tolist(), strict=True))

    def state_dict(self) -> dict[str, np.ndarray]:
        """What `load_state_dict` needs."""
        rows = np.array(self._latest, dtype=np.float64).reshape(-1, len(EPISODE_FIELDS))
        return {"count": np.array([self.count]), "latest": rows}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a saved window."""
        self.count = int(state["count"][0])
        self._latest = deque(map(tuple, state["latest"].tolist()), maxlen=self._latest.maxlen)
