"""Equivariance: when the board is rotated or mirrored, the direction of the attack must rotate along."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.interpret.measures import as_mask
from territory.interpret.records import logits_and_value
from territory.models.guests import check_model
from territory.models.modes import inference
from territory.models.policy import VIEWS, View, split_actions
from territory.world.actions import FIRST_WAIT, NUM_ACTIONS, NUM_DIRECTIONS, NUM_ORDERS, Direction


@dataclass(frozen=True)
class Equivariance:
    """Over B boards and the views in which the direction that was chosen would be another one; shares."""

    boards: int  # those with somebody to attack
    along: float  # equivariant: the direction rotated with the board
    stayed: float  # the same compass direction whichever way the board lay: a favourite
    favourite: str  # the direction chosen most often on the boards as they lie
    favoured: float  # share of boards on which it was


def equivariance(model: nn.Module, maps: Tensor, stats: Tensor, masks: Tensor) -> Equivariance:
    """What becomes of the likeliest direction when square boards are rotated and mirrored.

    ``maps`` uint8 ``(B, 5, S, S)``, ``stats`` ``(B, 16)``, ``masks`` bool ``(B, 90)``: an agent that looks at its map
    is equivariant always; one that chooses without looking, by chance.

    Raises:
        BadInput: maps that are not square, or no board on which there is anybody to attack.
    """
    check_model(model)
    masks = torch.from_numpy(as_mask(masks)).to(maps.device)
    if maps.shape[-1] != maps.shape[-2]:
        raise BadInput(f"a quarter turn needs square maps, got {tuple(maps.shape[-2:])}")
    if masks.shape != (len(maps), NUM_ACTIONS) or len(stats) != len(maps):
        shapes = f"{tuple(maps.shape)}, {tuple(stats.shape)} and {tuple(masks.shape)}"
        raise BadInput(f"expected maps, statistics and masks (B, {NUM_ACTIONS}) of the same boards; got {shapes}")
    able = masks[:, :FIRST_WAIT].any(1)
    if not able.any():
        raise BadInput("on none of these boards is there anybody to attack: take them from the middle of games")
    maps, stats, masks = maps[able], stats[able], masks[able]
    here = likeliest_direction(model, maps, stats, masks)
    along, stayed = zip(*(_compare(model, view, here, maps, stats, masks) for view in VIEWS[1:]), strict=True)
    counts = np.bincount(here.numpy(), minlength=NUM_DIRECTIONS)
    turned, kept = (torch.cat(each).float().mean().item() for each in (along, stayed))
    return Equivariance(len(here), turned, kept, Direction(counts.argmax()).name, counts.max().item() / len(here))


def likeliest_direction(model: nn.Module, maps: Tensor, stats: Tensor, masks: Tensor) -> Tensor:
    """The direction ``(B,)`` int64, 0 to 7 clockwise from north, that most of the probability of attacking is in."""
    masks = torch.from_numpy(as_mask(masks)).to(maps.device)
    with inference(model):
        logits = logits_and_value(model, maps, stats)[0].masked_fill(~masks, -torch.inf)
    return split_actions(logits)[0].logsumexp(2).argmax(1)


def _compare(
    model: nn.Module, view: View, here: Tensor, maps: Tensor, stats: Tensor, masks: Tensor
) -> tuple[Tensor, Tensor]:
    """Whether the direction turned along, and whether it stayed, where these are not the same."""
    places = view.of_actions()
    there = likeliest_direction(model, view.of_maps(maps), stats, masks[:, places.argsort()])
    expected = places[here * NUM_ORDERS] // NUM_ORDERS
    differs = expected != here
    return (there == expected)[differs], (there == here)[differs]
