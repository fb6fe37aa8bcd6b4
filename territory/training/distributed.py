"""One training shared by several processes, over torch.distributed.

    torchrun --nproc-per-node 2 -m territory train --n-envs 16    # gloo on processors, nccl on GPUs, one GPU each

``n-envs`` and ``minibatch-size`` count over all processes. Each plays its slice of the games, and all draw the random
numbers of the whole run, so that they agree on every action, every shuffle and every average: however many processes
share a configuration, it trains the same network, up to the order of additions. Rank 0 writes one checkpoint of
everything, with which any number of processes can go on; all of them read it, so they need the folder in common.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from territory.errors import BadInput
from territory.training.build import pick_device


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run, seen from one of them. With one process every collective is a no-op."""

    rank: int = 0
    size: int = 1

    def local_slice(self, games: int) -> slice:
        """This process's part of the ``games`` of the run."""
        if games % self.size:
            raise BadInput(f"{self.size} processes can't share {games} games evenly: take a multiple for --n-envs")
        each = games // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def local_rows(self, index: Tensor, games: int) -> Tensor:
        """Those of the run's samples ``index`` (step * all games + game) that are among this process's ``games``.

        Int64 positions in its own rollout (step * games + game).
        """
        if self.size == 1:
            return index
        step, game = index // (games * self.size), index % (games * self.size) - self.rank * games
        return (step * games + game)[(game >= 0) & (game < games)]

    def all_gather(self, values: Tensor) -> Tensor:
        """The values ``(T, games)`` of all processes concatenated: ``(T, all games)``."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(parts, values)
        return torch.cat(parts, dim=1)

    def all_gather_objects(self, own: Any) -> list[Any]:
        """What each process holds, by rank."""
        parts = [own] * self.size
        if self.size > 1:
            dist.all_gather_object(parts, own)
        return parts

    def all_gather_arrays(self, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays with one row for each game, of all processes."""
        parts = self.all_gather_objects(own)
        return {name: np.concatenate([part[name] for part in parts]) for name in own}

    def broadcast_parameters(self, model: nn.Module) -> None:
        """Give every process the network of rank 0. Refuses batch norm, whose averages would be of its own games."""
        if self.size == 1:
            return
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
            raise BadInput("batch norm averages over one process's part of a minibatch: take --norm group here")
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, src=0)

    def all_reduce_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by the sum over the processes, in one message."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        message = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(message)
        for gradient, part in zip(gradients, message.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view(gradient.shape))

    def average_terms(self, terms: list[dict[str, Tensor]], shares: list[float]) -> list[dict[str, Tensor]]:
        """What was measured in each gradient step, averaged over all processes.

        ``shares``: of each step's samples that were this process's own. ``ratio_deviation`` is a maximum.
        """
        if self.size == 1:
            return terms
        table = torch.stack([torch.stack(list(step.values())) for step in terms])
        place = list(terms[0]).index("ratio_deviation")
        largest = table[:, place].clone()
        table *= table.new_tensor(shares).unsqueeze(1)
        dist.all_reduce(table)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        table[:, place] = largest
        return [dict(zip(terms[0], row, strict=True)) for row in table]


SINGLE_PROCESS = ProcessGroup()


def current_group() -> ProcessGroup:
    """The process group that this process is in."""
    if dist.is_available() and dist.is_initialized():
        return ProcessGroup(dist.get_rank(), dist.get_world_size())
    return SINGLE_PROCESS


@contextmanager
def init_process_group(device: str) -> Iterator[ProcessGroup]:
    """Within it, a process that torchrun started is one of a group; any other process is a single one."""
    if (os.environ.get("WORLD_SIZE") or "1") == "1":
        yield SINGLE_PROCESS
        return
    local, kind = _local_rank(), pick_device(device).type
    if kind == "cuda":
        if local >= torch.cuda.device_count():
            raise BadInput(f"{local + 1} processes on a machine with {torch.cuda.device_count()} GPUs: start fewer")
        torch.cuda.set_device(local)  # from here on, "cuda" is this one
    # Its functions have the group that exists when it is first imported as their default argument. The first optimiser
    # would import it, and gloo's threads, kept alive by that, now and then abort a process that has done all its work.
    from torch.distributed.nn import functional  # noqa: F401

    dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo")
    try:
        yield current_group()
    finally:
        dist.destroy_process_group()


def _local_rank() -> int:
    """Which of the processes on its machine this is, as torchrun tells it.

    Raises BadInput: another program, such as a cluster's, has set a part of what torchrun sets.
    """
    told = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")}
    numbers = [int(each) if each.isdecimal() else -1 for each in told.values()]
    if min(numbers) < 0 or numbers[0] >= numbers[1] or not os.environ.get("MASTER_ADDR"):
        raise BadInput(
            "WORLD_SIZE says that torchrun started this process as one of several, but what else torchrun would have "
            f"set is not there, or can't be: {told}. Start it by torchrun, or unset WORLD_SIZE"
        )
    return numbers[2]
