"""What makes a run fast: chosen by a measurement, said, kept when a run goes on; and never another result."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from territory import models
from territory.errors import BadInput
from territory.models import products
from territory.training import PPO, TrainConfig, fast, run
from territory.training import ppo as ppo_module
from territory.training.build import memory_layout

CONFIG = TrainConfig(
    model="tokens", height=32, width=32, num_bots=1, max_steps=10, num_envs=2, num_steps=4, minibatch_size=4,
    total_timesteps=16, device="cpu",
)  # fmt: skip
CPU = torch.device("cpu")


def clock_of(seconds: list[float]):
    """A clock by which the timed calls take these seconds, over and over."""
    now, calls = 0.0, count()

    def clock() -> float:
        nonlocal now
        number = next(calls)
        if number % 2:
            now += seconds[number // 2 % len(seconds)]
        return now

    return clock


def choice(seconds: list[float], **changes) -> tuple[TrainConfig, str]:
    """What is chosen where a step in fp32 and one in bf16 take these seconds."""
    ppo = PPO(CONFIG)
    config = replace(CONFIG, **changes)
    return fast.choose(config, ppo.model, ppo.obs, clock_of(seconds))


@pytest.fixture
def bf16(monkeypatch):
    """A processor with instructions for bfloat16."""
    monkeypatch.setattr(fast, "has_bf16", lambda device: True)


def test_the_quicker_precision_is_chosen(bf16):
    assert choice([0.2, 0.1])[0].precision == "bf16"
    assert choice([0.1, 0.2])[0].precision == "fp32"


def test_a_gain_too_small_to_be_sure_of_is_left(bf16):
    assert choice([0.1, 0.099])[0].precision == "fp32"


def test_where_no_instructions_are_for_it_bf16_is_not_tried_and_whoever_asks_for_it_is_told(monkeypatch):
    for module in (fast, ppo_module):
        monkeypatch.setattr(module, "has_bf16", lambda device: False)
    chosen, reason = choice([0.1])
    assert chosen.precision == "fp32" and "bf16 not tried: this processor has no instructions" in reason
    assert any(
        "--precision fp32 is several times as fast" in note for note in PPO(replace(CONFIG, precision="bf16")).notes
    )


def test_the_reason_names_what_was_measured(bf16):
    _, reason = choice([0.2, 0.1])
    assert "4 boards" in reason and "fp32 200 ms" in reason and "bf16 100 ms" in reason and "not compiled" in reason


def test_without_a_compiler_a_long_run_is_not_compiled(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    chosen, reason = choice([0.2, 0.1], total_timesteps=10_000_000)
    assert not chosen.compile and not chosen.fast and "C++ compiler" in reason


def test_choosing_leaves_network_and_random_state_alone():
    ppo = PPO(CONFIG)
    weights, dice = {k: v.clone() for k, v in ppo.model.state_dict().items()}, torch.get_rng_state()
    fast.choose(CONFIG, ppo.model, ppo.obs)
    assert all(torch.equal(weights[name], now) for name, now in ppo.model.state_dict().items())
    assert torch.equal(dice, torch.get_rng_state())
    assert all(weight.grad is None for weight in ppo.model.parameters())


def test_a_run_keeps_what_was_chosen(tmp_path):
    started = run.start(replace(CONFIG, fast=True, runs_dir=str(tmp_path), name="quick"))
    assert any("fp32" in note for note in started.ppo.notes)
    chosen = started.ppo.config
    assert not chosen.fast
    started.train(stop=lambda: True)
    again = run.resume(tmp_path / "quick")
    assert again.ppo.config == chosen
    with pytest.raises(BadInput, match="fast"):
        run.resume(tmp_path / "quick", replace(chosen, fast=True))


def test_the_log_says_what_compiling_gives_up_and_claims_nothing_that_a_compiled_network_does_not_do(monkeypatch):
    monkeypatch.setattr(ppo_module.products, "is_quicker", lambda: True)
    monkeypatch.setattr(ppo_module, "compile_in_place", lambda model, run_once: None)
    written, compiled = (" ".join(PPO(replace(CONFIG, compile=each)).notes) for each in (False, True))
    assert "oneDNN" in written and "compiled" not in written
    assert "oneDNN" not in compiled and "mostly quicker on a processor" in compiled


def test_memory_is_left_to_the_system_where_that_is_asked_for():
    kept, left = (" ".join(PPO(replace(CONFIG, keep_memory=keep)).notes) for keep in (True, False))
    assert "memory" in kept and "memory" not in left


@pytest.mark.parametrize("quicker", [True, False])
def test_whose_products_are_taken_is_said(monkeypatch, quicker):
    monkeypatch.setattr(products, "is_quicker", lambda: quicker)
    assert any("oneDNN" in note for note in PPO(CONFIG).notes) == quicker


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own setting")
def test_another_allocator_is_left_alone():
    code = "from territory.training.fast import keep_freed_memory; print(keep_freed_memory())"
    environment = os.environ | {"LD_PRELOAD": "/nowhere/libjemalloc.so.2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "managed by jemalloc" in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own setting")
def test_kept_memory_lies_in_large_pages_where_the_sentence_says_so():
    code = """
import ctypes
from territory.training.fast import keep_freed_memory
said = keep_freed_memory()
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
print(said, malloc(ctypes.c_size_t(64 << 20)), sep="\\n")
print(open("/proc/self/smaps").read())
"""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    said, address, *maps = done.stdout.splitlines()
    found, flags = False, {}  # of each range of addresses, what the system notes about it
    for line in maps:
        if (ends := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)) is not None:
            found = int(ends[1], 16) <= int(address) + (32 << 20) < int(ends[2], 16)
        elif found and line.startswith("VmFlags:"):
            flags[said] = "hg" in line.split()
    assert flags == {said: "large pages" in said}


def test_whether_memory_is_kept_changes_no_result():
    kept, left = (next(PPO(replace(CONFIG, keep_memory=keep)).updates()).as_dict() for keep in (True, False))
    for record in (kept, left):
        del record["seconds"], record["steps_per_second"]
    assert str(kept) == str(left)


@pytest.mark.parametrize("name", models.names())
def test_maps_lie_as_the_network_reads_them(name):
    overlapping = name != "tokens"
    wanted = torch.channels_last if overlapping else torch.contiguous_format
    assert memory_layout(CPU, models.build(name)) == wanted
    side = 128 if name == "baseline" else 32
    ppo = PPO(replace(CONFIG, model=name, height=side, width=side))
    first = ppo.obs["map"].copy()
    rollout = ppo.collect()
    np.testing.assert_array_equal(rollout.maps[0], first)
    batch = rollout.rows(torch.tensor([3, 0]))
    assert batch.maps.is_contiguous(memory_format=wanted)
    assert torch.equal(batch.maps[1], rollout.maps[0, 0])
