"""The world as gymnasium environments."""

from territory.envs.common import TRAINING_SEEDS
from territory.envs.single import TerritoryEnv
from territory.envs.vector import TerritoryVectorEnv

__all__ = ["TRAINING_SEEDS", "TerritoryEnv", "TerritoryVectorEnv"]
