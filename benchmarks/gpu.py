"""A graphics card: steps/s of the three networks, step time and memory, what compiling brings, and whether it agrees.

`in turns`: the games wait while the network answers, and the other way round; `overlapped`: two halves of the games,
one of which is played while the network answers the other. Without a card everything runs on the processor, which
shows that the script works and measures no card.
"""

import copy
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.models import real_boards
from territory import models
from territory.models.policy import act
from territory.profiling import compare_calls, peak_memory
from territory.training import PPO, TrainConfig
from territory.training.build import make_envs, make_model, pick_device
from territory.training.config import FIXED_SIZE_MODEL
from territory.training.fast import TrainingStep

GOAL = "goal: 60,000 with attention on an H100"
PAPER = {"baseline": 400, "attention": 150}  # MB of a training step in the design document


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    what: str
    measured: str
    note: str


def run(small: bool) -> list[Figure]:
    """On the first accelerator, or on the processor."""
    device = pick_device("auto")
    games, batch, repeats = (4, 4, 2) if small else (512, 256, 9)
    side = 64 if small else 128
    config = TrainConfig(device="cpu" if device.type == "cpu" else "auto", height=side, width=side, num_envs=games)
    config = replace(config, num_steps=4 if small else 16, minibatch_size=4 if small else 2048)
    names = [name for name in models.names() if side == 128 or name != FIXED_SIZE_MODEL]
    figures = [Figure("device", name_of(device), f"torch {torch.__version__}, {torch.get_num_threads()} threads")]
    for name in names:
        figures += _whole(replace(config, model=name), updates=2 if small else 4)
        figures += _acting(replace(config, model=name), steps=3 if small else 40)
    boards = real_boards(batch)
    figures += [figure for name in models.names() for figure in _step(name, boards, device, repeats, small)]
    return figures + [_agreement(name, boards, device) for name in models.names()]


def name_of(device: torch.device) -> str:
    """The card's, or the processor's."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}: {platform.processor()}"


def _whole(config: TrainConfig, updates: int) -> list[Figure]:
    """Training end to end, in fp32 and bf16; the first update isn't counted."""
    figures = []
    for precision in ("fp32", "bf16"):
        made = replace(config, precision=precision, total_timesteps=updates * config.batch_size)
        rates = [update.steps_per_second for update in PPO(made).updates()][1:]
        note = f"{config.num_envs} games, whole updates, {config.update_epochs} epochs"
        figures.append(Figure(f"{config.model}, training, {precision}", f"{np.median(rates):,.0f} steps/s", note))
    return figures


def _acting(config: TrainConfig, steps: int) -> list[Figure]:
    """Playing alone: the network and the world in turns, and overlapped."""
    device = pick_device(config.device)
    network = make_model(config).to(device).eval()
    figures = []
    for said, halves in (("in turns", 1), ("overlapped", 2)):
        players = [_Players(network, make_envs(config, config.num_envs // halves), device) for _ in range(halves)]
        _play(players, steps=2)
        before = time.perf_counter()
        _play(players, steps)
        rate = steps * config.num_envs / (time.perf_counter() - before)
        figures.append(Figure(f"{config.model}, acting, {said}", f"{rate:,.0f} steps/s", GOAL))
    return figures


class _Players:
    """Some of the games, and what the network was asked about them."""

    def __init__(self, network: nn.Module, envs: Any, device: torch.device):
        self.network, self.envs, self.device = network, envs, device
        self.generator = torch.Generator(device).manual_seed(0)
        self.obs, info = envs.reset(seed=0)
        self.mask = info["action_mask"]

    @torch.inference_mode()
    def ask(self) -> None:
        """Hand the network what the games show; returns while an accelerator is still at work."""
        arrays = (self.obs["map"], self.obs["global"], self.mask)
        seen = [torch.from_numpy(each).to(self.device, non_blocking=True) for each in arrays]
        self.actions = act(self.network, *seen, self.generator).actions

    def step(self) -> None:
        """Wait for the answer and play it."""
        self.obs, _, _, _, info = self.envs.step(self.actions.cpu().numpy())
        self.mask = info["action_mask"]


def _play(players: list[_Players], steps: int) -> None:
    """With two halves, one is always being answered while the other one is played."""
    for each in players:
        each.ask()
    for _ in range(steps):
        for each in players:
            each.step()
            each.ask()


def _step(name: str, boards: tuple[Tensor, Tensor], device: torch.device, repeats: int, small: bool) -> list[Figure]:
    """A training step as written and compiled, and the memory that it takes."""
    network = make_model(TrainConfig(model=name)).to(device)
    inputs = (boards[0].to(device), boards[1].to(device))
    calls: dict[str, Callable[[], object]] = {}
    for precision in ("fp32", "bf16"):
        calls[precision] = TrainingStep(copy.deepcopy(network), inputs, precision)
        if not small:
            compiled = copy.deepcopy(network)
            compiled.compile()
            calls[f"{precision}, compiled"] = TrainingStep(compiled, inputs, precision)
    figures = [
        Figure(f"{name}, training step, {record.name}", f"{1000 * record.median:.3g} ms", f"{len(inputs[0])} boards")
        for record in compare_calls(calls, repeats, warmup=2)
    ]
    if device.type in ("cpu", "cuda"):
        note = f"the document says {PAPER[name]} MB" if name in PAPER else ""
        most = peak_memory(network, inputs).peak
        figures.append(Figure(f"{name}, memory of a training step, fp32", f"{most / 1e6:,.0f} MB", note))
    return figures


@torch.inference_mode()
def _agreement(name: str, boards: tuple[Tensor, Tensor], device: torch.device) -> Figure:
    """Answers of device and processor, in float32 without the card's shorter formats."""
    network = models.build(name, seed=0).eval()
    expected, _ = network(*boards)
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        got = network.to(device)(*(each.to(device) for each in boards))[0].cpu()
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    worst = ((got - expected).abs().max() / expected.abs().max()).item()
    same = (got.argmax(1) == expected.argmax(1)).float().mean().item()
    note = f"{same:.0%} have the same likeliest action"
    return Figure(f"{name}, logits, {device.type} against cpu", f"within {worst:.1e}", note)
