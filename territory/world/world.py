"""A batch of games behind a plain NumPy interface: what environments, replays and benchmarks are built on."""

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np

from territory.errors import BadInput, as_array, lists, one_of, shown, whole
from territory.world import rules
from territory.world.actions import NUM_ACTIONS, SCRIPTED, checked_actions
from territory.world.engine import play_games, rebuild_games, start_games
from territory.world.layout import NUM_PLANES, NUM_STATS
from territory.world.params import WorldParams
from territory.world.state import OwnsArrays, check_arrays, check_state, empty_state, new_scratch
from territory.world.threads import Runner, num_threads

MOST_TILES = 2**28  # of a batch: 16,384 games of 128x128, some gigabytes
AGENT = 1  # the player that the environments' actions drive


class World(OwnsArrays):
    """`num_envs` games that run side by side, each with its own seed and its own random draws.

    Args:
        num_envs: how many games.
        params: what they are played with.
        terrain: uint8 (height, width) of 0 water, 1 plains, 2 highland, 3 mountain: one fixed map for all games
            instead of a new map from each seed.
        kinds: who sits where, "human", "bot" or "nation" for each player from 1 on; by default a human, then
            `params.opponents`. Any seat can be driven and any left to its script (a human's attacks as a bot does).
    """

    play_games = staticmethod(play_games)  # benchmarks play the same steps in another way

    def __init__(
        self,
        num_envs: int,
        params: WorldParams | None = None,
        terrain: np.ndarray | None = None,
        kinds: Sequence[str] | None = None,
    ):
        self.params = params or WorldParams()
        if not isinstance(self.params, WorldParams):
            raise BadInput(f"params must be WorldParams, got {shown(params)}")
        self.num_envs = whole("num_envs", num_envs, 1, MOST_TILES // (self.params.height * self.params.width))
        self.settings = self.params.settings()
        self.state = empty_state(self.num_envs, self.params)
        self.terrain, self.kinds = None, kinds  # as given, for replays
        self._fixed_map = np.zeros(0, np.uint8)
        if terrain is not None:
            self.terrain = checked_terrain(terrain)
            if self.terrain.shape != (sides := (self.params.height, self.params.width)):
                raise BadInput(f"a map is an array of shape {sides} here, got {self.terrain.shape}")
            self.params.check_room(np.count_nonzero(self.terrain))
            self._fixed_map = np.pad(self.terrain, 1).reshape(-1)  # with its border
        self._kinds = _kinds(kinds, self.params)
        self.empty: Callable[..., np.ndarray] = np.empty  # gives observations their memory
        self._runner = Runner()
        self._everyone = np.arange(self.num_envs)
        self._no_step = np.empty((0, 0), np.int32), np.empty((0, 0))
        self._no_sight = tuple(np.empty((0, *shape[1:]), kind) for shape, kind in self._layout)
        self._scratch = new_scratch(min(self.num_envs, num_threads()), self.params)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_scratch": None}  # most of it says nothing, and elsewhere there are other threads

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._scratch = new_scratch(min(self.num_envs, num_threads()), self.params)

    def reset(self, seeds: Sequence[int] | np.ndarray, which: np.ndarray | None = None) -> None:
        """Start the games `which` (indices; all of them by default) anew, one uint64 seed for each."""
        which = self._games(which)
        if not lists(seeds, which.size):
            raise BadInput(f"expected one seed for each of {which.size} games, got {shown(seeds)}")
        seeds = np.array([whole("a seed", seed, 0, 2**64 - 1) for seed in seeds], np.uint64)
        self._run(start_games, which.size, self._kinds, seeds, which, self._fixed_map)

    def step(self, actions: Any, out=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Play one step of every game: rewards float64 (N, P+1), by player, and terminated and truncated, bool (N,).

        The latter two are the agent's. ``actions``: int (N,) for the agent, or (N, P+1) for every player; -1 leaves a
        player to its script (column 0, nobody, is ignored), and a masked action has no effect. ``out``: a
        `new_observation` for what the agent sees then, cheaper than to `observe` afterwards, since threads share both.
        """
        orders = self.orders(actions)
        rewards = np.zeros((self.num_envs, self.params.num_players + 1))
        seen = self._no_sight if out is None else self._writable(out)
        self._play(self._everyone, orders, rewards, AGENT, seen)
        terminated = ~self.state.alive[:, AGENT] | self.has_won()
        truncated = ~terminated & (self.state.step >= self.params.max_steps)
        return rewards, terminated, truncated

    def orders(self, actions: Any) -> np.ndarray:
        """Actions as `step` takes them, checked, as a new int32 (N, P+1)."""
        orders = np.full((self.num_envs, self.params.num_players + 1), SCRIPTED, np.int32)
        given = checked_actions("actions", actions, (self.num_envs,), orders.shape, least=SCRIPTED)
        orders[:, slice(None) if given.ndim == 2 else AGENT] = given
        return orders

    def has_won(self, player: int = AGENT) -> np.ndarray:
        """bool (N,): the player owns `win_share` of the land, or is the last one alive."""
        last = self.state.alive.sum(axis=1) == 1
        player = self._seat(player)
        largest = self.state.tiles[:, player] >= self.params.win_share * self.state.land
        return self.state.alive[:, player] & (last | largest)

    def land_share(self, player: int = AGENT) -> np.ndarray:
        """float64 (N,): the player's share of the land."""
        self.check_begun()
        return self.state.tiles[:, self._seat(player)] / self.state.land

    def rank(self, player: int = AGENT) -> np.ndarray:
        """int (N,): 1 for the player with the most tiles; a dead player ranks last."""
        player = self._seat(player)
        larger = (self.state.tiles[:, 1:] > self.state.tiles[:, player, None]).sum(axis=1) + 1
        return np.where(self.state.alive[:, player], larger, self.params.num_players)

    def new_observation(self, games: int | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Room for what `observe` writes: ``{"map": uint8 (N, 5, H, W), "global": float32 (N, 16)}``, bool (N, 90).

        Of other worlds' ``games`` too, where there are more of them: each world writes into its own rows.
        """
        planes, stats, masks = (self.empty((games or self.num_envs, *shape[1:]), kind) for shape, kind in self._layout)
        return {"map": planes, "global": stats}, masks

    def observe(self, player: int = AGENT, out=None, which: np.ndarray | None = None):
        """Observations and masks of the games `which` through one player's eyes, into `out` (see new_observation).

        The rows of other games stay as they are: without `out`, they mean nothing.
        """
        out = out or self.new_observation()
        which, player = self._games(which), self._seat(player)
        self._play(which, *self._no_step, player, self._writable(out))
        return out

    def map_of(self, field: str) -> np.ndarray:
        """`terrain`, `owner` or `city` as uint8 (N, H, W): a view without the border."""
        shape = (self.num_envs, self.params.height + 2, self.params.width + 2)
        one_of("field", field, ("terrain", "owner", "city"))
        return getattr(self.state, field).reshape(shape)[:, 1:-1, 1:-1]

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of everything the games are made of."""
        return {name: value.copy() for name, value in self.state.saved().items()}

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a `state_dict`, exactly. Refuses one that no game can reach, before anything is changed."""
        saved = self.state.saved()
        check_arrays(saved, arrays, "world")
        check_state(arrays, self.params)
        for name, own in saved.items():
            own[...] = arrays[name]
        self.rebuild()

    def check_begun(self, which: np.ndarray | slice = slice(None)) -> None:
        """Refuse to go on where one of the games `which` is still to be reset."""
        if not self.state.land[which].all():
            raise BadInput("no game has begun: call reset() before step() or whatever looks at a game")

    def rebuild(self) -> None:
        """Draw the bitboards anew, after `state` was written to by hand."""
        self._run(rebuild_games, self.num_envs)

    @property
    def _layout(self) -> list[tuple]:
        """Shapes and types of an observation's planes, statistics and masks."""
        sides = self.params.height, self.params.width
        rows = ((NUM_PLANES, *sides), np.uint8), ((NUM_STATS,), np.float32), ((NUM_ACTIONS,), np.bool_)
        return [((self.num_envs, *shape), np.dtype(kind)) for shape, kind in rows]

    def _writable(self, out: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            planes, stats, masks = out[0]["map"], out[0]["global"], out[1]
            layout = [(each.shape, each.dtype) for each in (planes, stats, masks) if each.flags.carray]
            if layout == self._layout:
                return planes, stats, masks
        except (LookupError, TypeError, AttributeError):
            pass  # as below
        raise BadInput("out must be what new_observation() gives: arrays of the same shapes and types, to write to")

    def _seat(self, player: int) -> int:
        return whole("player", player, 1, self.params.num_players)

    def _games(self, which: np.ndarray | None) -> np.ndarray:
        """Indices of games, int64, all of them by default."""
        if which is None:
            return self._everyone
        which = as_array("which", which)
        if which.ndim != 1 or (which.size and which.dtype.kind not in "iu"):
            raise BadInput(f"which lists games by their number, got {which.dtype} {which.shape}")
        if which.size and not 0 <= which.min() <= which.max() < self.num_envs:
            raise BadInput(f"a game is 0 to {self.num_envs - 1}, got {which.min()} to {which.max()}")
        return which.astype(np.int64)

    def _play(self, which: np.ndarray, orders: np.ndarray, rewards: np.ndarray, player: int, seen: tuple) -> None:
        self.check_begun(which)
        kind = bool(orders.size), bool(seen[0].size)
        self._run(self.play_games, which.size, which, orders, self._scratch, rewards, player, seen, kind=kind)

    def _run(self, kernel, games: int, *arguments, kind: Any = None) -> None:
        threads = self._scratch.count.size
        self._runner.run(kernel, games, threads, self.state.game, self.settings, *arguments, kind=kind)


def _kinds(names: Sequence[str] | None, params: WorldParams) -> np.ndarray:
    """Who sits where, uint8 (P+1,): as named, or as usual."""
    if names is None:
        opponents = ("nation", "bot") if params.opponents == "mixed" else (params.opponents,)
        names = ["human", *islice(cycle(opponents), params.num_bots)]
    if not lists(names, params.num_players) or not all(isinstance(name, str) and name in rules.KINDS for name in names):
        raise BadInput(
            f"kinds names one of {', '.join(rules.KINDS)} for each of {params.num_players} players, got {shown(names)}"
        )
    return np.array([rules.HUMAN, *map(rules.KINDS.index, names)], np.uint8)


def checked_terrain(terrain: Any) -> np.ndarray:
    """A map as uint8 (H, W) of its own; BadInput unless it holds whole numbers, 0 water to 3 mountain."""
    said = "a map is an array (height, width) of 0 water, 1 plains, 2 highland, 3 mountain"
    given = as_array("a map", terrain)
    if given.ndim != 2 or given.size == 0 or given.dtype.kind not in "iuf" or given.size > MOST_TILES:
        raise BadInput(f"{said}; got {given.dtype} of shape {given.shape}")
    if not np.isin(given, range(len(rules.TERRAINS))).all():
        low, high = given.min(), given.max()
        raise BadInput(
            f"{said}; got values {low} to {high}: are they heights or colours? An image can be read as a map"
        )
    return given.astype(np.uint8)
