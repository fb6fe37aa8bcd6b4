"""Several kinds of games in one batch, so that a learner who meets new opponents does not forget the old ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from territory.envs.common import BatchOfActions, Unbroken, checked_options, checked_seeds
from territory.envs.opponents import find_opponents, is_mixture, kinds_of_games
from territory.envs.vector import FinalObservations, TerritoryVectorEnv, masks_info
from territory.errors import BadInput, lists, shown, whole
from territory.world.actions import checked_actions
from territory.world.state import check_arrays


def make_vector_env(
    opponents: Any = "bot", num_envs: int = 1, device: Any = "cpu", **options: Any
) -> "TerritoryVectorEnv | MixedVectorEnv":
    """`TerritoryVectorEnv`; its opponents may be the name or path of a checkpoint, or a mixture of games.

    ``"5xnation+50xmixed"`` plays half of the games against five nations, half against fifty mixed. ``device``: where
    opponents that are networks run.
    """
    if not is_mixture(opponents):
        return TerritoryVectorEnv(opponents=find_opponents(opponents, device), num_envs=num_envs, **options)
    kinds = kinds_of_games(opponents)
    if whole("num_envs", num_envs, 1, 2**28) < len(kinds):
        raise BadInput(f"{opponents!r} is {len(kinds)} kinds of games, so num_envs {num_envs} leaves one out")
    sizes = [len(games) for games in np.array_split(range(num_envs), len(kinds))]
    parts = zip(sizes, kinds, strict=True)
    return MixedVectorEnv([make_vector_env(num_envs=size, device=device, **options | kind) for size, kind in parts])


class MixedVectorEnv(VectorEnv):
    """The games of several `TerritoryVectorEnv` as one batch, in their order; autoreset and info are as theirs.

    Their maps have one size; opponents and their number may differ. Raises BadInput: there is no part, or their
    observations differ in shape.
    """

    def __init__(self, parts: Sequence["TerritoryVectorEnv | MixedVectorEnv"]):
        if not isinstance(parts, list | tuple) or not parts or not all(isinstance(part, VectorEnv) for part in parts):
            raise BadInput(f"a mixture takes a list of one or more batches of games, got {shown(parts)}")
        kinds = [(part.single_observation_space, part.autoreset_mode) for part in parts]
        if any(kind != kinds[0] for kind in kinds):
            raise BadInput(f"the parts of a mixture have the same map size and one autoreset_mode, got {kinds}")
        self.parts = tuple(parts)
        self.metadata, self.autoreset_mode = parts[0].metadata, parts[0].autoreset_mode
        self.num_envs = sum(part.num_envs for part in parts)
        self.render_mode = parts[0].render_mode
        self.single_observation_space = parts[0].single_observation_space
        self.single_action_space = parts[0].single_action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = BatchOfActions(self.num_envs)
        self._cuts = np.cumsum([part.num_envs for part in parts])[:-1]

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None):
        """As `TerritoryVectorEnv.reset`: map ``seed + i`` in game i of the whole batch, as a plain batch would."""
        mask = checked_options(options, ["reset_mask"]).get("reset_mask")
        self.chosen(mask)  # as the seeds, judged before any part begins anew
        seeds: Any = checked_seeds(seed, self.num_envs)
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [seeds[begin] for begin in (0, *self._cuts)]
        else:
            seeds = self._shares_of("seed", seeds)
        choices = [None if own is None else {"reset_mask": own} for own in self._shares_of("reset_mask", mask)]
        with Unbroken():
            each = zip(self.parts, seeds, choices, strict=True)
            started = [part.reset(seed=own, options=choice) for part, own, choice in each]
        return _joined([obs for obs, _ in started]), self._info([info for _, info in started])

    def chosen(self, mask: Any) -> np.ndarray:
        """As of `TerritoryVectorEnv`."""
        shares = zip(self.parts, self._shares_of("reset_mask", mask), strict=True)
        return np.concatenate([part.chosen(own) for part, own in shares])

    def _shares_of(self, name: str, values: Any) -> list[Any]:
        """What each part gets of one value for every game, or None for all."""
        if values is None:
            return [None] * len(self.parts)
        if not lists(values, self.num_envs):
            raise BadInput(f"{name} must be one for each of {self.num_envs} games, got {shown(values)}")
        ends = (*self._cuts, self.num_envs)
        return [values[begin:end] for begin, end in zip((0, *self._cuts), ends, strict=True)]

    def step(self, actions: np.ndarray):
        """Play one step of every game; ``actions`` ``(N,)``. Returns what `TerritoryVectorEnv.step` does."""
        shares = np.split(self.checked(actions), self._cuts)
        with Unbroken():
            stepped = [part.step(own) for part, own in zip(self.parts, shares, strict=True)]
        obs, rewards, terminated, truncated, infos = zip(*stepped, strict=True)
        ends = (np.concatenate(each) for each in (rewards, terminated, truncated))
        return _joined(obs), *ends, self._info(infos)

    def checked(self, actions: Any) -> np.ndarray:
        """The actions of a step, int64 (N,), if every part can play it: before any has."""
        actions = checked_actions("actions", actions, (self.num_envs,))
        for part, own in zip(self.parts, np.split(actions, self._cuts), strict=True):
            part.checked(own)
        return actions

    def _info(self, infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
        info = masks_info(np.concatenate([each["action_mask"] for each in infos]))
        if not any("final_info" in each for each in infos):
            return info
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            rows = zip(self.parts, infos, strict=True)
            last = (obs for part, row in rows for obs in row.get("final_obs", [None] * part.num_envs))
            info["final_obs"] = FinalObservations(last)
            info["_final_obs"] = self._column(infos, "_final_obs", np.bool_)
        info["_final_info"] = self._column(infos, "_final_info", np.bool_)
        finished = [each.get("final_info", {}) for each in infos]
        fields = {name: column.dtype for each in finished for name, column in each.items()}
        info["final_info"] = {name: self._column(finished, name, dtype) for name, dtype in fields.items()}
        return info

    def _column(self, rows: Sequence[dict[str, Any]], name: str, dtype: Any) -> np.ndarray:
        """One value a game; where a part has none, since none of its games ended, the type's zero."""
        blanks = (np.zeros(part.num_envs, dtype) for part in self.parts)
        return np.concatenate([row.get(name, blank) for row, blank in zip(rows, blanks, strict=True)])

    def action_masks(self) -> np.ndarray:
        """bool (N, 90): which actions have an effect now."""
        return np.concatenate([part.action_masks() for part in self.parts])

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of each game, as of `TerritoryVectorEnv.render`."""
        pictures = [part.render() or () for part in self.parts]
        return tuple(picture for of_part in pictures for picture in of_part) or None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Every part's, its number in front of each name."""
        states = enumerate(part.state_dict() for part in self.parts)
        return {f"{number}.{name}": array for number, state in states for name, array in state.items()}

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Continue from a `state_dict`; returns the observations and info that the saved step returned."""
        check_arrays(self.state_dict(), arrays, "mixture of games")
        loaded = []
        for number, part in enumerate(self.parts):
            start = f"{number}."
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            loaded.append(part.load_state_dict(own))
        return _joined([obs for obs, _ in loaded]), self._info([info for _, info in loaded])


def _joined(observations: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([obs[name] for obs in observations]) for name in observations[0]}
