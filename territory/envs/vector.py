"""`Territory-v0` as a native batch: one compiled call steps every game of a kind."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from territory.envs import common
from territory.envs.opponents import Policy, is_mixture, kinds_of_games
from territory.errors import BadInput, as_array, shown, whole
from territory.world import rng
from territory.world.actions import NUM_ACTIONS, checked_actions
from territory.world.params import HELD_OUT_SEED
from territory.world.picture import render_world
from territory.world.state import OwnsArrays, check_arrays
from territory.world.threads import Unbroken
from territory.world.world import AGENT, World


class Part(NamedTuple):
    """The games of one kind: where in the batch they are, the world that plays them, who plays its opponents."""

    games: slice
    world: World
    opponent: Policy | None  # None: the world's own scripts


class TerritoryVectorEnv(OwnsArrays, VectorEnv):
    """`num_envs` games; other arguments as for `TerritoryEnv`, and

    Args:
        opponents: also several kinds of games, so that a learner who meets new opponents does not forget the old ones:
            ``"5xnation+50xmixed"`` plays half of the games against five nations, then half against fifty mixed.
        device: where opponents that are networks run.
        autoreset_mode: what follows the end of a game, gymnasium's `AutoresetMode` or its name.
            SAME_STEP: the step that ends a game returns the first observation of the next one, and keeps the last of
            the old as ``info["final_obs"][i]`` (a dict), valid where ``info["_final_obs"]``.
            NEXT_STEP: it returns the last observation; the next step begins a new game, whatever its action.
            DISABLED: it returns the last observation; then the game has to be reset, with ``reset_mask``.

    The step that ends a game has ``info["final_info"]`` (arrays (N,): win, land_share, rank, return, length,
    idle_share), valid where ``info["_final_info"]``.

    ``reset(seed=s)`` plays map s + i in environment i; later games have seeds below 1,000,000 that follow from it.
    ``reset(options={"reset_mask": mask})`` begins anew only where the mask, bool (N,), says so. Returned arrays are the
    caller's own.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        map: Any = None,
        render_mode: str | None = None,
        render_scale: int = 4,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        device: Any = "cpu",
        **options,
    ):
        self.render_mode, self._scale = common.checked_render(render_mode, render_scale, self.metadata["render_modes"])
        self.autoreset_mode = checked_mode(autoreset_mode)
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        self._parts = self._make_parts(num_envs, map, device, options)
        self.world = self._parts[0].world  # of the first kind of games, which is the only one as a rule
        self.params, self.num_envs = self.world.params, self._parts[-1].games.stop
        self.single_observation_space = common.observation_space(self.params)
        self.single_action_space = common.Actions()
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = common.BatchOfActions(self.num_envs)
        self._episodes = common.Episodes(self.num_envs)
        self._seeds = np.zeros(self.num_envs, np.uint64)  # of each environment's first game
        self._games = np.zeros(self.num_envs, np.int64)  # begun since
        self._over = np.zeros(self.num_envs, np.bool_)  # ended, and nothing has begun since
        self._masks = np.zeros((self.num_envs, NUM_ACTIONS), np.bool_)  # where a game has begun, some is set

    def _make_parts(self, num_envs: int, map: Any, device: Any, options: dict[str, Any]) -> list[Part]:
        opponents, kinds, sizes = options.get("opponents"), [{}], [num_envs]
        if is_mixture(opponents):
            kinds = kinds_of_games(str(opponents))
            if "num_bots" in options:
                raise BadInput(f"num_bots would change nothing: {opponents!r} says how many opponents each game has")
            if whole("num_envs", num_envs, 1, 2**28) < len(kinds):
                raise BadInput(f"{opponents!r} is {len(kinds)} kinds of games, so num_envs {num_envs} leaves one out")
            sizes = [len(games) for games in np.array_split(range(num_envs), len(kinds))]
        parts, first = [], 0
        for kind, size in zip(kinds, sizes, strict=True):
            world, opponent = common.make_world(type(self), size, map, options | kind, device)
            parts.append(Part(slice(first, first + world.num_envs), world, opponent))
            first += world.num_envs
        return parts

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None):
        """Start a game in every environment, or where ``options["reset_mask"]`` says so; the observations of all.

        ``seed``: a number s for the maps s + i, or one for each environment (None: one that the batch's generator
        draws, so what follows a reset with a number is the same every time). Info holds ``"action_mask"``, bool
        (N, 90), with gymnasium's ``"_action_mask"``, bool (N,): which games have one.
        """
        mask = common.checked_options(options, ["reset_mask"]).get("reset_mask")
        chosen = self._chosen(mask)
        which = np.flatnonzero(chosen)
        if seed is None and mask is not None and self._masks.any():
            seeds = self._next_seeds(which)
        else:
            self._seeds[which], self._games[which] = self._first_seeds(seed, bool(chosen.all()))[which], 1
            seeds = self._seeds[which]
        with Unbroken():
            self._begin(seeds, which)
            return self._look()

    def _chosen(self, mask: Any) -> np.ndarray:
        """bool (N,): the games that a ``reset_mask`` begins anew, if it can; None means all."""
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        given = as_array("reset_mask", mask)
        if given.shape != (self.num_envs,) or given.dtype != np.bool_:
            raise BadInput(f"reset_mask must be bool of shape ({self.num_envs},), got {given.dtype} of {given.shape}")
        if not self._masks.any() and not given.all():
            raise BadInput("no game has begun: call reset() without a reset_mask first")
        return given

    def _first_seeds(self, seed: Any, everywhere: bool) -> np.ndarray:
        """uint64 (N,); one number also decides the seeds of every later `reset()` without one, as several do."""
        seeds = common.checked_seeds(seed, self.num_envs)
        if everywhere and isinstance(seed, int | np.integer):
            super().reset(seed=seeds[0])
        elif everywhere and None not in seeds:
            self.np_random = np.random.default_rng(np.array(seeds, np.uint64))
        drawn = [int(self.np_random.integers(HELD_OUT_SEED)) if each is None else each for each in seeds]
        return np.array(drawn, np.uint64)

    def _begin(self, seeds: np.ndarray, which: np.ndarray) -> None:
        for part, here in self._shares(which):
            part.world.reset(seeds[here], which[here] - part.games.start)
        self._episodes.clear(which)
        self._over[which] = False

    def _shares(self, which: np.ndarray) -> Iterator[tuple[Part, np.ndarray]]:
        """Each part that plays some of the games ``which``, and which of them: bool like ``which``."""
        for part in self._parts:
            here = (part.games.start <= which) & (which < part.games.stop)
            if here.any():
                yield part, here

    def _observe(self, out, which: np.ndarray) -> None:
        """What the agent sees in the games ``which``, written into their rows of ``out``."""
        for part, here in self._shares(which):
            part.world.observe(out=_rows(out, part.games), which=which[here] - part.games.start)

    def _look(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Observations and info of all games as they are now."""
        out = self.world.new_observation(self.num_envs)
        self._observe(out, np.arange(self.num_envs))
        obs, self._masks = out
        return obs, masks_info(self._masks)

    def step(self, actions: np.ndarray):
        """Play ten ticks of every game: observations, rewards (N,), terminated (N,), truncated (N,), info."""
        actions = self._checked(actions)
        orders = [common.everyones_orders(part.world, part.opponent, actions[part.games]) for part in self._parts]
        with Unbroken():
            out = self.world.new_observation(self.num_envs)
            shares = zip(self._parts, orders, strict=True)
            played = [part.world.step(own, _rows(out, part.games)) for part, own in shares]
            rewards = np.concatenate([earned[:, AGENT] for earned, _, _ in played])
            terminated, truncated = (np.concatenate([each[place] for each in played]) for place in (1, 2))
            self._episodes.add(rewards, actions)
            if self._over.any():  # NEXT_STEP: what has just been played there does not count
                rewards[self._over], terminated[self._over], truncated[self._over] = 0, False, False
                which = np.flatnonzero(self._over)
                self._begin(self._next_seeds(which), which)
                self._observe(out, which)
            over = terminated | truncated
            info = self._finish(out, over) if over.any() else {}
            obs, self._masks = out
        return obs, rewards, terminated, truncated, info | masks_info(self._masks)

    def _checked(self, actions: Any) -> np.ndarray:
        """The actions of a step, int64 (N,), if it can be played."""
        if not self._masks.any():
            raise BadInput("no game has begun: call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            over = np.flatnonzero(self._over).tolist()
            raise BadInput(f'game {shown(over)} is over: call reset(options={{"reset_mask": terminated | truncated}})')
        return checked_actions("actions", actions, (self.num_envs,)).astype(np.int64)

    def _finish(self, out, over: np.ndarray) -> dict[str, Any]:
        """Sum up what ended; with SAME_STEP also keep the last observations, and start anew in the same arrays."""
        summary = self._episodes.summary([part.world for part in self._parts])
        info: dict[str, Any] = {"final_info": summary | {f"_{name}": over.copy() for name in summary}}
        info["_final_info"] = over.copy()
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._over = over
            return info
        last = ({name: of[i].copy() for name, of in out[0].items()} if over[i] else None for i in range(self.num_envs))
        info["final_obs"] = FinalObservations(last)
        info["_final_obs"] = over.copy()
        which = np.flatnonzero(over)
        self._begin(self._next_seeds(which), which)
        self._observe(out, which)
        return info

    def _next_seeds(self, which: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # 64-bit mixing wraps around by design
            bits = [rng.bits(rng.stream(int(self._seeds[i]), rng.SEED, 0), int(self._games[i])) for i in which]
        self._games[which] += 1
        return np.array([int(each) % HELD_OUT_SEED for each in bits], np.uint64)

    def action_masks(self) -> np.ndarray:
        """bool (N, 90): which actions have an effect now."""
        return self._masks.copy()

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture (height * render_scale, width * render_scale, 3) of each game, with render_mode="rgb_array"."""
        if self.render_mode is None:
            return None
        games = ((part.world, game) for part in self._parts for game in range(part.world.num_envs))
        return tuple(render_world(world, game, self._scale) for world, game in games)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything the games and their sums are made of, to continue exactly from here.

        Opponents that a policy plays choose from what they see, so nothing of theirs is kept: exact for networks and
        every other policy without a memory or random numbers of its own.
        """
        state = {}
        for start, part in self._named_parts():
            state |= {f"{start}world.{name}": value for name, value in part.world.state_dict().items()}
            state |= {start + name: value[part.games].copy() for name, value in self._counts().items()}
        return state

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Continue from a `state_dict`; returns the observations and info that the saved step returned."""
        check_arrays(self.state_dict(), arrays, "environment")
        for name, array in arrays.items():
            if name.endswith(("games", "lengths", "idle")) and (array < 0).any():
                raise BadInput(f"saved state of no possible environment: {name} counts, and is negative")
        for start, part in self._named_parts():
            own = f"{start}world."
            part.world.load_state_dict({n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)})
            for name, value in self._counts().items():
                value[part.games] = arrays[start + name]
        return self._look()

    def _named_parts(self) -> Iterator[tuple[str, Part]]:
        """The parts, each with what its names in a saved state begin with."""
        for number, part in enumerate(self._parts):
            yield f"{number}." if len(self._parts) > 1 else "", part

    def _counts(self) -> dict[str, np.ndarray]:
        """What is kept of each game besides its world, by its name in a saved state."""
        counts = {f"episodes.{name}": total for name, total in vars(self._episodes).items()}
        counts |= {"seeds": self._seeds, "games": self._games}
        return counts if self.autoreset_mode is AutoresetMode.SAME_STEP else counts | {"over": self._over}


