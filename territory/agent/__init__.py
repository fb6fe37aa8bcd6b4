"""A network that plays: `Agent`, the `Checkpoint` file it is kept in, how it decodes its policy, how strong it is.

``agent`` networks by name and what they choose · ``checkpoint`` the files · ``evaluation`` games on held-out maps ·
``states`` what was seen in games. `Decoding` is defined where it is used, in `territory.models.policy`.

The names below load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from territory.agent.agent import Agent, find_checkpoint, load_agent, pretrained, save_agent
    from territory.agent.checkpoint import Checkpoint
    from territory.agent.evaluation import EvaluationResult, evaluate
    from territory.agent.states import SampledStates, sample_states
    from territory.models.policy import Decoding

_HOMES = {
    "Agent": "territory.agent.agent",
    "Checkpoint": "territory.agent.checkpoint",
    "Decoding": "territory.models.policy",
    "EvaluationResult": "territory.agent.evaluation",
    "SampledStates": "territory.agent.states",
    "evaluate": "territory.agent.evaluation",
    "find_checkpoint": "territory.agent.agent",
    "load_agent": "territory.agent.agent",
    "pretrained": "territory.agent.agent",
    "sample_states": "territory.agent.states",
    "save_agent": "territory.agent.agent",
}
__all__ = ["Agent", "Checkpoint", "Decoding", "find_checkpoint", "load_agent", "pretrained", "save_agent"]
__all__ += ["EvaluationResult", "SampledStates", "evaluate", "sample_states"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
