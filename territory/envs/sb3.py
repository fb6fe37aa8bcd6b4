"""The native batch under the interface of Stable-Baselines3, several times as fast as its DummyVecEnv."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from gymnasium.vector import AutoresetMode

from territory.envs.common import checked_options, checked_seed
from territory.envs.vector import TerritoryVectorEnv
from territory.errors import BadInput, shown, whole

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise BadInput("the adapter needs Stable-Baselines3: pip install stable-baselines3 sb3-contrib") from error


class SB3VecEnv(VecEnv):
    """N games as one of Stable-Baselines3's vector environments; `action_masks` is there for MaskablePPO.

    Args:
        num_envs: how many games; or a batch of them that is there already.
        **options: as for ``gymnasium.make_vec("Territory-v0", ...)``.

    ``info`` of a finished game holds ``terminal_observation``, ``TimeLimit.truncated``, and its summary: as ``episode``
    ("r" return, "l" length), which SB3 logs, and by name (win, land_share, rank, idle_share).
    """

    def __init__(self, num_envs: "int | TerritoryVectorEnv" = 1, **options: Any):
        there = isinstance(num_envs, TerritoryVectorEnv)
        if there and options:
            raise BadInput(f"a batch that is there already takes no options, got {', '.join(options)}")
        self.envs = num_envs if there else TerritoryVectorEnv(num_envs, **options)
        if self.envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise BadInput("Stable-Baselines3 takes SAME_STEP autoreset alone: leave autoreset_mode out")
        self.render_mode = self.envs.render_mode
        self._actions: Any = None
        super().__init__(self.envs.num_envs, self.envs.single_observation_space, self.envs.single_action_space)

    def reset(self) -> dict[str, np.ndarray]:
        """First observations; of the maps that `seed` named, if it was called."""
        first = self._seeds[0]  # SB3 counts up from it, as the batch does
        self._reset_seeds()
        self._reset_options()
        return self.envs.reset(seed=first)[0]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Name the maps of the next `reset`: seed, seed + 1, ..."""
        return super().seed(checked_seed(seed, 2**64 - self.num_envs))

    def set_options(self, options: Any = None) -> None:
        """The games have none: only empty ones are taken."""
        for each in options if isinstance(options, list) else [options]:
            checked_options(each)
        super().set_options(options)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions until `step_wait`."""
        self._actions = actions

    def step_wait(self):
        """One step of every game: observations, rewards float32 (N,), dones (N,), and one dictionary a game."""
        if self._actions is None:
            raise BadInput("no actions are waiting: call step_async() before step_wait(), or step()")
        actions, self._actions = self._actions, None
        obs, rewards, terminated, truncated, info = self.envs.step(actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for game in np.flatnonzero(terminated | truncated):
            summary = {name: of[game].item() for name, of in info["final_info"].items() if name[0] != "_"}
            episode = {"r": summary.pop("return"), "l": summary.pop("length")}
            cut_off = bool(truncated[game] and not terminated[game])
            infos[game] = summary | {"episode": episode, "TimeLimit.truncated": cut_off}
            infos[game]["terminal_observation"] = info["final_obs"][game]
        return obs, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Give the games back."""
        self.envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of each game, with ``render_mode="rgb_array"``."""
        pictures: Any = self.envs.render()
        return pictures or [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No single game has a wrapper."""
        return [False for _ in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The batch's attribute, once for each game."""
        return [getattr(self.envs, attr_name)] * len(self._get_indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set the batch's attribute, which is that of all games."""
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise BadInput(f"{shown(attr_name)} is set for all games at once, got indices {shown(indices)}")
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **options: Any) -> list[Any]:
        """Call the batch's method: ``action_masks`` gives each game its own row, anything else the same for all."""
        chosen = self._get_indices(indices)
        answer: Any = getattr(self.envs, method_name)(*args, **options)
        return [answer[i] if method_name == "action_masks" else answer for i in chosen]

    def _get_indices(self, indices: Any) -> list[int]:
        """The games that SB3 means: None is all of them, a number one."""
        games: Any = range(self.num_envs) if indices is None else indices
        games = games if isinstance(games, Iterable) and np.ndim(cast(Any, games)) == 1 else [games]
        return [whole("an index of a game", each, 0, self.num_envs - 1) for each in games]
