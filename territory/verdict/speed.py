"""Claims about time, as ratios of the two networks taking turns. They are of the machine they are measured on."""

from statistics import median
from time import perf_counter
from typing import Any

import torch

from territory.profiling import compare_latency, example_inputs, macs_table
from territory.training import TrainConfig, iterate
from territory.verdict import rules
from territory.verdict.evidence import Evidence
from territory.verdict.ledger import Finding, claims_of

claim = claims_of("speed")
ROUNDS = 3  # of training updates, after one that isn't counted


@claim("forward", "Memory Usage", "a forward pass of one observation, old over new (8 ms against 6)", "1.33x")
def forward(evidence: Evidence) -> Finding:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    networks = {name: model.to(device) for name, model in evidence.networks.items()}
    old, new = compare_latency(networks, example_inputs(device=device), repeats=100, warmup=10)
    for model in networks.values():
        model.to("cpu")
    ratio, low, high = old.median / new.median, old.low / new.high, old.high / new.low
    times = (f"{1e3 * each.median:.1f} ms [{1e3 * each.low:.1f}, {1e3 * each.high:.1f}]" for each in (old, new))
    note = f"{' against '.join(times)} on this machine's {device}"
    numbers = {"ratio": ratio, "low": low, "high": high}
    return Finding(rules.speedup(low, high, 8 / 6), f"{ratio:.2f}x [{low:.2f}, {high:.2f}]", numbers, note)


def training_ratios(num_envs: int, steps: int) -> list[float]:
    """How many times as many environment steps per second the new network trains, updates taking turns: each pair.

    Training builds its networks itself: it is always the registry's two.
    """
    config: dict[str, Any] = {
        "num_envs": num_envs,
        "num_steps": steps,
        "num_bots": 5,
        "device": "cpu",
        "minibatch_size": 64,
    }
    runs = {
        name: iterate(TrainConfig(model=name, total_timesteps=(ROUNDS + 2) * num_envs * steps, **config))
        for name in ("baseline", "attention")
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, run in runs.items():
            start = perf_counter()
            next(run)
            times[name].append(perf_counter() - start)
    for run in runs.values():
        run.close()
    return sorted(old / new for old, new in zip(times["baseline"][1:], times["attention"][1:], strict=True))


def _steps(num_envs: int, steps: int, claimed: float) -> Finding:
    ratios = training_ratios(num_envs, steps)
    low, ratio, high = ratios[0], median(ratios), ratios[-1]
    note = f"acting and learning on this machine's CPU, lowest and highest of {len(ratios)} pairs of updates"
    numbers = {"ratio": ratio, "low": low, "high": high}
    return Finding(rules.speedup(low, high, claimed), f"{ratio:.2f}x [{low:.2f}, {high:.2f}]", numbers, note)


@claim("one-env", "Training Speed (estimated)", "training steps per second with one game (45 to 60)", "1.33x")
def one_env(evidence: Evidence) -> Finding:
    return _steps(1, 64, 60 / 45)


@claim("twelve-envs", "Training Speed (estimated)", "training steps per second with twelve games (400 to 550)", "1.37x")
def twelve_envs(evidence: Evidence) -> Finding:
    return _steps(12, 16, 550 / 400)


@claim("focus", "Computational Efficiency", "attention spends computation where it is needed")
def focus(evidence: Evidence) -> Finding:
    """If it did, the work would depend on the map."""
    maps, stats = evidence.boards(4)
    works = {
        sum(record.macs for record in macs_table(evidence.new, (maps[i : i + 1], stats[i : i + 1]))) for i in (0, 3)
    }
    blank = sum(record.macs for record in macs_table(evidence.new))
    same = works == {blank}
    note = "a gate multiplies what has already been computed for every cell"
    figure = f"{blank / 1e6:.1f} million multiply-adds" + (", whatever the map" if same else ", depending on the map")
    return Finding(rules.holds([not same]), figure, {"macs": blank}, note)
