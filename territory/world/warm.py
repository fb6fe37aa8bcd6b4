"""Compile the game for this machine, once: ``python -m territory.world.warm``. `make setup` does it beforehand."""

import shutil

import numpy as np

from territory.world.compiled import cache_folder
from territory.world.world import World, WorldParams


def warm_up() -> None:
    """Run every kernel once, on the smallest of maps, and drop the machine code of earlier sources."""
    for folder in cache_folder().parent.glob("kernels-*"):
        if folder != cache_folder():
            shutil.rmtree(folder)
    world = World(1, WorldParams(height=32, width=32, num_bots=1))
    world.reset(np.zeros(1, np.uint64))
    world.step(np.array([80]))
    world.observe()
    world.load_state_dict(world.state_dict())


if __name__ == "__main__":
    warm_up()
