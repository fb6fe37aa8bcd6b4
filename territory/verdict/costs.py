"""Claims about bytes, on disk and while training, and about time.

Times are ratios of the two networks taking turns; they are of the machine they are measured on.
"""

from functools import partial
from statistics import median
from typing import Any

import torch
from safetensors.torch import save

from territory.profiling import compare_latency, example_inputs, macs_table, peak_memory
from territory.stats import take_turns
from territory.training import TrainConfig, iterate
from territory.verdict import rules
from territory.verdict.evidence import Evidence, Finding, claims_of

sizes, speed = claims_of("sizes"), claims_of("speed")
ROUNDS = 3  # of training updates, after one that isn't counted


def disk(model: torch.nn.Module) -> float:
    """Megabytes (10^6 bytes) of a checkpoint file with all its weights."""
    return len(save(model.state_dict())) / 1e6


@sizes("disk", "Memory Usage", "model size on disk, old and new", "27 MB and 2 MB")
def disk_sizes(evidence: Evidence) -> Finding:
    found = {name: disk(model) for name, model in evidence.networks.items()}
    verdict = rules.printed(list(found.values()), [27, 2], [0, 0])
    return Finding(verdict, " and ".join(f"{size:.1f} MB" for size in found.values()), found)


@sizes("disk-ratio", "Memory Usage", "how many times smaller the file is", "13x")
def disk_ratio(evidence: Evidence) -> Finding:
    ratio = disk(evidence.old) / disk(evidence.new)
    return Finding(rules.printed([ratio], [13], [0]), f"{ratio:.1f}x", {"ratio": ratio})


@sizes("gpu-memory", "Memory Usage", "GPU memory, old over new (400 MB against 150 MB)", "2.7x less")
def gpu_memory(evidence: Evidence) -> Finding:
    """At batch 128, which the document gives as the old network's; it doesn't say what its megabytes are of.

    The tensors of a training step are as large on any device, so they are counted on the CPU.
    """
    peaks = {name: peak_memory(model, example_inputs(128)).peak / 1e6 for name, model in evidence.networks.items()}
    ratio = peaks["old"] / peaks["new"]
    figure = f"{ratio:.2f}x ({peaks['old']:.0f} MB, {peaks['new']:.0f} MB)"
    note = "tensors of a training step at batch 128; what a GPU's allocator adds is not counted"
    return Finding(rules.times(ratio, 400 / 150), figure, peaks | {"ratio": ratio}, note)


@sizes("batch", "Training Speed (estimated)", "in the old network's memory at batch 128 the new one takes", "batch 256")
def batch(evidence: Evidence) -> Finding:
    """Activations grow with the batch, all else is fixed: two measurements make the line."""
    room = peak_memory(evidence.old, example_inputs(128)).peak
    small, large = (peak_memory(evidence.new, example_inputs(size)).peak for size in (32, 64))
    each = (large - small) / 32
    largest = int(64 + (room - large) / each)
    note = f"{room / 1e6:.0f} MB of tensors, {each / 1e6:.2f} MB an example"
    return Finding(rules.holds([largest >= 256, largest > 128]), f"batch {largest}", {"batch": largest}, note)


@speed("forward", "Memory Usage", "a forward pass of one observation, old over new (8 ms against 6)", "1.33x")
def forward(evidence: Evidence) -> Finding:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    networks = {name: model.to(device) for name, model in evidence.networks.items()}
    old, new = compare_latency(networks, example_inputs(device=device), repeats=100, warmup=10)
    for model in networks.values():
        model.to("cpu")
    times = (f"{1e3 * each.median:.1f} ms [{1e3 * each.low:.1f}, {1e3 * each.high:.1f}]" for each in (old, new))
    note = f"{' against '.join(times)} on this machine's {device}"
    return _speedup(old.low / new.high, old.median / new.median, old.high / new.low, 8 / 6, note)


def _speedup(low: float, ratio: float, high: float, claimed: float, note: str) -> Finding:
    numbers = {"ratio": ratio, "low": low, "high": high}
    return Finding(rules.speedup(low, high, claimed), f"{ratio:.2f}x [{low:.2f}, {high:.2f}]", numbers, note)


def _steps(num_envs: int, steps: int, claimed: float) -> Finding:
    """How many times as many environment steps per second the new network trains, updates taking turns, by pairs.

    Training builds its networks itself: it is always the registry's two.
    """
    config: dict[str, Any] = {"num_envs": num_envs, "num_steps": steps, "minibatch_size": 64, "device": "cpu"}
    config["total_timesteps"] = (ROUNDS + 2) * num_envs * steps
    runs = [iterate(TrainConfig(model=name, **config)) for name in ("baseline", "attention")]
    old, new = take_turns([partial(next, run) for run in runs], ROUNDS + 1)[1:].T
    for run in runs:
        run.close()
    ratios = sorted((old / new).tolist())
    note = f"acting and learning on this machine's CPU, lowest and highest of {len(ratios)} pairs of updates"
    return _speedup(ratios[0], median(ratios), ratios[-1], claimed, note)


@speed("one-env", "Training Speed (estimated)", "training steps per second with one game (45 to 60)", "1.33x")
def one_env(evidence: Evidence) -> Finding:
    return _steps(1, 64, 60 / 45)


@speed("twelve-envs", "Training Speed (estimated)", "training steps per second with twelve games (400 to 550)", "1.37x")
def twelve_envs(evidence: Evidence) -> Finding:
    return _steps(12, 16, 550 / 400)


@speed("focus", "Computational Efficiency", "attention spends computation where it is needed")
def focus(evidence: Evidence) -> Finding:
    """If it did, the work would depend on the map."""
    maps, stats = evidence.boards(4)
    boards = [None, (maps[:1], stats[:1]), (maps[3:], stats[3:])]  # the first is blank
    blank, *others = (sum(record.macs for record in macs_table(evidence.new, board)) for board in boards)
    same = {*others} == {blank}
    note = "a gate multiplies what has already been computed for every cell"
    figure = f"{blank / 1e6:.1f} million multiply-adds" + (", whatever the map" if same else ", depending on the map")
    return Finding(rules.holds([not same]), figure, {"macs": blank}, note)
