"""Proximal policy optimisation of our own: its parts are small pure functions, its loop reads top to bottom.

``config`` what a run is trained with · ``rollout`` what was seen · ``losses`` the mathematics · ``ppo`` the loop ·
``run`` the folder of a run · ``live`` training in the background. What comes out is an agent: `territory.agent`.

The names below load on first use: the command line reads configurations without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from territory.training.config import TrainConfig
    from territory.training.ppo import PPO, iterate, train
    from territory.training.rollout import Update

_HOMES = {"PPO": "ppo", "TrainConfig": "config", "Update": "rollout", "iterate": "ppo", "train": "ppo"}
__all__ = ["PPO", "TrainConfig", "Update", "iterate", "train"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"territory.training.{_HOMES[name]}"), name)
