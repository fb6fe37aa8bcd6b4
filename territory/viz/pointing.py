"""From a place that someone points at on the board to the direction that leads there."""

import math

import numpy as np

from territory.errors import BadInput
from territory.world.actions import NUM_DIRECTIONS, Direction


def direction_towards(owner: np.ndarray, row: int, column: int, player: int = 1) -> tuple[Direction, tuple[int, int]]:
    """The direction from a player's land to a tile, and the tile of the land that it leads from.

    Outside the land it leads from the nearest own tile, since that is where a push would set out; inside it, from the
    own tile next to the middle. ``WAIT`` where these are one and the same.

    Args:
        owner: uint8 (H, W), who owns each tile.
        row, column: of the tile that is pointed at.

    Raises:
        BadInput: the tile is not on the board, or the player owns nothing.
    """
    height, width = owner.shape
    if not (0 <= row < height and 0 <= column < width):
        raise BadInput(f"row and column must lie on the board of {height} x {width} tiles, got {row}, {column}")
    own = np.argwhere(owner == player)
    if not len(own):
        raise BadInput(f"player {player} owns no land to point from: has it lost?")
    anchor = own.mean(axis=0) if owner[row, column] == player else (row, column)
    start = own[np.square(own - anchor).sum(axis=1).argmin()]
    down, right = int(row - start[0]), int(column - start[1])
    eighth = round(math.atan2(right, -down) / (2 * math.pi) * NUM_DIRECTIONS)  # clockwise from north
    direction = Direction(eighth % NUM_DIRECTIONS) if down or right else Direction.WAIT
    return direction, (int(start[0]), int(start[1]))
