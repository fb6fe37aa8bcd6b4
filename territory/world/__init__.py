"""The game: NumPy and Numba only, no torch, no gymnasium."""

from territory.world.params import WorldParams
from territory.world.world import AGENT, World

__all__ = ["AGENT", "World", "WorldParams"]
