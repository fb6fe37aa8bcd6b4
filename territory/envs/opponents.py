"""Who plays: scripted policies, opponents by name, mixtures of games, and how a policy plays its seats.

Needs neither torch nor Numba, so that a configuration can check names at once. What a name that is not scripted stands
for (a checkpoint) is found by a loader which the layer above registers.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from territory.errors import BadInput, shown, told
from territory.world.actions import Direction, checked_actions, encode
from territory.world.params import MAX_BOTS, OPPONENTS

if TYPE_CHECKING:
    from territory.world.world import World

Policy = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]  # batched observations and masks -> actions (B,)

WAIT = encode(Direction.WAIT)
AT_ONCE = 512  # observations for one call of a policy: enough to work in bulk, at 82 KB each for a map of 128x128


class IdlePolicy:
    """Never orders anything. What an agent reaches above this is its own doing."""

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """Wait in each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        return np.full(len(mask), WAIT, dtype=np.int64)


class RandomPolicy:
    """Samples uniformly among the allowed actions, from a seed."""

    def __init__(self, seed: int = 0):
        self.random = np.random.default_rng(seed)

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """One allowed action for each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        # The largest of independent draws is each allowed action with the same probability.
        return np.where(mask, self.random.random(mask.shape), -1.0).argmax(axis=1)


class SteadyPolicy:
    """Attacks at every step with the smallest share, in the first direction that is open; looks at nothing else.

    Weak bots lose to it: a yardstick that says how little a win against them takes.
    """

    def __call__(self, obs: dict[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """The first allowed action of each of the B games; ``mask`` ``(B, 90)`` gives actions ``(B,)``."""
        return np.asarray(mask).argmax(axis=1)


SCRIPTED = {"random": RandomPolicy, "idle": IdlePolicy, "steady": SteadyPolicy}  # as the command line names them

_loader: list[str] = []


def register_loader(place: str) -> None:
    """Say who loads the policy of a name that is not scripted: the "module:function" of ``loader(name, device)``."""
    _loader[:] = place.split(":")


def find_policy(name: str | Path, device: Any = "cpu") -> Policy:
    """The policy of a name: "random", "idle" or "steady", or a checkpoint (see `territory.load_agent`).

    Raises BadInput: there is none of that name, or its file cannot be used.
    """
    if isinstance(name, str) and name in SCRIPTED:
        return SCRIPTED[name]()
    module, function = _loader
    return getattr(import_module(module), function)(name, device)


def find_opponents(who: Any, device: Any = "cpu") -> str | Policy:
    """Opponents as the environments take them: a name or path becomes its policy, anything else stays as it is."""
    if not isinstance(who, str | Path) or who in OPPONENTS or is_mixture(who):
        return cast(str | Policy, who)
    try:
        return find_policy(who, device)
    except BadInput as error:
        names = ", ".join((*OPPONENTS, *SCRIPTED))
        raise BadInput(f"opponents must be one of {names}, or an agent: {error}") from error


def is_mixture(opponents: Any) -> bool:
    """Whether it names several kinds of games, such as ``"5xnation+50xmixed"``; a path is none. Opens no file."""
    if not isinstance(opponents, str) or "+" not in opponents:
        return False
    return not set(opponents) & set("/\\") and not opponents.endswith(".safetensors")


def kinds_of_games(mixture: str) -> list[dict[str, Any]]:
    """``num_bots`` and ``opponents`` of each kind of game in a mixture such as ``"5xnation+50xmixed"``.

    Raises BadInput: a part isn't a number of opponents, an x, and someone who can play.
    """
    kinds = []
    for part in mixture.split("+"):
        written = re.fullmatch(r"([0-9]{1,2})x(.+)", part.strip())
        if written is None or not 1 <= int(written[1]) <= MAX_BOTS:
            raise BadInput(
                f"a mixture of games is written like 5xnation+50xmixed, with 1 to {MAX_BOTS} opponents before each x; "
                f"got {part!r} in {mixture!r}"
            )
        kinds.append({"num_bots": int(written[1]), "opponents": written[2]})
    return kinds


def as_policy(who: Any, expected: str = "a policy must be") -> Policy:
    """A policy from an agent (anything with ``act(obs, mask, deterministic)``, asked deterministically) or a function.

    Raises BadInput: it is neither; ``expected``: how its message begins.
    """
    if not isinstance(who, type):
        if callable(getattr(who, "act", None)):
            return partial(who.act, deterministic=True)
        if callable(who):
            return cast(Policy, who)
    hint = f". Make one of the class first: {who.__name__}(...)" if isinstance(who, type) else ""
    if callable(getattr(who, "predict", None)):  # as Stable-Baselines3 has it
        hint = ". For a model that predicts, give lambda obs, mask: model.predict(obs)[0]"
    raise BadInput(
        f"{expected} an agent (with act(obs, mask, deterministic)) or a function from observations and masks to "
        f"actions; got {shown(who)}{hint}"
    )


def ask(policy: Policy, obs: dict[str, np.ndarray], masks: np.ndarray) -> np.ndarray:
    """A policy's actions ``(B,)`` for batched observations, if they can be played."""
    try:
        chosen = policy(obs, masks)
    except Exception as error:
        if not hasattr(policy, "forward"):  # torch's modules are functions too, of maps and statistics as a rule
            raise
        raise BadInput(
            f"{type(policy).__name__} is no policy, a function of observations and masks ({told(error)}): "
            "as a network of maps and statistics it plays as territory.agent.Agent(network)"
        ) from error
    return checked_actions("a policy's actions", chosen, (len(masks),))


def drive(
    world: "World", policy: Policy, players: Sequence[int], orders: np.ndarray, playing: np.ndarray | None = None
) -> None:
    """Ask a policy for its players' next actions, all games and players in one call where `AT_ONCE` allows it.

    Each player is observed from its own point of view. ``orders``: int (N, P+1), as `World.step` takes them; written
    where a player is alive. ``playing``: bool (N,): leave the other games alone.
    """
    group = max(1, AT_ONCE // world.num_envs)
    for few in (players[first : first + group] for first in range(0, len(players), group)):
        awake = world.state.alive[:, few].T  # (K, N)
        awake = awake if playing is None else awake & playing
        if not awake.any():
            continue
        seen = [world.observe(player, which=np.flatnonzero(here)) for player, here in zip(few, awake, strict=True)]
        obs = {name: np.concatenate([obs[name] for obs, _ in seen])[awake.ravel()] for name in seen[0][0]}
        masks = np.concatenate([masks for _, masks in seen])[awake.ravel()]
        chosen = orders[:, few].T
        chosen[awake] = ask(policy, obs, masks)
        orders[:, few] = chosen.T
