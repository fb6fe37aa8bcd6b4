"""Any mix of threads, forks and environments: nothing aborts or hangs, and no bit of a game changes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from territory.world import threads
from territory.world.compiled import entry

COMMON = """
import hashlib, multiprocessing, sys, threading
import gymnasium, numpy as np
import territory
from territory.world import World, WorldParams, threads
from territory.world.replay import digest_of

threads.Runner.pays = lambda runner, games, alone, shared: alone > 0  # such small games would not be shared
SMALL = dict(height=32, width=32, num_bots=2)

def play(seed, games=3, steps=12):
    world = World(games, WorldParams(opponents="mixed", **SMALL))
    world.reset(seed + np.arange(games))
    generator = np.random.default_rng(seed)
    for _ in range(steps):
        _, masks = world.observe()
        world.step(np.argmax(generator.random(masks.shape) * masks, axis=1))
    return digest_of(world)

def play_single(seed):
    env = gymnasium.make("Territory-v0", **SMALL)
    env.reset(seed=seed)
    for _ in range(12):
        env.step(80)
    return env.unwrapped.replay().digest
"""
MIX = """
import numba

@numba.njit(parallel=True)
def somebody_elses(numbers):
    for i in numba.prange(numbers.size):
        numbers[i] += 1

wanted = [play(seed) for seed in range(4)], [play_single(seed) for seed in range(4)]
found = [None] * 4, [None] * 4
shared = World(3, WorldParams(**SMALL))
shared.reset(np.arange(3))

def work(kind, seed):
    for _ in range(5):
        found[kind][seed] = (play, play_single)[kind](seed)
        shared.step(np.full(3, 80))

players = [threading.Thread(target=work, args=(kind, seed)) for kind in range(2) for seed in range(4)]
for player in players:
    player.start()
somebody_elses(np.zeros(100))
for player in players:
    player.join()
assert (found[0], found[1]) == wanted
assert shared.state.step.tolist() == [40] * 3
"""
FORKS = """
wanted = [play(1), play(2)]
for _ in range(2):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(play, [1, 2]).get(60) == wanted
assert [play(1), play(2)] == wanted

envs = gymnasium.make_vec("Territory-v0", num_envs=2, vectorization_mode="async", **SMALL)
plain = gymnasium.make_vec("Territory-v0", num_envs=2, vectorization_mode="sync", **SMALL)
for each in (envs, plain):
    each.reset(seed=3)
for _ in range(5):
    one, other = envs.step(np.full(2, 80)), plain.step(np.full(2, 80))
assert np.array_equal(one[0]["map"], other[0]["map"])
envs.close()

while_playing = threading.Thread(target=lambda: [play(7, steps=40) for _ in range(4)])
while_playing.start()
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(play, [1, 2]).get(60) == wanted
while_playing.join()
"""
CLIENTS = """
if __name__ == "__main__":
    wanted = play(1)
    from stable_baselines3.common.vec_env import SubprocVecEnv
    from torch.utils.data import DataLoader

    envs = SubprocVecEnv([lambda: gymnasium.make("Territory-v0", **SMALL)] * 2, start_method="fork")
    envs.reset()
    envs.step([80, 80])
    envs.close()
    assert set(DataLoader([1, 1], collate_fn=lambda seeds: play(seeds[0]), num_workers=2, timeout=60)) == {wanted}
"""


def run(code: str, layer: str = "default") -> None:
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    call = [sys.executable, "-c", COMMON + code]
    done = subprocess.run(call, env=os.environ | settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_threads_that_play_at_once_play_what_they_play_alone(layer):
    run(MIX.replace("somebody_elses(np.zeros(100))", "") if layer == "default" else MIX, layer)


forks = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="nothing forks here")


@forks
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_a_fork_after_a_game_plays_on(layer):
    run(FORKS, layer)


@forks
@pytest.mark.slow
def test_others_workers_play_after_a_game_in_the_parent():
    pytest.importorskip("stable_baselines3")
    run(CLIENTS)


def play_shared(play, games: int = 20) -> None:
    """Call it for each of the games, shared by two threads as if each took a millisecond."""
    lock = threading.Lock()

    def entry(words, bell, games, thread):  # in Python what `compiled.entry` does
        words[1, thread] = 1
        while True:
            with lock:
                n = words[0].sum()
                words[0, thread] += 1
            if n >= games:
                break
            play(n, thread)
        words[1, thread] = 0

    runner = threads.Runner()
    runner.seconds[entry, None, games.bit_length()] = [1e-3, 0.0]
    threads.set_num_threads(2)
    try:
        runner.run(entry, games, 2)
    finally:
        threads.set_num_threads(None)


@pytest.fixture
def ctrl_c():
    """A function that presses it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_ctrl_c_leaves_no_game_of_a_batch_a_step_behind(monkeypatch, ctrl_c):
    played, call = [], threads.Workers.call

    def called_and_pressed(jobs):
        call(jobs)
        ctrl_c()

    monkeypatch.setattr(threads.Workers, "call", called_and_pressed)
    with pytest.raises(KeyboardInterrupt):
        play_shared(lambda n, thread: played.append(n))
    assert sorted(played) == list(range(20))


