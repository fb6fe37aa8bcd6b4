"""The eight ways to lay the board on the table, and a network that looks at all of them.

A map turned by a quarter or mirrored is as good a map, and the best order on it is the old one turned along. No network
here knows that: each has learned it roughly, from maps that lie every way. Averaging a network's answers over the eight
views makes it exact, and takes out the errors that differ from view to view (an average over a group is equivariant:
Cohen & Welling 2016, section 3; as a test-time ensemble, AlphaGo's: Silver et al. 2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from territory.world.actions import NUM_ACTIONS, NUM_BUILDS, NUM_DIRECTIONS, NUM_INTENSITIES

ORDERS = NUM_INTENSITIES * NUM_BUILDS  # actions of one direction, which lie together


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
        attacks = seen[:, None] * ORDERS + torch.arange(ORDERS)
        return torch.cat([attacks.flatten(), torch.arange(attacks.numel(), NUM_ACTIONS)])  # waiting has no direction


VIEWS = tuple(View(turns, mirrored) for turns in range(4) for mirrored in (False, True))


class EightViews(nn.Module):
    """A network asked about every view of its board: mean logits ``(B, 90)`` and value ``(B,)``, eight times the work.

    On maps that are not square only the views of the same shape are asked: four.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        square = obs_map.shape[-2] == obs_map.shape[-1]
        answers = [self._asked(view, obs_map, obs_global) for view in VIEWS if square or view.turns % 2 == 0]
        logits, values = zip(*answers, strict=True)
        return torch.stack(logits).mean(0), torch.stack(values).mean(0)

    def _asked(self, view: View, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        logits, values = self.network(view.of_maps(obs_map), obs_global)
        return logits[:, view.of_actions().to(logits.device)], values
