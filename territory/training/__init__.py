"""Proximal policy optimisation of our own: its parts are small pure functions, its loop reads top to bottom.

``config`` what a run is trained with · ``rollout`` what was seen · ``advantages`` and ``losses`` the mathematics ·
``ppo`` the loop · ``checkpoint`` the files · ``run`` the folder of a run · ``agent`` and ``evaluation`` what comes out.

The names below load on first use: the command line reads configurations without waiting for torch.
"""

from importlib import import_module

_NAMES = {
    "Agent": "agent",
    "EvaluationResult": "evaluation",
    "IdlePolicy": "policies",
    "SteadyPolicy": "policies",
    "PPO": "ppo",
    "RandomPolicy": "policies",
    "TrainConfig": "config",
    "Update": "progress",
    "evaluate": "evaluation",
    "iterate": "ppo",
    "load_agent": "agent",
    "save_agent": "agent",
    "train": "ppo",
    "wilson": "evaluation",
}
__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(f"territory.training.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
