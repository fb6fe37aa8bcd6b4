"""Whether a saved state could have come from a game: checked against the world's own rules before a kernel sees it.

Kernels trust their arrays: a wrong owner or tile count in a file would make them read and write beyond an array's end.
"""

from collections.abc import Iterator

import numpy as np

from territory.errors import BadInput
from territory.world.params import WorldParams
from territory.world.rules import KINDS, MOUNTAIN
from territory.world.state import WHOLE_BORDER

MOST = 1e12  # troops or gold: far beyond what a game can reach, far below what loses precision


def check_state(arrays: dict[str, np.ndarray], params: WorldParams) -> None:
    """Refuse a saved state that breaks a rule of the game.

    Args:
        arrays: as `World.state_dict` gives them, of the right shapes and dtypes.
        params: of the world that is to go on from them.

    Raises:
        BadInput: naming the first rule that is broken, and in which game.
    """
    for broken, rule in _rules(arrays, params):
        games = np.flatnonzero(np.asarray(broken).reshape(len(arrays["step"]), -1).any(axis=1))
        if games.size:
            raise BadInput(f"saved state of no possible world: {rule}, which does not hold in game {games[0]}")


def _rules(s: dict[str, np.ndarray], params: WorldParams) -> Iterator[tuple[np.ndarray, str]]:
    """Where a rule is broken (bool, one row a game), and the rule in words; later ones rely on earlier ones."""
    players = params.num_players
    border = np.pad(np.zeros((params.height, params.width), bool), 1, constant_values=True).reshape(-1)
    yield (s["step"] < 0) | (s["step"] > params.max_steps), f"step is 0 to {params.max_steps}"
    yield s["tick"] != s["step"].astype(np.int64) * params.ticks_per_step, "tick is ticks_per_step times step"
    yield s["terrain"] > MOUNTAIN, f"terrain is 0 to {MOUNTAIN}"
    yield s["terrain"][:, border] > 0, "beyond the map there is water"
    land = s["terrain"] > 0
    yield s["land"] != land.sum(axis=1), "land is the number of passable tiles"
    yield s["land"] < 1, "there is land"
    yield s["owner"] > players, f"an owner is 0 to {players}"
    yield (s["owner"] > 0) & ~land, "nobody owns water"
    yield (s["city"] > 1) | ((s["city"] > 0) & ~land), "a city is 0 or 1, and stands on land"
    yield s["kind"] >= len(KINDS), f"a kind is one of {', '.join(KINDS)}"
    for name, counted in (("tiles", land), ("cities", s["city"] > 0)):
        yield s[name] != _by_owner(s["owner"], counted, players), f"{name} is the number of a player's own"
    yield s["alive"][:, 0], "nobody is no player"
    yield s["alive"][:, 1:] != (s["tiles"][:, 1:] > 0), "a player lives as long as it has land"
    yield (s["tiles_before"] < 0) | (s["tiles_before"] > s["land"][:, None]), "tiles_before are of the land"
    for name in ("troops", "gold", "attacks"):
        yield ~((s[name] >= 0) & (s[name] <= MOST)), f"{name} are finite numbers of at least 0"
    yield s["attacks"].sum(axis=2) * ~s["alive"] > 0, "the dead don't attack"
    own = np.arange(players + 1)
    yield s["attacks"][:, own, WHOLE_BORDER + own] > 0, "nobody attacks itself"


def _by_owner(owner: np.ndarray, counted: np.ndarray, players: int) -> np.ndarray:
    """How many of the counted cells (N, C) each owner has: int64 (N, P+1)."""
    games = np.arange(len(owner))[:, None] * (players + 1)
    numbers = np.bincount((games + owner)[counted], minlength=len(owner) * (players + 1))
    return numbers.reshape(len(owner), players + 1)
