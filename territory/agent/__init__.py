"""A network that plays: `Agent`, the `Checkpoint` file it is kept in, how it decodes its policy, how strong it is.

``agent`` networks by name and what they choose · ``checkpoint`` the files · ``evaluation`` games and their states.
`Decoding` is defined where it is used, in `territory.models.policy`.
"""

from territory.agent.agent import Agent, find_checkpoint, find_run, load_agent, pretrained, save_agent
from territory.agent.checkpoint import Checkpoint
from territory.agent.evaluation import EvaluationResult, SampledStates, evaluate, sample_states
from territory.models.policy import Decoding

__all__ = ["Agent", "Checkpoint", "Decoding", "find_checkpoint", "find_run", "load_agent", "pretrained", "save_agent"]
__all__ += ["EvaluationResult", "SampledStates", "evaluate", "sample_states"]
