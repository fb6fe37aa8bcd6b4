"""What makes a run fast on this machine: memory that is kept, and arithmetic chosen by a measurement.

Neither changes what is learned, but for the rounding of another precision.
"""

import ctypes
import math
import mmap
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from territory.guests.contents import copy_of
from territory.models.one_pass import in_one_pass
from territory.stats import take_turns
from territory.training.build import memory_layout
from territory.training.config import TrainConfig
from territory.training.parts import InParts

# mallopt's parameters (malloc.h), and what they are set to
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 64 << 20}
_LARGE_PAGE = 2 << 20
_RESERVED = 1 << 30  # bytes of addresses, not of memory: that comes as it is used
_OTHER_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")

ROUNDS = 4  # training steps of each kind that are timed, by turns; a first one is not counted
WORTH = 0.95  # what rounds more, or starts later, must take at most this share of the time
SLOW_BF16 = "this processor has no instructions for it"
LONG_RUN = 1200.0  # seconds from which on trying torch.compile, which takes about a minute, is worth it


def keep_freed_memory() -> str:
    """Let this process keep the memory of tensors that are freed, for the next ones; what was done, in a sentence.

    By default glibc takes each tensor of more than some megabytes from the system and gives it back at once, so that
    every step pays again for having its pages found and cleared: up to a third of its time. Kept, a process needs
    10 to 35 % more memory. Kept memory is worth large pages, of 2 MB instead of 4 KB: a processor has fewer addresses
    to look up, which saves a tenth to a fifth of a step more. Only with glibc on Linux, where it is known to be safe.
    """
    if not _has_glibc():
        return "freed memory goes back to the system: only glibc on Linux can be told to keep it"
    preloaded = [name for name in _OTHER_ALLOCATORS if name in os.environ.get("LD_PRELOAD", "")]
    if preloaded:
        return f"memory is managed by {preloaded[0]} (LD_PRELOAD)"
    libc = ctypes.CDLL(None)
    if not all(libc.mallopt(name, value) for name, value in _KEPT.items()):
        return "freed memory goes back to the system: glibc refused to keep it"
    pages = ", in large pages" if _ask_for_large_pages(libc) else ""
    return f"freed memory is kept for the next step{pages} (--no-keep-memory leaves it to the system)"


def _ask_for_large_pages(libc: ctypes.CDLL) -> bool:
    """Have the heap grow by addresses for which the system is asked for large pages; whether it said yes.

    Where such pages come to whoever asks, or to all; elsewhere (``never``) the answer is yes and nothing changes.
    """
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(_RESERVED))
    if block is None:
        return False
    start, end = -(-block // _LARGE_PAGE) * _LARGE_PAGE, (block + _RESERVED) // _LARGE_PAGE * _LARGE_PAGE
    agreed = libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_HUGEPAGE) == 0
    libc.free(ctypes.c_void_p(block))  # untouched: kept as the heap's next addresses
    return agreed


def _has_glibc() -> bool:
    try:
        return sys.platform == "linux" and (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError):  # another C library has no such name
        return False


def choose(
    config: TrainConfig, model: nn.Module, obs: dict[str, np.ndarray], clock: Callable[[], float] = time.perf_counter
) -> tuple[TrainConfig, str]:
    """The configuration with the fastest of fp32, bf16 and, for runs of over twenty minutes, the faster compiled.

    And why, for the log; a run that goes on keeps the choice. Measured on copies of the network, with minibatches of
    the boards in ``obs``. bfloat16 rounds more and compiling takes a minute, so each is only taken where it saves at
    least a twentieth.
    """
    device = next(model.parameters()).device
    rows = np.arange(config.minibatch_size) % len(obs["map"])  # as many boards as a step has: the games' own again
    maps, stats = (torch.from_numpy(obs[name][rows]).to(device) for name in ("map", "global"))
    batch = maps.contiguous(memory_format=memory_layout(device, model)), stats
    kinds = ("fp32", "bf16") if has_bf16(device) else ("fp32",)
    steps = {kind: TrainingStep(copy_of(model), batch, kind) for kind in kinds}
    seconds = _median_seconds(steps, clock)
    precision = "bf16" if seconds.get("bf16", math.inf) < WORTH * seconds["fp32"] else "fp32"
    said = ", ".join(f"{kind} {1000 * seconds[kind]:.0f} ms" for kind in kinds)
    said += f" (bf16 not tried: {SLOW_BF16})" if len(kinds) == 1 and device.type == "cpu" else ""
    said = f"a training step of {len(batch[0])} boards takes {said}"
    config = replace(config, fast=False, precision=precision, compile=False)
    total = seconds[precision] * config.num_updates * config.update_epochs * config.batch_size / len(batch[0])
    if total < LONG_RUN:
        return config, f"{said}: {precision}; not compiled: it only pays in runs of over {LONG_RUN / 60:.0f} minutes"
    if not any(shutil.which(name) for name in (os.environ.get("CXX") or "g++", "clang++")):
        return config, f"{said}: {precision}; not compiled, since no C++ compiler was found"
    compiled = copy_of(model)
    compiled.compile()
    both = {"written": steps[precision], "compiled": TrainingStep(compiled, batch, precision)}
    seconds = _median_seconds(both, clock)
    faster = seconds["compiled"] < WORTH * seconds["written"]
    said = f"{said}, compiled {1000 * seconds['compiled']:.0f} ms"
    return replace(config, compile=faster), f"{said}: {precision}, {'compiled' if faster else 'not compiled'}"


class TrainingStep:
    """Forward, backward and Adam on one minibatch, each time it is called; returns when it is done."""

    def __init__(self, model: nn.Module, batch: tuple[Tensor, Tensor], precision: str):
        self.network, self.batch, self.precision = InParts(model.train()), batch, precision
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)

    def __call__(self) -> None:
        device = self.batch[0].device
        with self.network.sharing(len(self.batch[0])):
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"), in_one_pass():
                logits, values = self.network(*self.batch)
            self.optimizer.zero_grad()
            (logits.float().square().mean() + values.float().square().mean()).backward()
            self.optimizer.step()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)


def _median_seconds(steps: dict[str, TrainingStep], clock: Callable[[], float]) -> dict[str, float]:
    """Of each, taking turns; the first round warms up."""
    times = take_turns(steps.values(), 1 + ROUNDS, clock)[1:]
    return dict(zip(steps, np.median(times, axis=0).tolist(), strict=True))


def has_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16: without them it is 8 to 15 times as slow as float32."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
