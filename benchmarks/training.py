"""Training: how much of it the game takes, and what bf16 brings on this processor."""

import time
from dataclasses import replace

import numpy as np
from gymnasium.vector import VectorWrapper

from benchmarks.timing import Ratio, time_ratio
from territory.profiling import LatencyRecord, compare_calls
from territory.training import PPO, TrainConfig
from territory.training.build import make_envs


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
    """A whole update against its environment steps; an optimiser's pass in bf16 against one in fp32."""
    config = TrainConfig(device="cpu", num_steps=32)
    if small:
        config = replace(config, height=64, width=64, num_envs=2, num_steps=4, minibatch_size=4)
    return [_share_of_game(config, updates=2 if small else 5), _half_precision(config, repeats=2 if small else 7)]


def _share_of_game(config: TrainConfig, updates: int) -> Ratio:
    """Updates of one run, without the first: it pays for caches and kernel choice."""
    clock = StepClock(make_envs(config))
    ppo = PPO(replace(config, total_timesteps=(1 + updates) * config.batch_size), clock)
    whole, stepping = [], []
    for update in ppo.updates():
        whole.append(config.batch_size / update.steps_per_second)
        stepping.append(clock.seconds)
        clock.seconds = 0.0
    update, game = _record("a PPO update", whole[1:]), _record("its environment steps", stepping[1:])
    return time_ratio(update, game, f"the game takes {game.median / update.median:.1%} of training")


def _half_precision(config: TrainConfig, repeats: int) -> Ratio:
    """One pass over the same rollout in each precision."""
    runs = {p: PPO(replace(config, precision=p, update_epochs=1)) for p in ("fp32", "bf16")}
    for ppo in runs.values():
        ppo.collect()
    fp32, bf16 = compare_calls({f"a training pass in {p}": ppo.improve for p, ppo in runs.items()}, repeats, warmup=1)
    return time_ratio(bf16, fp32)


def _record(name: str, seconds: list[float]) -> LatencyRecord:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return LatencyRecord(name, float(median), float(low), float(high), len(seconds))
