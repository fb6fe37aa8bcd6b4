"""`Territory-v0` as a native batch: one compiled call steps every game."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from territory.envs.common import (
    Episodes,
    action_space,
    everyones_orders,
    make_world,
    observation_space,
)
from territory.errors import BadInput
from territory.world import rng
from territory.world.params import HELD_OUT_SEED
from territory.world.picture import render_world
from territory.world.world import AGENT


class TerritoryVectorEnv(VectorEnv):
    """`num_envs` games; arguments as for `TerritoryEnv`.

    ``reset(seed=s)`` plays map s + i in environment i; later games have seeds below 1,000,000 that follow from it.

    SAME_STEP autoreset: the step that ends a game returns the first observation of the next one, and keeps the last
    of the old as ``info["final_obs"][i]`` (a dict) with ``info["final_info"]`` (arrays (N,): win, land_share, rank,
    return, length, idle_share), both valid where ``info["_final_obs"]``.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self, num_envs: int = 1, map: Any = None, render_mode: str | None = None, render_scale: int = 4, **options
    ):
        if render_mode not in (None, "rgb_array"):
            raise BadInput(f'the batch renders as "rgb_array" or not at all, got render_mode {render_mode!r}')
        self.render_mode, self._scale = render_mode, render_scale
        self.num_envs = num_envs
        self.world, self._opponent = make_world(num_envs, map, options)
        self.params = self.world.params
        self.single_observation_space = observation_space(self.params)
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episodes = Episodes(num_envs)
        self._seeds = np.zeros(num_envs, np.uint64)  # of each environment's first game
        self._games = np.zeros(num_envs, np.int64)  # begun since
        self._masks = np.zeros(0, np.bool_)

    def reset(self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None):
        """Start a game in every environment; returns observations and ``{"action_mask": bool (N, 90)}``."""
        first = seed if isinstance(seed, int | np.integer) else None
        super().reset(seed=first)
        if first is not None:
            seeds = first + np.arange(self.num_envs)
        elif seed is None:
            seeds = self.np_random.integers(HELD_OUT_SEED, size=self.num_envs)
        else:
            seeds = np.array(seed)
        if seeds.shape != (self.num_envs,) or seeds.min() < 0:
            raise BadInput(
                f"seed must be a number of 0 or more, or one for each of {self.num_envs} environments: {seed}"
            )
        self._seeds[:] = seeds
        self._games[:] = 1
        self.world.reset(self._seeds)
        self._episodes.clear(np.arange(self.num_envs))
        obs, self._masks = self.world.observe()
        return obs, {"action_mask": self._masks}

    def step(self, actions: np.ndarray):
        """Play ten ticks of every game: observations, rewards (N,), terminated (N,), truncated (N,), info."""
        if not self._masks.size:
            raise BadInput("no game has begun: call reset() before step()")
        actions = np.asarray(actions)
        rewards, terminated, truncated = self.world.step(everyones_orders(self.world, self._opponent, actions))
        self._episodes.add(rewards[:, AGENT], actions)
        out = self.world.observe()
        info: dict[str, Any] = {}
        over = terminated | truncated
        if over.any():
            info = self._finish(out, over)
        obs, self._masks = out
        info["action_mask"] = self._masks
        return obs, rewards[:, AGENT].copy(), terminated, truncated, info

    def _finish(self, out, over: np.ndarray) -> dict[str, Any]:
        """Keep what ended, then start anew in the same arrays."""
        obs, _ = out
        which = np.flatnonzero(over)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i in which:
            final_obs[i] = {name: value[i].copy() for name, value in obs.items()}
        final_info = self._episodes.summary(self.world)
        final_info |= {f"_{name}": over.copy() for name in final_info}
        self.world.reset(self._next_seeds(which), which)
        self._episodes.clear(which)
        self.world.observe(out=out, which=which)
        return {"final_obs": final_obs, "_final_obs": over, "final_info": final_info, "_final_info": over.copy()}

    def _next_seeds(self, which: np.ndarray) -> np.ndarray:
        seeds = [_seed_of_game(int(self._seeds[i]), int(self._games[i])) for i in which]
        self._games[which] += 1
        return np.array(seeds, np.uint64)

    def action_masks(self) -> np.ndarray:
        """bool (N, 90): which actions have an effect now."""
        return self._masks.copy()

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture (height * render_scale, width * render_scale, 3) of each game, with render_mode="rgb_array"."""
        if self.render_mode is None:
            return None
        return tuple(render_world(self.world, game, self._scale) for game in range(self.num_envs))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything the games and their books are made of, to continue exactly from here.

        Opponents that a policy plays choose from what they see, so nothing of theirs is kept: exact for networks and
        every other policy without a memory or random numbers of its own.
        """
        books = {f"episodes.{name}": value.copy() for name, value in vars(self._episodes).items()}
        own = {"seeds": self._seeds.copy(), "games": self._games.copy()}
        return {f"world.{name}": value for name, value in self.world.state_dict().items()} | books | own

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Continue from a `state_dict`; returns the observations and info that the saved step returned."""
        wanted = self.state_dict()
        if set(arrays) != set(wanted):
            differing = sorted(set(arrays) ^ set(wanted))
            raise BadInput(f"saved state of another environment: {', '.join(differing)} missing or unknown")
        self.world.load_state_dict({name[6:]: value for name, value in arrays.items() if name.startswith("world.")})
        for name, book in vars(self._episodes).items():
            book[:] = arrays[f"episodes.{name}"]
        self._seeds[:], self._games[:] = arrays["seeds"], arrays["games"]
        obs, self._masks = self.world.observe()
        return obs, {"action_mask": self._masks}


def _seed_of_game(first_seed: int, game: int) -> int:
    with np.errstate(over="ignore"):  # 64-bit mixing wraps around by design
        return int(rng.bits(rng.stream(first_seed, rng.SEED, 0), game)) % HELD_OUT_SEED
