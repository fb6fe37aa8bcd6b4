"""Matrix products by oneDNN, where the library that torch takes for them leaves half of the processor idle.

torch multiplies matrices of float32 with Intel's MKL, which leaves AVX-512 alone on processors of other makers. oneDNN,
which torch has for convolutions, uses it: a product takes half as long. torch asks oneDNN for products where it may
round to bfloat16, and it does so on processors with AMX; on others it computes in float32, no less exactly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

import torch
from llvmlite.binding import get_host_cpu_name

EXACT = 1e-5  # largest error of a product in float32, as a share of its largest number; bfloat16 makes 100 times more

_setting: Any = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue] -- its module is an object
_lock = RLock()
_inside = 0  # how many are: runs that train side by side share the process's setting


@contextmanager
def by_onednn() -> Iterator[None]:
    """Inside, the process's products are oneDNN's, in all threads, where it `is_quicker` and nobody chose before."""
    global _inside
    with _lock:
        entered = is_quicker() and (_inside > 0 or _setting.fp32_precision == "none")
        if entered:
            _inside, _setting.fp32_precision = _inside + 1, "bf16"
    try:
        yield
    finally:
        with _lock:
            _inside -= entered
            if entered and not _inside:
                _setting.fp32_precision = "none"


def are_onednns() -> bool:
    """Whether they are now."""
    return _inside > 0


@cache
def is_quicker() -> bool:
    """Whether oneDNN multiplies here with instructions that MKL leaves alone, and as exactly."""
    libraries = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    amd = get_host_cpu_name().startswith("znver")
    return libraries and amd and torch.backends.cpu.get_cpu_capability() == "AVX512" and largest_error() < EXACT


def largest_error() -> float:
    """Of a product that oneDNN may round, as a share of its largest number."""
    a, b = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0))
    with _lock, torch.autocast("cpu", enabled=False):
        before, _setting.fp32_precision = _setting.fp32_precision, "bf16"
        try:
            found = a @ b
        finally:
            _setting.fp32_precision = before
    right = a.double() @ b.double()
    return ((found - right).abs().max() / right.abs().max()).item()
