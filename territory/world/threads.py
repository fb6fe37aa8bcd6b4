"""Threads that share a batch of games.

They are our own, since Numba's layers abort when two threads call them (workqueue) or after a fork (OpenMP). Each game
is played by one thread from end to end, so how many there are changes no bit of it.
"""

import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter
from typing import Any, ClassVar
from weakref import WeakSet

import numba

from territory.errors import whole

# Seconds of work that a thread takes at once. Waking one that sleeps takes up to 50 microseconds; with pieces of 40 two
# threads stood in each other's way, and 12 small games were no quicker than with one.
PIECE = 100e-6

_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] -- Numba declares no types


def num_threads() -> int:
    """How many threads share a batch: as many as Numba would take, so NUMBA_NUM_THREADS says it."""
    return _Workers.count or _config.NUMBA_NUM_THREADS


def set_num_threads(count: int | None) -> None:
    """Take another number of threads from now on; None for the usual one. It changes how long a step takes, no game."""
    _Workers.count = None if count is None else whole("a number of threads", count, 1)


class Runner:
    """Calls kernels for the games of one world: one kernel at a time, alone or shared by several threads.

    Which of the two is quicker depends on the kernel, the machine and whatever else runs there, so both are measured.
    A copy begins anew, with a lock of its own.
    """

    all: ClassVar[WeakSet] = WeakSet()

    def __init__(self):
        self.lock = Lock()
        self.seconds: dict[tuple[Callable, int], list[float]] = {}  # for a game, alone and shared; 0 is not measured
        self.all.add(self)

    def run(self, function: Callable, games: int, threads: int, *arguments) -> None:
        """Call ``function(first, end, thread, *arguments)`` for games 0 to `games`, in pieces, by up to `threads`."""
        threads = min(threads, num_threads(), games)
        key = function, games.bit_length()
        with self.lock:
            if threads < 2 or key not in self.seconds:  # the first call may compile
                function(0, games, 0, *arguments)
                self.seconds.setdefault(key, [0.0, 0.0])
                return
            seconds = self.seconds[key]
            shared = self.pays(games, *seconds)
            begun = perf_counter()
            if shared:
                threads = min(threads, max(2, int(games * seconds[0] / PIECE)))
                _Job(function, games, threads, max(1, int(PIECE / seconds[0])), arguments).run()
            else:
                function(0, games, 0, *arguments)
            took = (perf_counter() - begun) / games
            before = seconds[shared] or took
            seconds[shared] = before + (min(took, 2 * before) - before) / 4  # one slow call says little
            seconds[not shared] *= 0.99  # forgotten slowly, so that it is tried again

    def pays(self, games: int, alone: float, shared: float) -> bool:
        """Whether to share: there is enough to do, and it was quicker lately."""
        return games * alone > 2 * PIECE and shared <= alone

    def __reduce__(self):
        return Runner, ()


class _Job:
    """A kernel and the games that it has still to be called for; whichever thread comes takes some."""

    def __init__(self, function: Callable, games: int, threads: int, least: int, arguments: tuple):
        self.function, self.arguments = function, arguments
        self.games, self.threads, self.least = games, threads, least
        self.lock, self.over = Lock(), Lock()
        self.next, self.helpers, self.error = 0, 0, None

    def run(self) -> None:
        """Play all games."""
        try:
            _Workers.call(self)
            self.work(0)
        except KeyboardInterrupt:  # no game of a batch stays a step behind the others
            self.work(0)
            raise
        finally:
            self.finish()

    def work(self, thread: int) -> None:
        """Take games until none is left: fewer at a time towards the end, so that no thread waits long for another."""
        while True:
            with self.lock:
                first = self.next
                size = max(self.least, (self.games - first) // (2 * self.threads))
                self.next = end = min(self.games, first + size)
            if first == end:
                return
            self.function(first, end, thread, *self.arguments)

    def help(self, thread: int) -> None:
        """`work` in another thread; does nothing where all games are taken."""
        with self.lock:
            if self.next == self.games:
                return
            self.helpers += 1
            if self.helpers == 1:
                self.over.acquire()
        try:
            self.work(thread)
        except BaseException as error:  # raised by whoever waits
            self.error = error
        with self.lock:
            self.helpers -= 1
            if not self.helpers:
                self.over.release()

    def finish(self) -> None:
        """Let nobody take more, wait for those who still play, and forget the arrays."""
        try:
            self.wait()
        except BaseException:  # Ctrl-C: whoever is told of it must find nobody playing
            self.wait()
            raise
        finally:
            self.arguments = ()
        if self.error is not None:
            raise self.error

    def wait(self) -> None:
        """Until nobody plays; again, where Ctrl-C came in between: so it keeps no lock."""
        with self.lock:
            self.next = self.games
        with self.over:
            pass


class _Workers:
    """The threads, which sleep until there is a job. A forked child starts without any and begins its own."""

    count: int | None = None
    jobs: SimpleQueue = SimpleQueue()
    started = 0
    lock = Lock()

    @classmethod
    def call(cls, job: _Job) -> None:
        """Ask threads to help; whoever comes too late finds nothing left."""
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
    os.register_at_fork(after_in_child=_Workers.forget)


def _serve(jobs: SimpleQueue) -> None:
    while True:
        job, thread = jobs.get()
        job.help(thread)
        del job  # and with it the arrays, until the next one comes
