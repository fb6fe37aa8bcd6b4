"""Any mix of threads, forks and environments: nothing aborts or hangs, and no bit of a game changes."""

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from territory.world import threads

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


def play_shared(kernel) -> None:
    """Call it for twenty games, shared by two threads as if each game took a millisecond."""
    runner = threads.Runner()
    runner.seconds[kernel, (20).bit_length()] = [1e-3, 0.0]
    threads.set_num_threads(2)
    try:
        runner.run(kernel, 20, 2)
    finally:
        threads.set_num_threads(None)


def test_ctrl_c_leaves_no_game_of_a_batch_a_step_behind():
    played, pressed = [], threading.Event()

    def kernel(first, end, thread):
        played.extend(range(first, end))
        if thread:
            pressed.wait(10)
        elif not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play_shared(kernel)
    assert sorted(played) == list(range(20))


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


class PressedOnce:
    """A lock at whose first taking by the main thread Ctrl-C comes: once `acquire` has it, but before `with` has."""

    def __init__(self):
        self.lock, self.pressed = threading.Lock(), False
        self.release = self.lock.release

    def acquire(self):
        assert self.lock.acquire(timeout=10), "waits for a lock that it holds itself"
        self._press()

    def __enter__(self):
        self._press()
        self.acquire()

    def __exit__(self, *_error):
        self.release()

    def _press(self):
        if not self.pressed and threading.current_thread() is threading.main_thread():
            self.pressed = True
            raise KeyboardInterrupt


def test_ctrl_c_just_as_the_last_thread_ends_is_no_wait_for_ever(monkeypatch):
    kinds = iter([threading.Lock, threading.Lock, PressedOnce])  # of the world, of the job, of its end
    monkeypatch.setattr(threads, "Lock", lambda: next(kinds, threading.Lock)())
    with pytest.raises(KeyboardInterrupt):
        play_shared(lambda first, end, thread: None)
    assert next(kinds, None) is None
