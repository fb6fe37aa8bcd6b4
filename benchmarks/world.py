"""The game: environment steps (ten ticks, observation, mask, new games when one ends), under random allowed actions."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from sb3_contrib.common.maskable.utils import get_action_masks
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.naive import play_games
from benchmarks.timing import Ratio, time_ratio
from territory.envs import SB3VecEnv, TerritoryEnv, TerritoryVectorEnv
from territory.envs.opponents import RandomPolicy
from territory.profiling import LatencyRecord, compare_calls
from territory.world import World, threads
from territory.world.compiled import entry

FEW, MANY = 5, 50  # bots


class Games:
    """A vector environment and someone who plays it: each call plays a few steps on from where the last one ended."""

    def __init__(self, envs, steps: int):
        self.envs, self.steps = envs, steps
        self.policy = RandomPolicy(seed=0)
        self.obs, info = envs.reset(seed=0)
        self.mask = info["action_mask"]

    def __call__(self) -> None:
        for _ in range(self.steps):
            self.obs, _, _, _, info = self.envs.step(self.policy(self.obs, self.mask))
            self.mask = info["action_mask"]


def run(small: bool) -> list[Ratio]:
    """Naive engine, number of bots, single environments, and the price of a new game."""
    side, games, steps, repeats = (64, 2, 2, 2) if small else (128, 64, 5, 25)
    warmup = 1 if small else 3
    sizes: dict[str, Any] = {"height": side, "width": side}
    native = {bots: Games(TerritoryVectorEnv(games, num_bots=bots, **sizes), steps) for bots in (FEW, MANY)}
    naive = {bots: Games(_naive(games, num_bots=bots, **sizes), steps) for bots in (FEW, MANY)}
    singles = Games(_singles(games, num_bots=FEW, **sizes), steps)
    ours, theirs = _under_sb3(2 if small else 12, 2 if small else 40)
    world = native[FEW].envs.world
    out, copies = world.new_observation(), _Copies(world)
    resets = World(games, world.params)
    seeds = np.random.default_rng(0)
    calls = {
        f"{games} games, {FEW} bots": native[FEW],
        f"{games} games, {MANY} bots": native[MANY],
        f"naive engine, {FEW} bots": naive[FEW],
        f"naive engine, {MANY} bots": naive[MANY],
        f"SyncVectorEnv of {games}": singles,
        f"SB3VecEnv of {ours.envs.num_envs}": ours,
        f"SB3's DummyVecEnv of {ours.envs.num_envs}": theirs,
        f"{games} new games": lambda: resets.reset(seeds.integers(1_000_000, size=games)),
        f"{games} observations": lambda: world.observe(out=out),
        "copying as many bytes": copies,
    }
    few, many, naive_few, naive_many, single, adapter, dummy, new, observe, copy = compare_calls(calls, repeats, warmup)
    for bots in (FEW, MANY):
        _check_same_game(native[bots].envs.world, naive[bots].envs.world)
    pairs = [(naive_few, few), (naive_many, many), (many, few), (single, few)]
    ratios = [time_ratio(what, peer, _rates(games * steps, what, peer)) for what, peer in pairs]
    ratios.append(time_ratio(dummy, adapter, _rates(ours.envs.num_envs * ours.steps, dummy, adapter)))
    new_game = f"{1000 * new.median / games:.2f} ms a game"
    observing = time_ratio(observe, copy, f"{copies.gigabytes / observe.median:.1f} GB/s read and written")
    return [*ratios, time_ratio(new, _one_step(few, steps), new_game), observing]


class _Copies:
    """What observing can't be quicker than: each game's cells read, and as much written as its planes hold."""

    def __init__(self, world: World):
        state, (obs, _) = world.state, world.new_observation()
        cells = np.concatenate([state.owner, state.terrain, state.city], axis=1)
        self.cells, self.planes = cells, obs["map"].reshape(world.num_envs, -1)
        self.runner = threads.Runner()
        self.gigabytes = (self.cells.nbytes + self.planes.nbytes) / 1e9

    def __call__(self) -> None:
        self.runner.run(_copy, len(self.cells), threads.num_threads(), self.cells, self.planes)


@entry
def _copy(n, _thread, source, target):
    size = source.shape[1]
    target[n, :size] = source[n]
    target[n, size:] = source[n, : target.shape[1] - size]


def _naive(games: int, **options) -> TerritoryVectorEnv:
    envs = TerritoryVectorEnv(games, **options)
    envs.world.play_games = play_games
    return envs


def _singles(games: int, **options) -> SyncVectorEnv:
    return SyncVectorEnv([lambda: TerritoryEnv(**options)] * games, autoreset_mode=AutoresetMode.SAME_STEP)


class _UnderSB3(Games):
    """The same with an environment of Stable-Baselines3."""

    def __init__(self, envs: VecEnv, steps: int):
        self.envs, self.steps = envs, steps
        self.policy = RandomPolicy(seed=0)
        self.obs: Any = envs.reset()

    def __call__(self) -> None:
        for _ in range(self.steps):
            mask = get_action_masks(self.envs)
            self.obs, *_ = self.envs.step(self.policy(self.obs, mask))


def _under_sb3(games: int, steps: int) -> tuple[_UnderSB3, _UnderSB3]:
    """64x64, as one trains on a laptop: our adapter, and their own batch of single games."""
    options: dict[str, Any] = {"height": 64, "width": 64, "num_bots": FEW}
    theirs = make_vec_env("Territory-v0", n_envs=games, env_kwargs=options)
    return _UnderSB3(SB3VecEnv(games, **options), steps), _UnderSB3(theirs, steps)


def _check_same_game(world: World, yardstick: World) -> None:
    """A ratio between two different games would mean nothing."""
    other = yardstick.state_dict()
    differing = [name for name, value in world.state_dict().items() if not np.array_equal(value, other[name])]
    if differing:
        raise AssertionError(f"the naive engine played another game: {', '.join(differing)} differ")


def _one_step(record: LatencyRecord, steps: int) -> LatencyRecord:
    times = (record.median / steps, record.low / steps, record.high / steps)
    return LatencyRecord(f"a step of {record.name}", *times, record.repeats)


def _rates(steps: int, what: LatencyRecord, against: LatencyRecord) -> str:
    return f"{steps / what.median:,.0f} against {steps / against.median:,.0f} steps/s"
