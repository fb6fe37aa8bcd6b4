"""The networks on boards of real games: parameters, multiply-accumulates and time, in fp32 and, where it has it, bf16.

Against `attention`; `baseline` against `tokens`; and each in bf16 against itself. A training step is forward, backward
and Adam, with maps laid and freed memory kept as in training. `% of the product`: multiply-accumulates per second
against those of one product of 2048 x 2048 in fp32, measured in the same run.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

import territory  # noqa: F401 -- registers Territory-v0
from benchmarks.machine import flops_per_board, matrix_rate
from benchmarks.timing import Ratio, milliseconds, time_ratio
from territory import models
from territory.envs.opponents import RandomPolicy
from territory.profiling import LatencyRecord, compare_calls, macs_table, parameter_table
from territory.training import TrainConfig
from territory.training.build import make_model, memory_layout
from territory.training.fast import TrainingStep, has_bf16, keep_freed_memory

PEER = "attention"
GOAL = ("baseline", "tokens")  # the first's training step is to take at least 3.5 times as long as the second's
BATCHES = (1, 12, 128, 256)
GAMES, OPENING = 16, 40  # games that boards are taken from, and their first step that is
CPU = torch.device("cpu")
PRECISIONS = {"fp32": ""} | ({"bf16": " in bf16"} if has_bf16(CPU) else {})


def run(small: bool, quick: bool = False) -> list[Ratio]:
    """Costs that do not depend on the machine first, then those that do. ``quick``: half as many repeats."""
    networks = {name: make_model(TrainConfig(model=name)) for name in models.names()}
    counts = {
        "parameters": {name: sum(r.parameters for r in parameter_table(net)) for name, net in networks.items()},
        "MACs": {name: sum(r.macs for r in macs_table(net)) for name, net in networks.items()},
    }
    ratios = [ratio for what, values in counts.items() for ratio in _counted(what, values)]
    keep_freed_memory()
    batches = (1, 2) if small else BATCHES
    boards, rate = real_boards(max(batches)), matrix_rate(repeats=2 if small else 9)
    for batch in batches:
        repeats = 2 if small else (6 if batch > 100 else 25) // (2 if quick else 1)
        ratios += _timed(networks, boards, batch, repeats, rate)
    return ratios


def real_boards(number: int) -> tuple[Tensor, Tensor]:
    """Observations of games against five bots in which the agent plays at random: maps and statistics."""
    envs, policy = gymnasium.make_vec("Territory-v0", num_envs=GAMES, num_bots=5), RandomPolicy(seed=0)
    obs, info = envs.reset(seed=7)
    kept = []
    for step in range(OPENING + -(-number // GAMES)):
        if step >= OPENING:
            kept.append({name: value.copy() for name, value in obs.items()})
        obs, _, _, _, info = envs.step(policy(obs, info["action_mask"]))
    envs.close()
    maps, stats = (torch.from_numpy(np.concatenate([each[name] for each in kept])) for name in ("map", "global"))
    return maps[:number], stats[:number]


def _counted(what: str, counts: dict[str, int]) -> list[Ratio]:
    """Exact, so without spread."""
    return [
        Ratio(f"{name}, {what}", PEER, times, times, times, f"{count:,} against {counts[PEER]:,}")
        for name, count in counts.items()
        if name != PEER
        for times in [count / counts[PEER]]
    ]


def _timed(networks: dict[str, nn.Module], boards: Any, batch: int, repeats: int, rate: float) -> list[Ratio]:
    inputs = {name: _laid_for(network, boards, batch) for name, network in networks.items()}
    calls: dict[str, Callable[[], object]] = {}
    for name, network in networks.items():
        calls[f"{name}, forward, batch {batch}"] = partial(_forward, network, inputs[name])
        for precision, suffix in PRECISIONS.items():
            copied = make_model(TrainConfig(model=name))
            calls[f"{name}{suffix}, training step, batch {batch}"] = TrainingStep(copied, inputs[name], precision)
    records = {record.name: record for record in compare_calls(calls, repeats, warmup=2)}
    work = {name: np.array(flops_per_board(network)) * batch for name, network in networks.items()}

    def ratio(what: str, against: str) -> Ratio:
        return time_ratio(records[what], records[against], f"{said(what)} against {said(against)}")

    def said(name: str) -> str:
        network, _, mode = name.partition(",")
        flops = work[network.removesuffix(" in bf16")]
        return f"{milliseconds(records[name])} ({_share(flops, mode, records[name], rate)})"

    step, forward = f", training step, batch {batch}", f", forward, batch {batch}"
    others = [name for name in networks if name != PEER]
    pairs = [(f"{name}{mode}", f"{PEER}{mode}") for mode in (forward, step) for name in others]
    pairs += [(GOAL[0] + suffix + step, GOAL[1] + suffix + step) for suffix in PRECISIONS.values()]
    pairs += [(name + step, f"{name} in bf16{step}") for name in networks if "bf16" in PRECISIONS]
    return [ratio(*pair) for pair in pairs]


def _share(flops: np.ndarray, mode: str, record: LatencyRecord, rate: float) -> str:
    """Of the matrix product's rate; ``flops``: forward and backward."""
    done = flops.sum() if "training" in mode else flops[0]
    return f"{done / record.median / rate:.0%} of the product"


def _laid_for(network: nn.Module, boards: tuple[Tensor, Tensor], batch: int) -> tuple[Tensor, Tensor]:
    """The first ``batch`` boards, laid in memory as a rollout lays them for this network."""
    maps, stats = boards
    return maps[:batch].contiguous(memory_format=memory_layout(CPU, network)), stats[:batch]


@torch.inference_mode()
def _forward(network: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
    network.eval()(*inputs)