def _rows(out, games: slice) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The rows of some games, of observations and masks of all."""
    return {name: of[games] for name, of in out[0].items()}, out[1][games]


def masks_info(masks: np.ndarray) -> dict[str, Any]:
    """Masks (N, 90) as gymnasium's batches hand out what a game says: beside them, which games said it."""
    return {"action_mask": masks.copy(), "_action_mask": np.ones(len(masks), np.bool_)}


class FinalObservations(np.ndarray):
    """One dictionary a game, or None, as gymnasium's batches have them; but its NumpyToTorch can convert them."""

    def __new__(cls, games: Iterable[dict[str, Any] | None]):
        wrapper = sys.modules.get("gymnasium.wrappers.array_conversion")
        if wrapper is not None and cls not in wrapper.array_conversion.registry:
            convert = wrapper.array_conversion
            convert.register(cls, lambda value, *how, **where: cls(convert(each, *how, **where) for each in value))
        return np.array([*games, None], object)[:-1].view(cls)  # None: NumPy would look into dictionaries alone


def checked_mode(mode: Any) -> AutoresetMode:
    """An autoreset mode from itself, its value ("SameStep") or its name ("SAME_STEP")."""
    for each in AutoresetMode:
        if mode is each or (isinstance(mode, str) and mode in (each.value, each.name)):
            return each
    names = ", ".join(each.name for each in AutoresetMode)
    raise BadInput(f"autoreset_mode must be one of {names}, got {shown(mode)}")
