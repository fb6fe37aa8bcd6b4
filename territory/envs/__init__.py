"""The world as environments: gymnasium's, single or a native batch, and PettingZoo's, where everybody is an agent."""

from territory.envs.common import TRAINING_SEEDS
from territory.envs.maps import map_from_image, save_map
from territory.envs.mixture import MixedVectorEnv
from territory.envs.parallel import TerritoryParallelEnv
from territory.envs.single import TerritoryEnv
from territory.envs.vector import TerritoryVectorEnv

__all__ = [
    "TRAINING_SEEDS",
    "MixedVectorEnv",
    "TerritoryEnv",
    "TerritoryParallelEnv",
    "TerritoryVectorEnv",
    "map_from_image",
    "save_map",
]
