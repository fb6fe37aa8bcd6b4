"""Training: against Stable-Baselines3, how much of it the game takes, what bf16 and torch.compile bring here."""

import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from gymnasium.vector import VectorWrapper

from benchmarks.timing import Ratio, time_ratio
from territory import models
from territory.errors import BadInput
from territory.profiling import LatencyRecord, compare_calls
from territory.training import PPO, TrainConfig
from territory.training.build import make_envs
from territory.training.config import FIXED_SIZE_MODEL

OURS = {
    "ours": {},
    "ours in bf16": {"precision": "bf16"},
    "ours compiled": {"compile": True},
    "ours in bf16, compiled": {"precision": "bf16", "compile": True},
}


class StepClock(VectorWrapper):
    """Adds up the seconds that `step` takes."""

    seconds = 0.0

    def step(self, actions):
        """As the wrapped environment's."""
        start = time.perf_counter()
        result = self.env.step(actions)
        self.seconds += time.perf_counter() - start
        return result


def run(small: bool) -> list[Ratio]:
    """For each network: their trainer against ours, plain and in faster ways, and the game's share of ours."""
    base = TrainConfig(device="cpu", num_steps=32)
    if small:
        base = replace(base, height=64, width=64, num_envs=2, num_steps=4, minibatch_size=4)
    names = [name for name in models.names() if not (small and name == FIXED_SIZE_MODEL)]
    ratios = []
    for config in [replace(base, model=name) for name in names]:
        ratios += _against_peer(config, 2 if small else 7, {"ours": {}} if small else OURS)
        ratios += [_share_of_game(config, updates=2 if small else 5)]
    return ratios


def _against_peer(config: TrainConfig, repeats: int, ours: dict[str, dict[str, Any]]) -> list[Ratio]:
    """Whole updates by turns, games and optimiser's passes included: how many times our steps/s theirs are below."""
    try:
        from benchmarks.sb3 import make_peer
    except ImportError as error:
        raise BadInput(f"the peer is not installed ({error}): pip install stable-baselines3") from error
    peer = make_peer(config)
    learn = partial(peer.learn, config.batch_size, reset_num_timesteps=False)
    calls = {f"{config.model}, Stable-Baselines3's update": learn}
    for name, way in ours.items():
        ppo = PPO(replace(config, total_timesteps=(1 + repeats) * config.batch_size, **way))
        calls[name] = partial(next, ppo.updates())
    theirs, *records = compare_calls(calls, repeats, warmup=1)
    return [time_ratio(theirs, record, _rates(config, record, theirs)) for record in records]


def _rates(config: TrainConfig, ours: LatencyRecord, theirs: LatencyRecord) -> str:
    rates = [config.batch_size / record.median for record in (ours, theirs)]
    return "{:,.0f} steps/s against their {:,.0f}".format(*rates)


def _share_of_game(config: TrainConfig, updates: int) -> Ratio:
    """Updates of one run, without the first: it pays for caches and kernel choice."""
    clock = StepClock(make_envs(config))
    ppo = PPO(replace(config, total_timesteps=(1 + updates) * config.batch_size), clock)
    whole, stepping = [], []
    for update in ppo.updates():
        whole.append(config.batch_size / update.steps_per_second)
        stepping.append(clock.seconds)
        clock.seconds = 0.0
    name = f"{config.model}, a PPO update"
    update, game = _record(name, whole[1:]), _record("its environment steps", stepping[1:])
    return time_ratio(update, game, f"the game takes {game.median / update.median:.1%} of training")


def _record(name: str, seconds: list[float]) -> LatencyRecord:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return LatencyRecord(name, float(median), float(low), float(high), len(seconds))
