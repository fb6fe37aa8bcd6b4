"""Equivariance: two networks of which it is known, and bad boards."""

import pytest
import torch
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.interpret import equivariance, likeliest_direction
from territory.world.actions import Direction


class Stubborn(nn.Module):
    """Attacks east, whatever it is shown."""

    def forward(self, maps, stats):
        logits = torch.zeros(len(maps), 90)
        logits[:, Direction.E * 10] = 5.0
        return logits, torch.zeros(len(maps))


class Seeing(nn.Module):
    """Attacks towards the edge of the map in whose middle it is brightest."""

    def forward(self, maps, stats):
        bright, middle = maps[:, 0].float(), maps.shape[-1] // 2
        logits = torch.zeros(len(maps), 90)
        edges = (bright[:, 0, middle - 1 : middle + 1], bright[:, middle - 1 : middle + 1, -1])
        edges += (bright[:, -1, middle - 1 : middle + 1], bright[:, middle - 1 : middle + 1, 0])
        for quarter, edge in enumerate(edges):
            logits[:, quarter * 20] = edge.mean(1)
        return logits, torch.zeros(len(maps))


@pytest.fixture
def boards():
    random = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 256, (40, 5, 32, 32), generator=random, dtype=torch.uint8)
    masks = torch.ones(40, 90, dtype=torch.bool)
    masks[:4, :80] = False  # nobody to attack
    return maps, torch.zeros(40, 16), masks


def test_a_network_with_a_favourite_never_is_equivariant(boards):
    found = equivariance(Stubborn(), *boards)
    assert (found.boards, found.along, found.stayed) == (36, 0.0, 1.0)
    assert (found.favourite, found.favoured) == ("E", 1.0)


def test_a_network_that_sees_is_equivariant_always(boards):
    found = equivariance(Seeing(), *boards)
    assert (found.along, found.stayed) == (1.0, 0.0)
    assert found.favoured < 0.6


def test_arrays_are_taken_like_tensors(boards):
    arrays = [each.numpy() for each in boards]
    assert equivariance(Seeing(), *arrays) == equivariance(Seeing(), *boards)
    assert torch.equal(likeliest_direction(Seeing(), *arrays), likeliest_direction(Seeing(), *boards))


def test_closed_directions_are_never_chosen(boards):
    maps, stats, masks = boards
    masks[:, Direction.E * 10 : Direction.E * 10 + 10] = False
    masks[:, Direction.W * 10] = True
    chosen = likeliest_direction(Stubborn(), maps[4:], stats[4:], masks[4:])
    assert not (chosen == Direction.E).any()


def test_a_fresh_network_is_measured_without_a_change_to_it(boards):
    torch.manual_seed(0)
    network = models.build("tokens")
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    found = equivariance(network, *boards)
    assert 0 <= found.along <= 1 and 0 <= found.stayed <= 1 and found.along + found.stayed <= 1
    assert all(torch.equal(before[name], weight) for name, weight in network.state_dict().items())


def test_boards_that_cannot_show_it_are_refused(boards):
    maps, stats, masks = boards
    with pytest.raises(BadInput, match="square"):
        equivariance(Stubborn(), maps[..., :16], stats, masks)
    with pytest.raises(BadInput, match="anybody to attack"):
        equivariance(Stubborn(), maps[:4], stats[:4], masks[:4])


@pytest.mark.parametrize("boards, masked, actions", [(2, 3, 90), (3, 3, 80), (3, 2, 90)])
def test_boards_and_masks_that_do_not_belong_together_are_refused(boards, masked, actions):
    maps = torch.zeros(3, 5, 32, 32, dtype=torch.uint8)
    with pytest.raises(BadInput, match=r"masks \(B, 90\) of the same boards; got \(3, 5, 32, 32\)"):
        equivariance(models.build("tokens"), maps, torch.zeros(boards, 16), torch.ones(masked, actions))
