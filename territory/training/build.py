"""What a configuration stands for: its games, its network with its initial weights, their layout in memory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from territory import models
from territory.agent.agent import load_agent
from territory.envs.opponents import is_mixture, kinds_of_games
from territory.envs.vector import TerritoryVectorEnv
from territory.errors import BadInput
from territory.models.map_conv import MapConv2d
from territory.training.config import TrainConfig

NORM_MODELS = ("attention", "tokens")  # those whose normalisation is a choice


def pick_device(name: str) -> torch.device:
    """The torch device of a name: ``auto`` (CUDA, else Apple's MPS, else the processor), ``cpu``, ``cuda``, ``mps``.

    Raises BadInput: this machine has no such device.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if name not in present:
        raise BadInput(f"device must be auto, {', '.join(present)}; got {name!r}")
    if not present[name]:
        usable = ", ".join(kind for kind in present if present[kind])
        raise BadInput(
            f"device {name} was asked for, but this torch ({torch.__version__}) finds none here. Usable: {usable}. "
            "A torch built without GPU support is the usual cause."
        )
    return torch.device(name)


def make_envs(config: TrainConfig, num_envs: int | None = None) -> TerritoryVectorEnv:
    """The training games of a configuration, or ``num_envs`` of them, as one vector environment.

    Raises BadInput: several processes would share a mixture of games, whose kinds can't be cut into equal parts.
    """
    if is_mixture(config.opponents) and num_envs not in (None, config.num_envs):
        raise BadInput(f"several kinds of games ({config.opponents}) need a single process: start it without torchrun")
    device = pick_device(config.device)
    envs = TerritoryVectorEnv(num_envs or config.num_envs, device=device, **config.world())
    if device.type == "cuda":
        envs.world.empty = page_locked
    return envs


def page_locked(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array that a graphics card reads by itself: an H100 takes eight times as long to be handed other memory."""
    return torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name), pin_memory=True).numpy()


def make_watched_env(config: TrainConfig) -> TerritoryVectorEnv:
    """One game like those of the run, as a vector environment; of a mixture, one of its first kind."""
    if is_mixture(config.opponents):
        config = replace(config, **kinds_of_games(config.opponents)[0])
    return make_envs(config, 1)


def memory_layout(device: torch.device, model: nn.Module) -> torch.memory_format:
    """How a rollout's maps lie in memory: as the network's first convolution reads them. The same numbers.

    With the five channels of a tile adjacent a convolution with overlapping windows takes half as long on a processor;
    one over squares moves whole rows of a plane.
    """
    overlapping = any(isinstance(part, MapConv2d) and part.stride < part.kernel_size for part in model.modules())
    return torch.channels_last if device.type == "cpu" and overlapping else torch.contiguous_format


def model_options(config: TrainConfig) -> dict[str, Any]:
    """What the configuration's network is built with."""
    return {"norm": config.norm} if config.model in NORM_MODELS else {}


def make_model(config: TrainConfig) -> nn.Module:
    """The configuration's network with its initial weights: those of ``init``, or seeded ones.

    Leaves torch's own random state alone.

    Raises BadInput: ``init`` is another network than the configuration's.
    """
    if config.init is None:
        return models.build(config.model, seed=config.seed, **model_options(config))
    model: Any = load_agent(config.init).model
    wanted = (config.model, {**model.options, **model_options(config)})
    if (model.name, model.options) != wanted:
        raise BadInput(
            f"init {config.init} is {model.name} {model.options}, and the run was to train {wanted[0]} {wanted[1]}: "
            "give the same --model and --norm, or turn it into that network first: python -m studies.distillation"
        )
    return model


def compile_in_place(model: nn.Module, run_once: Callable[[], object]) -> None:
    """Compile a network, whose weights keep their names; ``run_once`` calls it, so that what is missing shows at once.

    Raises BadInput: torch.compile does not work here.
    """
    model.eval().compile()  # in evaluation mode, so that batch norm's averages stay
    try:
        with models.without_gradients(model):
            run_once()
    except torch._dynamo.exc.BackendCompilerFailed as error:  # pyright: ignore[reportAttributeAccessIssue] -- its only name
        reason = " ".join(str(error).partition("\n\n")[0].split())  # what follows is advice for torch's developers
        raise BadInput(
            f"compile was asked for, but torch.compile fails here: {reason}. "
            "On a processor it needs a C++ compiler (g++, clang++ or what CXX names); without compile all works alike, "
            "in a run that goes on too (--no-compile)."
        ) from error
