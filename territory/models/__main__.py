"""Compile the game, and what training computes in one pass: ``python -m territory.models``, as `make setup` does."""

import torch

from territory.models.map_conv import SIDE, squares
from territory.models.one_pass import NormReluGate
from territory.world.__main__ import warm_up as compile_game


def warm_up() -> None:
    """Run every kernel once, in both precisions."""
    compile_game()
    for precision in (torch.float32, torch.bfloat16):
        squares(torch.zeros(1, 1, SIDE, SIDE, dtype=torch.uint8), precision)
        features = torch.ones(1, 2, 2, 2, dtype=precision, requires_grad=True)
        weight = torch.ones(2, requires_grad=True)
        NormReluGate.apply(features, weight, weight, weight, weight[:1], 1, 1e-5).float().sum().backward()


if __name__ == "__main__":
    warm_up()
