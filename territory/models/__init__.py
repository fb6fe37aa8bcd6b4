"""The networks, by name: ``names()`` lists them, ``build(name, **options)`` makes one.

Every model takes ``obs_map`` uint8 ``(B, 5, H, W)`` and ``obs_global`` float32 ``(B, 16)``, gives ``logits``
``(B, 90)`` and ``value`` ``(B,)``, and names its parts alike: ``map_branch``, ``global_branch``,
(``cross_attention``,) ``fusion``, ``actor``, ``critic``. It remembers its ``name`` and its ``options``, so that
``build(model.name, **model.options)`` makes a second one of the same shape.
"""

import inspect
import os
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from territory.errors import BadInput
from territory.models.attention import Attention
from territory.models.baseline import Baseline
from territory.models.tokens import Tokens
from territory.world.threads import allowed_cores

# Said here, where whoever runs a network comes by; a number that somebody chose stays.
if not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys() and allowed_cores() < (os.cpu_count() or 1):
    torch.set_num_threads(min(torch.get_num_threads(), allowed_cores()))

OWN = "A network of your own is trained and looked at in Python, as notebook 07 does: PPO(config, model=network)"
_MODELS: dict[str, type[nn.Module]] = {model.name: model for model in (Baseline, Attention, Tokens)}


def names() -> tuple[str, ...]:
    """The models that :func:`build` can make."""
    return tuple(_MODELS)


def build(name: str, *, seed: int | None = None, **options: Any) -> nn.Module:
    """A freshly initialised model in training mode, on the CPU.

    ``seed`` decides its weights and leaves torch's own random state alone; without one, ``torch.manual_seed`` does.

    Raises BadInput for a name, an option or an option's value that does not exist.
    """
    options = known_options(name, options)
    if seed is None:
        return _MODELS[name](**options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MODELS[name](**options)


def without_gradients(model: nn.Module) -> AbstractContextManager[Any]:
    """How a network plays: ours in inference mode, which saves a twentieth of a small batch's time.

    Another one may keep what it computed, and torch can't go back through a tensor of inference mode.
    """
    return torch.inference_mode() if type(model) in _MODELS.values() else torch.no_grad()


def known_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a model as they are, once it has been seen that it takes each of them.

    Raises BadInput: there is no such model, or it has no such option.
    """
    if not isinstance(name, str) or name not in _MODELS:
        hint = OWN if ".py" in str(name) else "Is the name misspelt?"
        raise BadInput(f"expected a model out of {', '.join(names())}; got {name!r}. {hint}")
    known = list(inspect.signature(_MODELS[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        listed = ", ".join(known) if known else "none"
        raise BadInput(
            f"model {name!r} has these options: {listed}; got {', '.join(unknown)}. "
            "Is the option misspelt, or meant for another model?"
        )
    return options
