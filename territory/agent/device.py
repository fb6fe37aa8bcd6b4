"""Where the network runs, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from territory.errors import BadInput


def pick_device(name: str) -> torch.device:
    """The torch device of a name: ``auto`` (CUDA, else Apple's MPS, else the processor), ``cpu``, ``cuda``, ``mps``.

    Raises:
        BadInput: this machine has no such device.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if name not in present:
        raise BadInput(f"device must be auto, {', '.join(present)}; got {name!r}")
    if not present[name]:
        usable = ", ".join(kind for kind in present if present[kind])
        raise BadInput(
            f"device {name} was asked for, but this torch ({torch.__version__}) finds none here. Usable: {usable}. "
            "A torch built without GPU support is the usual cause."
        )
    return torch.device(name)


@contextmanager
def keep_threads() -> Iterator[None]:
    """Leave torch's number of threads as it was.

    The world's kernels and torch share one OpenMP library. When Numba first starts its threads it sets that
    library's default to all cores, and so undoes ``torch.set_num_threads`` and ``OMP_NUM_THREADS``.
    """
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