def test_whoever_is_told_of_ctrl_c_finds_nobody_playing(monkeypatch, ctrl_c):
    played, helping, pressed = [], threading.Event(), threading.Event()

    def play(n, thread):
        if thread:
            helping.set()
            assert pressed.wait(10)
        else:
            assert helping.wait(10)
        played.append(n)

    def press(_seconds):
        if not pressed.is_set():
            ctrl_c()
            pressed.set()

    monkeypatch.setattr(threads, "sleep", press)
    with pytest.raises(KeyboardInterrupt):
        play_shared(play)
    assert sorted(played) == list(range(20))


def test_an_error_in_any_thread_is_raised_where_the_batch_was_asked_for():
    helping = threading.Event()

    def play(n, thread):
        if thread:
            helping.set()
            raise MemoryError("of the other thread")
        assert helping.wait(10)

    with pytest.raises(MemoryError, match="of the other thread"):
        play_shared(play)


@pytest.mark.parametrize("games, parts", [(1, 1), (7, 2), (20, 3), (64, 5)])
def test_each_game_is_played_once_by_whoever_comes(games, parts):
    played = np.zeros((2, games), np.int64)
    words, bell = np.zeros((2, parts), np.int64), np.zeros(1, np.int64)
    for thread in (parts - 1, 0):
        note(words, bell, games, thread, played)
    assert played[0].tolist() == [1] * games and set(played[1]) == {parts - 1}, "who comes first helps everybody"
    assert bell[0] == 2 and not words[1].any()


@entry
def note(n, thread, played):
    played[0, n] += 1
    played[1, n] = thread


INTERRUPTS = """
import os, random, signal

world = World(8, WorldParams(height=64, width=64, num_bots=5))
world.reset(np.arange(8))
orders, wanted, draw, told = np.full(8, 4), play(1), random.Random(0), 0
for _ in range(150):
    later = threading.Timer(draw.uniform(0.0005, 0.01), os.kill, (os.getpid(), signal.SIGINT))
    try:
        later.start()
        while True:
            world.step(orders)
    except KeyboardInterrupt:
        told += 1
    later.join()
assert told == 150 and play(1) == wanted
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_at_any_moment_ends_a_step_and_not_the_world():
    run("signal.signal(signal.SIGINT, signal.default_int_handler)".join(["import signal\n", INTERRUPTS]))


QUOTAS = {  # what /proc/self/cgroup says, what the files hold, how many of 64 cores that leaves
    "none": ("0::/", {}, 64),
    "cgroup 2": ("0::/", {"cpu.max": "150000 100000"}, 2),
    "cgroup 2, without a limit": ("0::/a", {"cpu.max": "max 100000", "a/cpu.max": "max 100000"}, 64),
    "the smallest of those that hold": ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
    "cgroup 1": (
        "3:cpuset:/\n2:cpu,cpuacct:/",
        {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
        1,
    ),
    "cgroup 1, without a limit": ("2:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
    "seen from outside": ("2:cpu:/pod", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
}


@pytest.mark.parametrize("kind", QUOTAS)
def test_a_containers_quota_is_seen(kind, tmp_path, monkeypatch):
    said, files, cores = QUOTAS[kind]
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    (tmp_path / "own").write_text(said)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads.allowed_cores(tmp_path, tmp_path / "own") == cores
    assert threads.allowed_cores(tmp_path, tmp_path / "absent") == 64  # no Linux


@pytest.mark.skipif(sys.platform != "linux", reason="quotas are Linux's")
def test_whoever_may_not_look_at_quotas_plays_without(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    (tmp_path / "own").write_text("0::/")
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0)
    before = os.getresuid()
    if before[1] == 0:  # from whom nothing is hidden
        os.setresuid(65534, 65534, 0)
    try:
        assert threads.allowed_cores(hidden, Path("/proc/self/cgroup")) == 64
        assert threads.allowed_cores(hidden, tmp_path / "own") == 64
    finally:
        os.setresuid(*before)
        hidden.chmod(0o700)


def test_threads_are_no_more_than_a_container_allows(monkeypatch):
    monkeypatch.setattr(threads, "allowed_cores", lambda: 1)
    assert threads.num_threads() == 1


NETWORKS = """
import torch
from territory.world import threads

threads.allowed_cores = lambda: 1
torch.set_num_threads(3)
import territory.{door}
assert torch.get_num_threads() == 1
torch.set_num_threads(2)  # whoever knows better
import territory.training.ppo
assert torch.get_num_threads() == 2
"""


@pytest.mark.parametrize("door", ["agent", "interpret", "profiling", "training.ppo"])
def test_whatever_runs_a_network_takes_no_more_of_torchs_threads_than_a_container_allows(door):
    unchosen = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    call = [sys.executable, "-c", NETWORKS.format(door=door)]
    done = subprocess.run(call, env=unchosen, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_number_of_torchs_threads_that_somebody_chose_stays():
    code = "from territory.world import threads; threads.allowed_cores = lambda: 1; import territory.models, torch"
    call = [sys.executable, "-c", f"{code}; print(torch.get_num_threads())"]
    chosen = os.environ | {"OMP_NUM_THREADS": "2"}
    assert subprocess.run(call, env=chosen, capture_output=True, text=True, check=True).stdout == "2\n"
