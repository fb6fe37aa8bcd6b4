"""A model put into evaluation mode for a while, and back into exactly the modes it had."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn


@contextmanager
def evaluation_mode(model: nn.Module, gradients: bool | None = None) -> Iterator[None]:
    """Every module in evaluation mode inside the block; each has its own mode again after it, whatever happens.

    ``gradients``: whether they are recorded inside; by default as outside.
    """
    recorded = nullcontext() if gradients is None else torch.set_grad_enabled(gradients)
    with _evaluating(model), recorded:
        yield


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and torch's inference mode: the quickest way to run a network that learns nothing here."""
    with _evaluating(model), torch.inference_mode():
        yield


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
