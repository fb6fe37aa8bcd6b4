"""Compile the game for this machine, once: ``python -m territory.world``. `make setup` does it beforehand."""

import shutil

import numpy as np

from territory.world.compiled import cache_folder, linger
from territory.world.world import World, WorldParams


def warm_up() -> None:
    """Run every kernel once, on the smallest of maps, and drop the machine code of earlier sources."""
    folder = cache_folder()
    for other in folder.parent.glob("kernels-*") if folder else ():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    world = World(1, WorldParams(height=32, width=32, num_bots=1))
    world.reset(np.zeros(1, np.uint64))
    world.step(np.array([80]))
    world.observe()
    world.rebuild()
    linger(np.zeros(1, np.int64), 1)


if __name__ == "__main__":
    warm_up()
