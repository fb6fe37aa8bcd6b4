"""The eight ways to lay the board on the table.

A map turned by a quarter or mirrored is as good a map, and the best order on it is the old one turned along. No network
here knows that: each has learned it roughly, from maps that lie every way. Averaging its answers over the eight views
makes it exact, and takes out the errors that differ from view to view (an average over a group is equivariant: Cohen &
Welling 2016; AlphaGo's networks were asked about boards in all eight: Silver et al. 2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from territory.world.actions import FIRST_WAIT, NUM_ACTIONS, NUM_DIRECTIONS, NUM_ORDERS


class View(NamedTuple):
    """First mirrored west to east, or not; then turned counter-clockwise by ``turns`` quarters."""

    turns: int
    mirrored: bool

    def of_maps(self, maps: Tensor) -> Tensor:
        """Maps ``(..., H, W)`` as they are seen; ``(..., W, H)`` after an odd number of turns."""
        return torch.rot90(maps.flip(-1) if self.mirrored else maps, self.turns, dims=(-2, -1))

    def of_actions(self) -> Tensor:
        """Where each action of the board stands among those of the view, int64 ``(90,)``.

        ``logits_of_view[:, view.of_actions()]`` are the logits of the board.
        """
        compass = torch.arange(NUM_DIRECTIONS)  # clockwise from north, two to a quarter
        seen = ((-compass if self.mirrored else compass) - 2 * self.turns) % NUM_DIRECTIONS
        attacks = seen[:, None] * NUM_ORDERS + torch.arange(NUM_ORDERS)
        return torch.cat([attacks.flatten(), torch.arange(FIRST_WAIT, NUM_ACTIONS)])  # waiting has no direction


VIEWS = tuple(View(turns, mirrored) for turns in range(4) for mirrored in (False, True))  # the board itself is first


def views_of(height: int, width: int) -> tuple[View, ...]:
    """Those that keep the shape of a map: all eight of a square, four of others."""
    return VIEWS if height == width else tuple(view for view in VIEWS if view.turns % 2 == 0)
