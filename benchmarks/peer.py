"""Tile updates, beside the public conquest game on a grid that pip can install: one game each, played at random.

A tile update is one tile that the rules may change in one tick: generals-bots moves a 23x23 grid by one tick a step,
Territory a 128x128 map by ten. Both give observations (generals-bots to two players). Choosing is not timed.
"""

import time

import numpy as np

from benchmarks.timing import Ratio, time_ratio
from territory.envs import TerritoryEnv
from territory.envs.opponents import RandomPolicy
from territory.errors import BadInput
from territory.profiling import LatencyRecord

SIDE = 23  # the largest grid that generals-bots makes by default
INSTALL = "pip install scipy; pip install --no-deps generals-bots==2.5.0"  # its pin of numba is older than ours


def run(small: bool) -> list[Ratio]:
    """Seconds for a tile update in each."""
    rounds, steps = (3, 3) if small else (25, 40)
    territory, generals = _territory(steps), _generals(steps)
    for play in (territory, generals):
        play()  # compile and warm up
    seconds = np.array([[territory(), generals()] for _ in range(rounds)])
    ours, theirs = (
        _record(name, column) for name, column in zip(("Territory", "generals-bots"), seconds.T, strict=True)
    )
    return [time_ratio(theirs, ours, f"{1 / theirs.median:,.0f} against {1 / ours.median:,.0f} tile updates/s")]


def _territory(steps: int):
    """A function that plays some steps and gives the seconds that one tile update took."""
    env, policy = TerritoryEnv(), RandomPolicy(seed=0)
    tiles = env.params.height * env.params.width * env.params.ticks_per_step
    now = env.reset(seed=0)

    def play() -> float:
        nonlocal now
        stepping = 0.0
        for _ in range(steps):
            obs, info = now
            batch = {name: value[None] for name, value in obs.items()}
            action = int(policy(batch, info["action_mask"][None])[0])
            start = time.perf_counter()
            obs, _, terminated, truncated, info = env.step(action)
            stepping += time.perf_counter() - start
            now = env.reset() if terminated or truncated else (obs, info)
        return stepping / (steps * tiles)

    return play


def _generals(steps: int):
    try:
        from generals import GridFactory, PettingZooGenerals  # pyright: ignore[reportMissingImports] -- see INSTALL
        from generals.agents import RandomAgent  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise BadInput(f"the peer is not installed ({error}): {INSTALL}") from error
    players = {name: RandomAgent(name) for name in ("A", "B")}
    env = PettingZooGenerals(list(players), GridFactory(min_grid_dims=(SIDE, SIDE), max_grid_dims=(SIDE, SIDE)))
    now, _ = env.reset(seed=0)

    def play() -> float:
        nonlocal now
        stepping = 0.0
        for _ in range(steps):
            actions = {name: player.act(now[name]) for name, player in players.items()}
            start = time.perf_counter()
            now, _, terminated, truncated, _ = env.step(actions)
            stepping += time.perf_counter() - start
            if terminated or truncated:
                now, _ = env.reset()
        return stepping / (steps * SIDE * SIDE)

    return play


def _record(name: str, seconds: np.ndarray) -> LatencyRecord:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return LatencyRecord(f"a tile update of {name}", float(median), float(low), float(high), len(seconds))
