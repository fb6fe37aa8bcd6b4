"""A course you can run: a territory-conquest world, networks that play it, and instruments that watch them.

The names below are what notebooks and other programs rely on; each loads on first use, so that
``import territory`` stays fast.
"""

from importlib import import_module

import gymnasium

__version__ = "0.1.0"

_PARTS = ("envs", "interpret", "models", "profiling", "training", "viz", "widgets", "world")
_NAMES = {"evaluate": "territory.training", "load_agent": "territory.training", "BadInput": "territory.errors"}
_NAMES["load_study"] = "territory.data"
__all__ = [*_PARTS, *_NAMES]

gymnasium.register(
    id="Territory-v0",
    entry_point="territory.training.players:make_env",
    vector_entry_point="territory.training.players:make_vector_env",
    disable_env_checker=True,  # its wrapper would check every game; the tests run the checker
    order_enforce=False,  # the environment itself says so, in words
)


def __getattr__(name: str):
    if name in _PARTS:
        return import_module(f"territory.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
