"""A graphics card: steps/s of the networks, step time and memory, what compiling brings, and whether it agrees.

`in turns`: the games wait while the network answers, and the other way round; `overlapped`: two halves of the games,
each in a thread of its own, so that one half is played while the network answers the other. Without a card everything
runs on the processor, which shows that the script works and measures no card.
"""

import copy
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

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
BOARDS = 256  # what memory is measured with


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    what: str
    measured: str
    note: str


def run(small: bool, networks: Sequence[str] = ()) -> list[Figure]:
    """On the first accelerator, or on the processor; ``networks``: by default all that ship."""
    device = pick_device("auto")
    games, minibatch, repeats = (4, 4, 2) if small else (2048, 4096, 9)
    side = 64 if small else 128
    config = TrainConfig(device="cpu" if device.type == "cpu" else "auto", height=side, width=side, num_envs=games)
    config = replace(config, num_steps=4 if small else 16, minibatch_size=minibatch)
    figures = [Figure("device", name_of(device), f"torch {torch.__version__}, {torch.get_num_threads()} threads")]
    boards = real_boards(4 if small else BOARDS)
    for name in networks or models.names():
        figures += _step(name, boards, minibatch, device, repeats, small)
        if side == 128 or name != FIXED_SIZE_MODEL:
            figures += _whole(replace(config, model=name), 2 if small else 4, small)
            figures += _acting(replace(config, model=name), steps=3 if small else 20)
        figures.append(_agreement(name, boards, device))
    return figures


def name_of(device: torch.device) -> str:
    """The card's, or the processor's."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}: {platform.machine()}"


def _whole(config: TrainConfig, updates: int, small: bool) -> list[Figure]:
    """Training end to end, as written and compiled; the first update isn't counted."""
    figures = []
    for precision, compiled in (("fp32", False), ("bf16", False), ("bf16", True))[: 2 if small else 3]:
        total = updates * config.batch_size
        ppo = PPO(replace(config, precision=precision, compile=compiled, total_timesteps=total))
        rates = [update.steps_per_second for update in ppo.updates()][1:]
        said = f"{config.model}, training, {precision}{', compiled' if compiled else ''}"
        note = f"{config.num_envs} games, whole updates, {config.update_epochs} epochs"
        figures.append(Figure(said, f"{np.median(rates):,.0f} steps/s", note))
    return figures


def _acting(config: TrainConfig, steps: int) -> list[Figure]:
    """Playing alone: the network and the world in turns, and overlapped."""
    device = pick_device(config.device)
    network = make_model(config).to(device).eval()
    figures = []
    for said, parts in (("in turns", 1), ("overlapped", 2)):
        players = [_Players(replace(config, num_envs=config.num_envs // parts), network) for _ in range(parts)]
        with ThreadPoolExecutor(parts) as threads:
            list(threads.map(lambda each: each.play(3), players))
            before = time.perf_counter()
            list(threads.map(lambda each: each.play(steps), players))
            rate = steps * config.num_envs / (time.perf_counter() - before)
        figures.append(Figure(f"{config.model}, acting, {said}", f"{rate:,.0f} steps/s", GOAL))
    return figures


class _Players:
    """Some of the games, and the network that plays them."""

    def __init__(self, config: TrainConfig, network: nn.Module):
        self.network, self.envs, self.device = network, make_envs(config), pick_device(config.device)
        self.generator = torch.Generator(self.device).manual_seed(0)
        self.obs, info = self.envs.reset(seed=0)
        self.mask = info["action_mask"]

    @torch.inference_mode()
    def play(self, steps: int) -> None:
        """The network sees what the games show, and they go on with what it answers."""
        for _ in range(steps):
            arrays = (self.obs["map"], self.obs["global"], self.mask)
            seen = [torch.from_numpy(each).to(self.device, non_blocking=True) for each in arrays]
            on_card = self.device.type == "cuda"
            actions = act(self.network, *seen, self.generator).actions.to("cpu", non_blocking=on_card)
            if on_card:  # wait for this answer, not for what other threads have asked since
                torch.cuda.current_stream().record_event().synchronize()
            self.obs, _, _, _, info = self.envs.step(actions.numpy())
            self.mask = info["action_mask"]


def _step(
    name: str, boards: tuple[Tensor, Tensor], minibatch: int, device: torch.device, repeats: int, small: bool
) -> list[Figure]:
    """A training step as written and compiled, and the memory that it takes."""
    network = make_model(TrainConfig(model=name)).to(device)
    inputs = (boards[0].to(device), boards[1].to(device))
    times = minibatch // len(boards[0])
    many = inputs[0].repeat(times, 1, 1, 1), inputs[1].repeat(times, 1)
    calls: dict[str, Callable[[], object]] = {}
    for precision in ("fp32", "bf16"):
        calls[precision] = TrainingStep(copy.deepcopy(network), many, precision)
    if not small:
        compiled = copy.deepcopy(network)
        compiled.compile()
        calls["bf16, compiled"] = TrainingStep(compiled, many, "bf16")
    figures = [
        Figure(f"{name}, training step, {record.name}", f"{1000 * record.median:.3g} ms", f"{minibatch} boards")
        for record in compare_calls(calls, repeats, warmup=2)
    ]
    if device.type in ("cpu", "cuda"):
        note = f"{len(boards[0])} boards" + (f"; the document says {PAPER[name]} MB" if name in PAPER else "")
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
