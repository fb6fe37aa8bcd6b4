"""Everyone who can play, by name; and `Territory-v0` with opponents by name, as gymnasium makes it."""

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from territory.envs import MixedVectorEnv, TerritoryEnv, TerritoryVectorEnv
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
    if not isinstance(who, str | Path) or who in OPPONENTS or is_mixture(who):
        return who
    try:
        return find_policy(who, device)
    except BadInput as error:
        names = ", ".join((*OPPONENTS, *SCRIPTED))
        raise BadInput(f"opponents must be one of {names}, or an agent, but there is {error}") from error


def make_env(opponents: Any = "bot", **options: Any) -> TerritoryEnv:
    """`TerritoryEnv`; its opponents may be the name or path of a checkpoint."""
    return TerritoryEnv(opponents=find_opponents(opponents), **options)


def make_vector_env(opponents: Any = "bot", num_envs: int = 1, device: Any = "cpu", **options: Any) -> VectorEnv:
    """`TerritoryVectorEnv`; its opponents may be the name or path of a checkpoint, or a mixture of games.

    ``"5xnation+50xmixed"`` plays half of the games against five nations, half against fifty mixed. ``device``: where
    opponents that are networks run.
    """
    if not is_mixture(opponents):
        return TerritoryVectorEnv(opponents=find_opponents(opponents, device), num_envs=num_envs, **options)
    kinds = kinds_of_games(opponents)
    if num_envs < len(kinds):
        raise BadInput(f"{opponents!r} is {len(kinds)} kinds of games, so num_envs {num_envs} leaves one out")
    sizes = [len(games) for games in np.array_split(range(num_envs), len(kinds))]
    parts = zip(sizes, kinds, strict=True)
    return MixedVectorEnv([make_vector_env(num_envs=size, device=device, **options | kind) for size, kind in parts])


def is_mixture(opponents: Any) -> bool:
    """Whether it names several kinds of games."""
    return isinstance(opponents, str) and "+" in opponents and not Path(opponents).exists()


def kinds_of_games(mixture: str) -> list[dict[str, Any]]:
    """``num_bots`` and ``opponents`` of each kind of game in a mixture such as ``"5xnation+50xmixed"``.

    Raises:
        BadInput: a part isn't a number, an x, and someone who can play.
    """
    kinds = []
    for part in mixture.split("+"):
        number, _, who = part.strip().partition("x")
        if not number.isdecimal() or not who:
            raise BadInput(f"a mixture of games is written like 5xnation+50xmixed; got {part!r} in {mixture!r}")
        kinds.append({"num_bots": int(number), "opponents": who})
    return kinds


make_env.metadata = TerritoryEnv.metadata  # gymnasium asks it which ways there are to render
