"""The repair: positions are known, quick and visible attention are the same, and nothing that learns is dead."""

import torch

from territory import models
from territory.interpret import capture, find_dead_attention
from territory.models.tokens import positions


def _model(**options):
    torch.manual_seed(0)
    return models.build("tokens", **options)


def _observation(batch=3, side=128, seed=0):
    rng = torch.Generator().manual_seed(seed)
    planes = torch.randint(0, 256, (batch, 5, side, side), generator=rng, dtype=torch.uint8)
    return planes, torch.rand(batch, 16, generator=rng) * 2 - 1


def test_watched_attention_gives_what_the_quick_one_gives():
    model, seen = _model(), _observation()
    quick = model(*seen)
    with capture(model) as record:
        watched = model(*seen)
    torch.testing.assert_close(quick, watched, rtol=1e-5, atol=1e-5)
    assert {name: tuple(weights.shape) for name, weights in record.items()} == {
        "cross.map_to_stats": (3, 2, 64, 16),
        "cross.stats_to_map": (3, 2, 16, 64),
    }


def test_both_attentions_have_something_to_choose_from_and_do_choose():
    model = _model()
    with capture(model) as record:
        model(*_observation())
    for weights in record.values():
        assert weights.std(dim=-1).max() > 0.01  # over the keys
        assert not torch.allclose(weights[0], weights[1], atol=1e-4)  # over examples


def test_every_parameter_gets_a_gradient():
    assert find_dead_attention(_model(), [_observation(seed=seed) for seed in range(3)]) == []


def test_where_things_are_is_not_lost():
    """A map shown upside down has the same mean of every plane: what averages away positions could not tell."""
    model = _model().eval()
    planes, stats = _observation(1)
    planes[:] = 0
    planes[:, 0, :32] = 255  # own land in the north
    north, _ = model(planes, stats)
    south, _ = model(planes.flip(2), stats)
    assert (north - south).abs().max() > 1e-3 * north.abs().max()


def test_every_cell_has_a_place_of_its_own_and_north_is_north_on_every_map():
    places = positions(8, 8, torch.device("cpu"))
    distances = torch.cdist(places, places) + 99 * torch.eye(64)
    assert distances.min() > 0.5
    corner = positions(4, 4, torch.device("cpu"))[0]
    torch.testing.assert_close(corner, places[0])
