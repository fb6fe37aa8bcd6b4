"""The world as environments: gymnasium's, single or a native batch, and PettingZoo's, where everybody is an agent.

The environments load on first use: who only checks the name of an opponent should not wait for Numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from territory.envs.maps import map_from_image, save_map
    from territory.envs.opponents import IdlePolicy, RandomPolicy, SteadyPolicy
    from territory.envs.parallel import TerritoryParallelEnv
    from territory.envs.sb3 import SB3VecEnv
    from territory.envs.single import TerritoryEnv
    from territory.envs.vector import TerritoryVectorEnv

_HOMES = {
    "IdlePolicy": "opponents",
    "RandomPolicy": "opponents",
    "SB3VecEnv": "sb3",
    "SteadyPolicy": "opponents",
    "TerritoryEnv": "single",
    "TerritoryParallelEnv": "parallel",
    "TerritoryVectorEnv": "vector",
    "map_from_image": "maps",
    "save_map": "maps",
}
__all__ = ["IdlePolicy", "RandomPolicy", "SteadyPolicy", "map_from_image", "save_map"]
__all__ += ["SB3VecEnv", "TerritoryEnv", "TerritoryParallelEnv", "TerritoryVectorEnv"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"territory.envs.{_HOMES[name]}"), name)
