"""Who plays in which seat: a script inside the engine, or a policy that sees the game through its player's eyes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from territory.errors import BadInput
from territory.world.params import OPPONENTS
from territory.world.world import World

Policy = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]  # batched observations and masks -> actions (B,)

AT_ONCE = 512  # observations for one call of a policy: enough to work in bulk, at 82 KB each for a map of 128x128


def as_policy(who: Any) -> Policy:
    """A policy from an agent (anything with ``act(obs, mask, deterministic)``; it plays without dice) or a function.

    Raises:
        BadInput: it is neither.
    """
    if callable(getattr(who, "act", None)):
        return partial(who.act, deterministic=True)
    if callable(who):
        return who
    raise BadInput(
        f"opponents must be one of {', '.join(OPPONENTS)}, an agent (with act(obs, mask, deterministic)) or a function "
        f"from observations and masks to actions; got {who!r}. The name of a checkpoint works in gymnasium.make"
    )


def drive(
    world: World, policy: Policy, players: Sequence[int], orders: np.ndarray, playing: np.ndarray | None = None
) -> None:
    """Ask a policy for its players' next actions, all games and players in one call where `AT_ONCE` allows it.

    Args:
        world: N games; each player is observed from its own point of view.
        policy: what decides; called with batched observations and masks.
        players: whom it plays.
        orders: int (N, P+1), as `World.step` takes them; written where a player is alive.
        playing: bool (N,): leave the other games alone.
    """
    group = max(1, AT_ONCE // world.num_envs)
    for first in range(0, len(players), group):
        _drive(world, policy, players[first : first + group], orders, playing)


def _drive(world, policy, players, orders, playing) -> None:
    awake = world.state.alive[:, players].T  # (K, N)
    if playing is not None:
        awake = awake & playing
    if not awake.any():
        return
    seen = [world.observe(player, which=np.flatnonzero(here)) for player, here in zip(players, awake, strict=True)]
    obs = {name: np.concatenate([obs[name] for obs, _ in seen])[awake.ravel()] for name in seen[0][0]}
    masks = np.concatenate([masks for _, masks in seen])[awake.ravel()]
    chosen = orders[:, players].T
    chosen[awake] = _checked(policy(obs, masks), len(masks))
    orders[:, players] = chosen.T


def _checked(actions: Any, wanted: int) -> np.ndarray:
    actions = np.asarray(actions)
    if actions.shape != (wanted,) or not np.issubdtype(actions.dtype, np.integer):
        raise BadInput(
            f"a policy returns one integer action for each of {wanted} observations; "
            f"got {actions.dtype} of shape {actions.shape}"
        )
    return actions
