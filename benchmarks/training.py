"""Training: whole updates against Stable-Baselines3's, each in a process of its own; the game's share of ours.

Theirs stands as its users run it (the network's first layer written as torch's own convolution, memory left to the
system) and with what makes ours fast inside the network and the allocator. Ours stands as `territory train` is by
default, with one thing left at a time (memory to the system, products to MKL, every layer to torch's threads, waiting
to libgomp), and in its faster ways; bf16 only where the processor has instructions for it. `% of the product`: the
update's multiply-accumulates per second against those of one fp32 product of 2048 x 2048, measured in the same run.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from gymnasium.vector import VectorWrapper

from benchmarks.machine import flops_per_board, matrix_rate
from benchmarks.timing import Ratio, time_ratio
from benchmarks.workers import Work, compare
from territory import models
from territory.cli import BRIEF_WAIT
from territory.errors import BadInput
from territory.models.map_conv import plain_convolutions
from territory.profiling import LatencyRecord
from territory.training import PPO, TrainConfig, parts
from territory.training.build import make_envs, make_model, pick_device
from territory.training.config import FIXED_SIZE_MODEL
from territory.training.fast import has_bf16

PLAIN = {"ours": {}, "ours, memory left": {"keep_memory": False}, "ours in bf16": {"precision": "bf16"}}
LONG_WAIT = "300000"  # libgomp's own
COMPILED = {"ours compiled": {"compile": True}, "ours in bf16, compiled": {"precision": "bf16", "compile": True}}


class StepClock(VectorWrapper):
    """Adds up the seconds that `step` takes."""

    seconds = 0.0

    def step(self, actions):
        """As the wrapped environment's."""
        start = time.perf_counter()
        result = self.env.step(actions)
        self.seconds += time.perf_counter() - start
        return result


def run(small: bool, quick: bool = False, networks: Sequence[str] = (), preload: str | None = None) -> list[Ratio]:
    """For each network: their trainer against ours, plain and in faster ways, and the game's share of ours.

    ``quick``: half a minute for each network, nothing compiled. ``preload``: another allocator to try.
    """
    if importlib.util.find_spec("stable_baselines3") is None:
        raise BadInput("the peer is not installed: pip install stable-baselines3")
    base = TrainConfig(device="cpu", num_steps=32)
    if small:
        base = replace(base, height=64, width=64, num_envs=2, num_steps=4, minibatch_size=4)
    bf16 = has_bf16(pick_device(base.device))
    names = [name for name in networks or models.names() if not (small and name == FIXED_SIZE_MODEL)]
    ways = {"ours": {}} if small else PLAIN if quick else PLAIN | COMPILED
    ways = {name: way for name, way in ways.items() if bf16 or way.get("precision") != "bf16"}
    repeats = 2 if small else 5 if quick else 7
    ratios = []
    for config in [replace(base, model=name) for name in names]:
        ratios += _against_peer(config, repeats, ways, preload, small)
        ratios += [_share_of_game(config, updates=2 if small else 3)]
    return ratios


def _against_peer(config: TrainConfig, repeats: int, ways: dict, preload: str | None, small: bool) -> list[Ratio]:
    """Whole updates by turns, games and optimiser's passes included: how many times our steps/s theirs are below."""
    theirs = f"{config.model}, Stable-Baselines3's update"
    works = {theirs: Work(partial(_their_update, config, plain=True))}
    if not small:
        works[f"{theirs}, our layer and memory"] = Work(partial(_their_update, config), keep_memory=True)
    updates = replace(config, total_timesteps=(1 + repeats) * config.batch_size)
    ours = {name: partial(_our_update, replace(updates, **way)) for name, way in ways.items()}
    works |= {name: Work(update, environment=BRIEF_WAIT) for name, update in ours.items()}
    if not small:
        for left in ("products", "layers"):
            works[f"ours, {left} left"] = Work(partial(_our_update, updates, left=left), environment=BRIEF_WAIT)
        works["ours, long waits"] = Work(ours["ours"], environment=dict.fromkeys(BRIEF_WAIT, LONG_WAIT))
    if preload:
        without = partial(_our_update, replace(updates, keep_memory=False))
        works["ours, another allocator"] = Work(without, environment=BRIEF_WAIT | {"LD_PRELOAD": preload})
    records = {record.name: record for record in compare(works, repeats)}
    flops, rate = _flops_of_update(config), matrix_rate(repeats=2 if small else 7)
    peers = [records.pop(name) for name in list(records) if name.startswith(theirs)]

    def pace(record: LatencyRecord) -> str:
        return f"{config.batch_size / record.median:,.0f} steps/s ({flops / record.median / rate:.0%} of the product)"

    return [
        time_ratio(peer, record, f"{pace(record)} against their {config.batch_size / peer.median:,.0f}")
        for peer in peers
        for record in records.values()
    ]


def _their_update(config: TrainConfig, plain: bool = False) -> Callable[[], object]:
    from benchmarks.sb3 import make_peer

    learn = partial(make_peer(config).learn, config.batch_size, reset_num_timesteps=False)

    def update() -> None:
        with plain_convolutions() if plain else nullcontext():
            learn()

    return update


def _our_update(config: TrainConfig, left: str = "") -> Callable[[], object]:
    if left == "products":
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"  # pyright: ignore[reportAttributeAccessIssue]
    if left == "layers":
        parts.MOST = 1
    return partial(next, PPO(config).updates())


def _flops_of_update(config: TrainConfig) -> int:
    """Each board is seen once forward in its game, then forward and backward in every epoch."""
    forward, backward = flops_per_board(make_model(config))  # of a board of 128x128
    per_tile = (config.height * config.width) / 128**2
    boards = config.batch_size * per_tile
    return int(boards * (forward + config.update_epochs * (forward + backward)))


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
