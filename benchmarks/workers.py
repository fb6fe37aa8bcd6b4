"""Calls in processes of their own, timed by turns: each with its own allocator, and never two at work at once."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from unittest.mock import patch

import numpy as np

from territory.profiling import LatencyRecord

Make = Callable[[], Callable[[], object]]  # makes, in the process, what is timed; must be picklable


@dataclass(frozen=True)
class Work:
    """What a process is to time, and in which surroundings: with glibc told to keep memory, with other variables."""

    make: Make
    keep_memory: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def compare(works: Mapping[str, Work], repeats: int, warmup: int = 1) -> list[LatencyRecord]:
    """Times each work's call, taking turns; the first ``warmup`` rounds are not counted."""
    with ExitStack() as stack:
        asked = [stack.enter_context(_process(work)) for work in works.values()]
        times = np.array([[ask() for ask in asked] for _ in range(warmup + repeats)])
    low, median, high = np.quantile(times[warmup:], [0.25, 0.5, 0.75], axis=0)
    return [
        LatencyRecord(name, float(median[i]), float(low[i]), float(high[i]), repeats) for i, name in enumerate(works)
    ]


@contextmanager
def _process(work: Work) -> Iterator[Callable[[], float]]:
    """A process that waits for its turn; asked, it makes one call and gives its seconds."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, work), daemon=True)
    with patch.dict(os.environ, work.environment):
        process.start()
    theirs.close()

    def ask() -> float:
        ours.send(True)
        answer = ours.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    try:
        yield ask
    finally:
        ours.close()  # which ends its loop
        process.join(timeout=10)


def _serve(pipe: Connection, work: Work) -> None:
    from territory.training.fast import keep_freed_memory

    try:
        if work.keep_memory:
            keep_freed_memory()
        call = work.make()
        while pipe.recv():
            start = time.perf_counter()
            call()
            pipe.send(time.perf_counter() - start)
    except EOFError:  # nobody asks any more
        pass
    except Exception as error:
        pipe.recv()
        pipe.send(error)
