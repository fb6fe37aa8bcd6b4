"""What checks of the notebooks try an answer on: a network that somebody made, boards, and views of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.course.checks import NotYet, array, function, shown
from territory.guests.call import check_model
from territory.models.policy import View
from territory.training import PPO, losses
from territory.world.layout import NUM_PLANES, NUM_STATS


def made(answer: Any) -> nn.Module:
    """The network that a learner's class or function makes, always with the same weights, in evaluation mode."""
    torch.manual_seed(0)
    network = function(answer)()
    if not isinstance(network, nn.Module):
        raise NotYet(f"expected a torch module, got {shown(network)}.")
    check_model(network)
    kept = [each for module in network.modules() for each in vars(module).values() if isinstance(each, list | tuple)]
    if unseen := {each for layers in kept for each in layers if isinstance(each, nn.Module)} - {*network.modules()}:
        kind = type(unseen.pop()).__name__
        raise NotYet(f"torch doesn't see a {kind} in a plain list, and would never train it: use nn.ModuleList.")
    return network.eval()


def random_boards(count: int, side: int = 64) -> tuple[Tensor, Tensor]:
    """Maps uint8 (count, 5, side, side) and statistics (count, 16) of no game, the same each time."""
    torch.manual_seed(1)
    maps = torch.randint(0, 256, (count, NUM_PLANES, side, side), dtype=torch.uint8)
    return maps, torch.randn(count, NUM_STATS)


def shuffler(trainer: PPO) -> Callable[[], tuple[Tensor, ...]]:
    """A function that gives minibatches' indices: a new order each time, the ones that the trainer would take next."""
    generator = torch.Generator().set_state(trainer.generator.get_state())
    return lambda: torch.randperm(len(trainer.rollout), generator=generator).split(trainer.config.minibatch_size)


def loss_slips(
    wanted: Tensor, ratio: Tensor, advantages: Tensor, values: Tensor, returns: Tensor, entropy: Tensor
) -> dict[str, Tensor]:
    """What becomes of PPO's loss by the usual slips, by the hint for each; ``wanted``: the right one. For `slip`."""
    sample = (advantages - advantages.mean()) / advantages.std()
    used = (losses.normalized(advantages, among=advantages), advantages, sample)
    normal, raw, sampled = (losses.policy_loss(ratio, each, 0.2) for each in used)
    larger = torch.maximum(ratio * used[0], ratio.clamp(0.8, 1.2) * used[0]).mean()
    return {
        "the policy loss is minus the mean of the clipped gain": wanted - 2 * normal,
        "of the gain and the clipped gain the smaller one counts": wanted - normal - larger,
        "the entropy is a bonus: take it away from the loss": wanted + 2 * 0.003 * entropy.mean(),
        "the value loss is half the mean squared error": wanted + 0.5 * losses.value_loss(values, returns),
        "the advantages are not normalised": wanted - normal + raw,
        "the deviation is that of a sample, not of a population": wanted - normal + sampled,
    }


def turned(policy: Callable, model: nn.Module, view: View, maps: Tensor, stats: Tensor, masks: Tensor) -> np.ndarray:
    """What a policy answers about boards seen another way, brought back to the boards as they lie: (B, 90)."""
    home = view.of_actions()
    answer = policy(model, view.of_maps(maps), stats, masks[:, home.argsort()])
    return array(answer, tuple(masks.shape))[:, home]
