"""What checks try an answer on: always the same, and what is no answer is told."""

import pytest
import torch
from torch import nn

from territory import models
from territory.course import NotYet
from territory.course.trials import made, random_boards, shuffler, turned
from territory.errors import BadInput
from territory.models.policy import VIEWS, masked_softmax
from territory.training import PPO, TrainConfig


def test_a_network_is_made_with_the_same_weights_each_time():
    one, other = made(lambda: nn.Linear(3, 2)), made(lambda: nn.Linear(3, 2))
    assert torch.equal(one.weight, other.weight) and not one.training
    with pytest.raises(NotYet, match="expected a torch module, got 3"):
        made(lambda: 3)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 2), nn.Linear(2, 1)]


def test_what_torch_does_not_see_or_has_no_size_yet_is_told():
    with pytest.raises(NotYet, match=r"see a Linear in a plain list, .* use nn\.ModuleList"):
        made(lambda: nn.Sequential(Listed()))
    with pytest.raises(BadInput, match="lazy layers without a size yet"):
        made(lambda: nn.LazyLinear(2))


def test_random_boards_are_the_same_each_time():
    (maps, stats), (again, _) = random_boards(2), random_boards(2)
    assert maps.shape == (2, 5, 64, 64) and maps.dtype == torch.uint8 and stats.shape == (2, 16)
    assert torch.equal(maps, again)


def test_minibatches_come_in_the_order_that_the_trainer_would_take_them():
    config = TrainConfig("tokens", height=32, width=32, num_bots=1, num_envs=2, num_steps=4, minibatch_size=4)
    trainer = PPO(config)
    shuffled = shuffler(trainer)
    wanted = torch.randperm(8, generator=trainer.generator).split(4)
    assert all(map(torch.equal, shuffled(), wanted))
    assert not all(map(torch.equal, shuffled(), wanted))


def test_a_policy_that_follows_the_board_answers_alike_from_every_side():
    maps, stats = random_boards(2)
    masks = torch.ones(2, 90, dtype=torch.bool)
    model = models.build("tokens", seed=0).eval()

    def mean_over_views(model, maps, stats, masks):
        with torch.no_grad():
            logits = [model(view.of_maps(maps), stats)[0][:, view.of_actions()] for view in VIEWS]
        return torch.stack([masked_softmax(each, masks) for each in logits]).mean(0)

    answers = [turned(mean_over_views, model, view, maps, stats, masks) for view in VIEWS]
    assert max(abs(answer - answers[0]).max() for answer in answers) < 1e-5
