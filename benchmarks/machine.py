"""What a time is measured against: the work of a network, and what this machine's own matrix product reaches."""

import time

import numpy as np
import torch
from torch import nn

from territory.profiling import macs_table

SIDE = 2048  # rows and columns of the product


def matrix_rate(dtype: torch.dtype = torch.float32, repeats: int = 7) -> float:
    """FLOP/s of one large matrix product, the median of some, with torch's present number of threads."""
    a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * SIDE**3 / float(np.median(seconds[2:]))


def flops_per_board(network: nn.Module) -> tuple[int, int]:
    """Of a forward pass and of the backward pass behind it; two for each multiply-accumulate."""
    records = macs_table(network)
    return 2 * sum(r.macs for r in records), 2 * sum(r.backward_macs for r in records)
