"""The game: NumPy and Numba only, no torch, no gymnasium.

`World` and `WorldParams` load on first use: who needs only names and sizes should not wait for Numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from territory.world.params import WorldParams
    from territory.world.replay import Frame, Replay
    from territory.world.world import AGENT, World

_HOMES = {"AGENT": "world", "Frame": "replay", "Replay": "replay", "World": "world", "WorldParams": "params"}
__all__ = ["AGENT", "Frame", "Replay", "World", "WorldParams"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"territory.world.{_HOMES[name]}"), name)
