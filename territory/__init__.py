"""A course you can run: a territory-conquest world, networks that play it, and instruments that watch them.

The names below are what notebooks and other programs rely on; each loads on first use, so that
``import territory`` stays fast.
"""

import signal
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from territory import agent, data, envs, interpret, models, profiling, training, verdict, viz, widgets, world
    from territory.agent import evaluate, load_agent, save_agent
    from territory.data import load_study
    from territory.errors import BadInput

__version__ = "0.1.0"

_NAMES = {  # and where they live; the other names are parts
    "BadInput": "territory.errors",
    "evaluate": "territory.agent",
    "load_agent": "territory.agent",
    "load_study": "territory.data",
    "save_agent": "territory.agent",
}
__all__ = ["BadInput", "evaluate", "load_agent", "load_study", "save_agent"]
__all__ += ["agent", "data", "envs", "interpret", "models", "profiling", "training", "verdict"]
__all__ += ["viz", "widgets", "world"]


def _heed_ctrl_c_while_importing() -> None:
    """Let Ctrl-C end the command without a traceback of what is being imported, until `territory.cli` answers it."""
    by_module = sys.argv[:1] == ["-m"] and ("-m", "territory") in pairwise(sys.orig_argv)
    is_command = by_module or Path(*sys.argv[:1]).stem == "territory"
    if is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it was told to ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _register() -> None:
    import gymnasium

    from territory.envs.opponents import register_loader

    gymnasium.register(
        id="Territory-v0",
        entry_point="territory.envs.single:TerritoryEnv",
        vector_entry_point="territory.envs.vector:TerritoryVectorEnv",
        disable_env_checker=True,  # its wrapper would check every game; the tests run the checker
        order_enforce=False,  # the environment itself says so, in words
    )
    register_loader("territory.agent:load_agent")  # a checkpoint as opponent: the environments lie below what loads it


_heed_ctrl_c_while_importing()
_register()


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name) if name in _NAMES else import_module(f"territory.{name}")
