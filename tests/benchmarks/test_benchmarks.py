"""The benchmarks run, at tiny sizes, and print sound ratios; how large they are is no test's business."""

import importlib.util
import re
import time
from functools import partial

import numpy as np
import pytest
import torch
from helpers.builders import WAIT

from benchmarks import gpu
from benchmarks.__main__ import main
from benchmarks.sb3 import make_peer
from benchmarks.workers import Work, compare
from territory import models
from territory.envs import SB3VecEnv
from territory.profiling import compare_calls
from territory.training import TrainConfig
from territory.training.build import make_envs, make_model

pytestmark = pytest.mark.slow

SMALL = TrainConfig(
    height=64, width=64, num_bots=1, max_steps=2, num_envs=2, num_steps=4, minibatch_size=8, device="cpu"
)

ROWS = {
    "world": [
        "naive engine, 5 bots",
        "naive engine, 50 bots",
        "2 games, 50 bots",
        "SyncVectorEnv of 2",
        "2 new games",
        "2 observations",
    ],
    "models": [
        "baseline, parameters",
        "baseline, MACs",
        *[f"baseline, {mode}, batch {batch}" for batch in (1, 2) for mode in ("forward", "training step")],
    ],
    "training --network tokens": ["tokens, Stable-Baselines3's update", "tokens, a PPO update"],
}


@pytest.fixture
def benchmarks(monkeypatch, capsys):
    """``python -m benchmarks``: its exit status, and what it prints on both streams."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
        try:
            main()
        except SystemExit as ended:
            return ended.code, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return call


@pytest.mark.parametrize("name", ROWS)
def test_a_benchmark_prints_finite_positive_ratios(name, benchmarks):
    status, printed, _ = benchmarks(*name.split(), "--small")
    assert status == 0
    _, table = printed.split("-  -", 1)  # rows stand below the rule
    rows = [re.split(r"\s{2,}", line) for line in table.splitlines()[1:]]
    assert set(ROWS[name]) <= {row[0] for row in rows}
    if name == "models":
        assert ["baseline, training step, batch 2", "tokens, training step, batch 2"] in [row[:2] for row in rows]
    ratios = np.array([row[2:5] for row in rows], float)  # the median, and its spread
    assert np.isfinite(ratios).all() and (ratios > 0).all()
    assert (ratios[:, 1] <= ratios[:, 0]).all() and (ratios[:, 0] <= ratios[:, 2]).all()


def test_an_unknown_benchmark_is_named_with_those_that_exist(benchmarks):
    status, _, said = benchmarks("wrold")
    assert status == 2
    assert "wrold" in said and "world, models, training, gpu, peer" in said


@pytest.mark.skipif(importlib.util.find_spec("generals") is not None, reason="the peer is installed")
def test_without_the_peer_it_says_how_to_install_it(benchmarks):
    status, _, said = benchmarks("peer", "--small")
    assert status == 2
    assert "pip install --no-deps generals-bots" in said


def test_the_peer_trains_our_network_from_our_first_weights_with_our_hyperparameters():
    peer = make_peer(SMALL)
    ours, theirs = make_model(SMALL).state_dict(), peer.policy.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours | theirs)
    assert sum(w.numel() for w in peer.policy.parameters()) == sum(w.numel() for w in ours.values())  # and no other
    before = theirs["actor.0.weight"].clone()
    peer.learn(SMALL.batch_size)
    assert not torch.equal(before, peer.policy.network.state_dict()["actor.0.weight"])
    assert (peer.n_epochs, peer.batch_size, peer.gamma, peer.ent_coef) == (3, 8, 0.995, 0.01)


def test_the_peer_is_told_which_games_were_cut_off_and_what_they_showed_last():
    games = SB3VecEnv(make_envs(SMALL))
    games.reset()
    for _ in range(SMALL.max_steps):
        obs, rewards, dones, infos = games.step(np.full(SMALL.num_envs, WAIT))
    assert dones.all() and rewards.dtype == np.float32
    for game, info in enumerate(infos):
        assert info["TimeLimit.truncated"]
        assert not np.array_equal(info["terminal_observation"]["global"], obs["global"][game])  # a new game has begun


def test_calls_take_turns_and_the_warm_up_is_not_counted():
    now, played = [0.0], []

    def call(name, seconds):
        played.append(name)
        now[0] += seconds if len(played) > 2 else 100.0

    calls = {"quick": lambda: call("quick", 1.0), "slow": lambda: call("slow", 3.0)}
    quick, slow = compare_calls(calls, repeats=4, warmup=1, clock=lambda: now[0])
    assert played == ["quick", "slow"] * 5
    assert (quick.median, slow.median, slow.low, slow.high) == (1.0, 3.0, 3.0, 3.0)


def test_the_gpus_script_runs_small_on_the_processor(monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.pick_device", lambda _: torch.device("cpu"))
    figures = {figure.what: figure.measured for figure in gpu.run(small=True)}
    for name in ("attention", "tokens"):
        assert {f"{name}, training, fp32", f"{name}, acting, in turns", f"{name}, acting, overlapped"} <= set(figures)
    for name in models.names():
        assert figures[f"{name}, training step, bf16"].endswith("ms")
        assert figures[f"{name}, logits, cpu against cpu"] == "within 0.0e+00"


def test_processes_are_timed_by_turns_and_a_fault_in_one_is_told(tmp_path):
    works = {name: Work(partial(Napping, seconds)) for name, seconds in (("short", 0.0), ("long", 0.05))}
    short, long = compare(works, repeats=2, warmup=0)
    assert (short.name, long.name) == ("short", "long") and long.median > short.median
    with pytest.raises(ZeroDivisionError):
        compare({"broken": Work(partial(Napping, None))}, repeats=1)


class Napping:
    """A call that takes some seconds; without a number it can't be made."""

    def __init__(self, seconds: float | None):
        self.seconds = 1 / 0 if seconds is None else seconds

    def __call__(self) -> None:
        time.sleep(self.seconds)


def test_the_page_about_speed_says_only_what_runs(root, capsys):
    text = (root / "docs" / "speed.md").read_text(encoding="utf-8").replace("256", "16")  # fewer boards
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        exec(block, names)
    printed = capsys.readouterr().out
    assert "same answers: True" in printed and printed.count("page faults") == 19
