"""Threads that share a batch of games.

They are our own, since Numba's layers abort when two threads call them (workqueue) or after a fork (OpenMP). Each game
is played by one thread from end to end, so how many there are changes no bit of it.
"""

import math
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter, sleep
from typing import Any, ClassVar
from weakref import WeakSet

import numba
import numpy as np

from territory.errors import whole
from territory.world.compiled import linger

PIECE = 50e-6  # seconds of work that a thread is asked to share: as long as it takes to wake one that sleeps

_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] -- Numba declares no types


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


class Runner:
    """Calls kernels for the games of one world: one kernel at a time, alone or shared by several threads.

    Which of the two is quicker depends on the kernel, the machine and whatever else runs there, so both are measured.
    A copy begins anew, with a lock of its own. Where calls follow each other within ``awake`` seconds, threads wait
    awake for the next one: that takes a core from whatever else would run there, for a third of a millisecond at most.
    """

    all: ClassVar[WeakSet] = WeakSet()

    def __init__(self, awake: float = 0.0):
        self.awake, self.lock = awake, Lock()
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
            _Job(function, games, threads, arguments, self.awake).run()
            took = (perf_counter() - begun) / games
            if not compiles:
                before = seconds[shared] or took
                seconds[shared] = before + (min(took, 2 * before) - before) / 4  # one slow call says little
                seconds[not shared] *= 0.99  # forgotten slowly, so that it is tried again

    def pays(self, games: int, alone: float, shared: float) -> bool:
        """Whether to share: there is enough to do, and it was quicker lately."""
        return games * alone > 2 * PIECE and shared <= alone

    def __reduce__(self):
        return Runner, (self.awake,)


class _Job:
    """An entry and the games that it has to be called for; whichever thread comes takes some."""

    def __init__(self, function: Callable, games: int, threads: int, arguments: tuple, awake: float):
        self.function, self.games, self.threads, self.awake = function, games, threads, awake
        self.arguments: tuple | None = arguments
        self.words = np.zeros((2, threads), np.int64)  # games taken, and who is playing
        self.error: BaseException | None = None

    def run(self) -> None:
        """Play all games."""
        try:
            if self.threads > 1:
                Workers.call(self)
        finally:  # Ctrl-C too: no game of a batch stays a step behind the others
            try:
                self.play(0, self.arguments or ())
            finally:
                self.finish()

    def play(self, thread: int, arguments: tuple) -> None:
        """Take games until none is left."""
        try:
            self.function(self.words, Workers.bell, self.games, thread, *arguments)
        finally:
            self.words[1, thread] = 0

    def help(self, thread: int) -> None:
        """`play` in another thread; does nothing for one that comes too late."""
        arguments = self.arguments
        if arguments is not None:
            try:
                self.play(thread, arguments)
            except BaseException as error:  # raised by whoever waits
                self.error = error

    def finish(self) -> None:
        """Wait for those who still play, and forget the arrays."""
        try:
            self.wait()
        except BaseException:  # Ctrl-C: whoever is told of it must find nobody playing
            self.wait()
            raise
        finally:
            self.arguments = None
        if self.error is not None:
            raise self.error

    def wait(self) -> None:
        """Until nobody plays. The entry has waited awake; whoever still plays was interrupted by another program."""
        while self.words[1].any():
            sleep(PIECE)


class Workers:
    """The threads, which sleep until there is a job. A forked child starts without any and begins its own."""

    count: int | None = None
    jobs: SimpleQueue = SimpleQueue()
    bell = np.zeros(1, np.int64)  # how often games began to be played
    started = 0
    lock = Lock()

    @classmethod
    def call(cls, job: _Job) -> None:
        """Ask threads to help."""
        if cls.started < job.threads - 1:
            with cls.lock:
                while cls.started < job.threads - 1:
                    Thread(target=_serve, args=(cls.jobs,), name="territory", daemon=True).start()
                    cls.started += 1
        for thread in range(1, job.threads):
            cls.jobs.put((job, thread))

    @classmethod
    def forget(cls) -> None:
        """In a forked child, which has none of its parent's threads, though their locks may be taken."""
        cls.jobs, cls.started, cls.lock = SimpleQueue(), 0, Lock()
        for runner in Runner.all:
            runner.lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Workers.forget)


def _serve(jobs: SimpleQueue) -> None:
    bell, over = Workers.bell, 0.0
    while True:
        job, thread = jobs.get()
        soon = perf_counter() - over < job.awake
        job.help(thread)
        if job.awake:
            over = perf_counter()
        del job  # and with it the arrays, until the next one comes
        heard = int(bell[0])
        if soon and jobs.empty():
            linger(bell, heard)
