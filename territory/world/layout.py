"""What an observation holds and in which order: the only place that says so.

Kept apart from the kernels that fill it (:mod:`territory.world.observe`), so that models and pictures can
read names and sizes without compiling anything.
"""

from enum import IntEnum


class Plane(IntEnum):
    """The channels of ``obs["map"]``, uint8 ``(5, height, width)``."""

    OWN = 0  # 255 on the observer's tiles
    ENEMY = 1  # 255 on any other player's tiles
    UNCLAIMED = 2  # on land nobody owns: 255 plains, 170 highland, 85 mountain (brighter = cheaper)
    TROOPS = 3  # troops per tile of the tile's owner: 255 * log2(1 + density) / 12
    CITIES = 4  # 255 the observer's city, 128 another player's


class Stat(IntEnum):
    """The entries of ``obs["global"]``, float32 ``(16,)``, each within [-1, 1]."""

    TROOPS_OVER_CAP = 0
    LOG_CAP = 1  # log10(cap / 100,000) / 1.5
    GROWTH = 2  # growth now over the growth at the best troop ratio of the same cap
    LAND_SHARE = 3
    LAND_SHARE_CHANGE = 4  # 20 times the change over the last step
    RANK = 5  # by tiles: 0 the largest player, 1 the smallest (or dead)
    PLAYERS_ALIVE = 6  # over players at the start
    TIME = 7  # steps taken over max_steps
    GOLD_OVER_CITY_COST = 8
    CITIES = 9  # over 8
    COMMITTED = 10  # troops in attacks over all troops
    LOG_DENSITY = 11  # log2(1 + troops at home per tile) / 12
    BORDER_ENEMY_SHARE = 12  # enemy tiles among the land tiles that touch ours
    STRONGEST_NEIGHBOUR = 13  # log2(its troops / ours) / 4; -1 where there is no neighbour
    WEAKEST_NEIGHBOUR = 14  # likewise; 1 where there is no neighbour
    ACTIVE_FRONTS = 15  # attacks under way over 8


NUM_PLANES = len(Plane)
NUM_STATS = len(Stat)

CITY_OWN, CITY_ENEMY = 255, 128  # values in Plane.CITIES
UNCLAIMED_BRIGHTNESS = (0, 255, 170, 85)  # values in Plane.UNCLAIMED by terrain: water, plains, highland, mountain
LOG_DENSITY_SCALE = 12.0  # log2 of the largest troop density told apart (4,095 a tile)
