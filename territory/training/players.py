"""Everyone who can play, by name; and `Territory-v0` with opponents by name, as gymnasium makes it."""

from pathlib import Path
from typing import Any

from territory.envs import TerritoryEnv, TerritoryVectorEnv
from territory.envs.seats import Policy
from territory.errors import BadInput
from territory.training.policies import SCRIPTED
from territory.world.params import OPPONENTS


def find_policy(name: str | Path, device: Any = "cpu") -> Policy:
    """The policy of a name: "random", "idle" or "steady", or a checkpoint (see `load_agent`).

    Raises:
        BadInput: there is none of that name, or its file cannot be used.
    """
    if name in SCRIPTED:
        return SCRIPTED[name]()
    from territory.training.agent import load_agent  # torch: only networks need it

    return load_agent(name, device)


def find_opponents(who: Any, device: Any = "cpu") -> str | Policy:
    """Opponents as the environments take them: a name or path becomes its policy, anything else stays as it is."""
    if not isinstance(who, str | Path) or who in OPPONENTS:
        return who
    try:
        return find_policy(who, device)
    except BadInput as error:
        names = ", ".join((*OPPONENTS, *SCRIPTED))
        raise BadInput(f"opponents must be one of {names}, or an agent, but there is {error}") from error


def make_env(opponents: Any = "bot", **options: Any) -> TerritoryEnv:
    """`TerritoryEnv`; its opponents may be the name or path of a checkpoint."""
    return TerritoryEnv(opponents=find_opponents(opponents), **options)


def make_vector_env(opponents: Any = "bot", **options: Any) -> TerritoryVectorEnv:
    """`TerritoryVectorEnv`; its opponents may be the name or path of a checkpoint."""
    return TerritoryVectorEnv(opponents=find_opponents(opponents), **options)


make_env.metadata = TerritoryEnv.metadata  # gymnasium asks it which ways there are to render
