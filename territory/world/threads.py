"""Threads that share a batch of games.

They are our own, since Numba's layers abort when two threads call them (workqueue) or after a fork (OpenMP). Each game
is played by one thread from end to end, so how many there are changes no bit of it.
"""

import math
import os
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from signal import SIGINT
from threading import Lock, Thread, current_thread, main_thread
from time import perf_counter, sleep
from typing import Any, ClassVar
from weakref import WeakSet

import numba
import numpy as np

from territory.errors import whole
from territory.world.compiled import linger

PIECE = 50e-6  # seconds of work that a thread is asked to share: as long as it takes to wake one that sleeps
AWAKE = 1e-3  # seconds: where jobs follow each other within, threads wait awake for the next one

_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] -- Numba declares no types
_signal: Any = import_module("_signal")  # `signal` without its enums, which take ten times as long


def num_threads() -> int:
    """How many threads share a batch: as many as Numba would take, so NUMBA_NUM_THREADS says it, on `allowed_cores`."""
    return Workers.count or min(_config.NUMBA_NUM_THREADS, allowed_cores())


@cache
def allowed_cores(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """How many cores' time a container leaves this process: its CPU quota (cgroup 1 or 2), rounded up.

    Without a quota: how many the machine has. Threads beyond it are stopped for most of every tenth of a second, and so
    is whoever waits for them: with two threads on a quota of one core, training was a third slower than with one.
    """
    shares = [float(os.cpu_count() or 1)]
    for line in own.read_text().splitlines() if os.access(own, os.R_OK) else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for folder in (root / ("cpu" if controllers else "") / part for part in (inside, *inside.parents)):
            names = ["cpu.cfs_quota_us", "cpu.cfs_period_us"] if controllers else ["cpu.max"]
            if all(os.access(folder / name, os.R_OK) for name in names):  # not everybody may look there
                quota, period = " ".join((folder / name).read_text() for name in names).split()
                shares += [int(quota) / int(period)] if quota.isdigit() else []  # "max" and -1: no quota
    return max(1, math.ceil(min(shares)))


def set_num_threads(count: int | None) -> None:
    """Take another number of threads from now on; None for the usual one. It changes how long a step takes, no game."""
    Workers.count = None if count is None else whole("a number of threads", count, 1)


class Unbroken:
    """`with Unbroken():` Ctrl-C waits for the end, so that a game and what is counted of it stay in step.

    Pressed again it does not wait: the first step of all may compile.
    """

    __slots__ = ("handler", "pressed")

    def __enter__(self) -> None:
        self.handler = self.pressed = None
        if current_thread() is main_thread():  # Python handles no signal in another
            handler = _signal.getsignal(SIGINT)
            if callable(handler):
                self.handler = handler
                _signal.signal(SIGINT, self._press)

    def _press(self, *told: Any) -> None:
        if self.pressed and self.handler:
            self.handler(*told)
        self.pressed = told

    def __exit__(self, *_error: Any) -> None:
        if self.handler:
            _signal.signal(SIGINT, self.handler)
            if self.pressed:
                self.handler(*self.pressed)


class Runner:
    """Calls kernels for the games of one world: one kernel at a time, alone or shared by several threads.

    Which of the two is quicker depends on the kernel, the machine and whatever else runs there, so both are measured.
    A copy begins anew, with a lock of its own.
    """

    all: ClassVar[WeakSet] = WeakSet()

    def __init__(self):
        self.lock = Lock()
        self.seconds: dict[tuple, list[float]] = {}  # for a game, alone and shared; 0 is not measured
        self.all.add(self)

    def run(self, function: Callable, games: int, threads: int, *arguments, kind: Any = None) -> None:
        """Call an entry for games 0 to `games`, by up to `threads`; calls of one `kind` take equally long."""
        if not games:
            return
        threads = min(threads, num_threads(), games)
        key = function, kind, games.bit_length()
        with self.lock:
            compiles = key not in self.seconds  # perhaps: its time says nothing
            seconds = self.seconds.setdefault(key, [0.0, 0.0])
            shared = threads > 1 and self.pays(games, *seconds)
            threads = min(threads, max(2, int(games * seconds[0] / PIECE))) if shared else 1
            begun = perf_counter()
            _share(function, games, threads, arguments)
            took = (perf_counter() - begun) / games
            if not compiles:
                before = seconds[shared] or took
                seconds[shared] = before + (min(took, 2 * before) - before) / 4  # one slow call says little
                seconds[not shared] *= 0.99  # forgotten slowly, so that it is tried again

    def pays(self, games: int, alone: float, shared: float) -> bool:
        """Whether to share: there is enough to do, and it was quicker lately."""
        return games * alone > 2 * PIECE and shared <= alone

    def __reduce__(self):
        return Runner, ()


def _share(function: Callable, games: int, threads: int, arguments: tuple) -> None:
    """Call an entry in this thread and, at the same time, in others; whichever comes takes some of the games.

    Ctrl-C waits: no game of a batch stays a step behind the others, and whoever is told of it finds nobody playing.
    """
    words = np.zeros((2, threads), np.int64)  # games taken, and who is playing
    if threads == 1:
        function(words, Workers.bell, games, 0, *arguments)
        return
    errors: list[BaseException] = []

    def play(thread: int) -> None:
        try:
            function(words, Workers.bell, games, thread, *arguments)
        except BaseException as error:  # raised where the batch was asked for
            errors.append(error)
        finally:
            words[1, thread] = 0

    with Unbroken():
        Workers.call([partial(play, thread) for thread in range(1, threads)])
        play(0)
        while words[1].any():  # the entry has waited awake: whoever still plays was interrupted by another program
            sleep(PIECE)
    if errors:
        raise errors[0]


class Workers:
    """The threads, which sleep until there is a job. A forked child starts without any and begins its own."""

    count: int | None = None
    jobs: SimpleQueue = SimpleQueue()
    bell = np.zeros(1, np.int64)  # how often games began to be played
    started = 0
    lock = Lock()

    @classmethod
    def call(cls, jobs: list[Callable[[], None]]) -> None:
        """Have each of these called by a thread of its own."""
        if cls.started < len(jobs):
            with cls.lock:
                while cls.started < len(jobs):
                    Thread(target=_serve, args=(cls.jobs,), name="territory", daemon=True).start()
                    cls.started += 1
        for job in jobs:
            cls.jobs.put(job)

    @classmethod
    def forget(cls) -> None:
        """In a forked child, which has none of its parent's threads, though their locks may be taken."""
        cls.jobs, cls.started, cls.lock = SimpleQueue(), 0, Lock()
        for runner in Runner.all:
            runner.lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Workers.forget)


def _serve(jobs: SimpleQueue) -> None:
    """Do jobs as they come. Waiting awake takes a core from others for a third of a millisecond at most."""
    over = 0.0
    while True:
        job = jobs.get()
        soon = perf_counter() - over < AWAKE
        job()
        over, heard = perf_counter(), int(Workers.bell[0])
        del job  # and with it the arrays, until the next one comes
        if soon and jobs.empty():
            linger(Workers.bell, heard)
