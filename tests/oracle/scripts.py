"""What bots and nations do when they think: spread, then answer, then attack, keeping a reserve."""

import numpy as np

from territory.world import rules

from . import rulebook
from .attacks import WHOLE_BORDER
from .numbers import THINK, TRAIT, below, stream


def think(game, player: int) -> None:
    """On its ticks only. A player's character is drawn anew from the seed each time."""
    key = stream(game.seed, TRAIT, player)
    is_nation = game.kind[player] == rules.NATION
    slowest = 40 if game.kind[player] == rules.BOT else 30
    interval = slowest + below(key, 0, slowest)
    if game.tick % interval != below(key, 1, interval):
        return
    trigger, reserve, expand = (low + 0.01 * below(key, i, 10) for i, low in ((2, 0.5), (3, 0.3), (4, 0.1)))
    most = game.cap_of(player)
    site = rulebook.site_of(game, player)
    if is_nation and site is not None:
        rulebook.build_city(game, player, site)
    touching, danger = neighbours(game, player), threat(game, player)
    if touching[0]:
        commit(game, player, 0, game.troops[player] - expand * most)
        return
    answers = is_nation and danger.max() > 0.2 * game.troops[player]
    if game.troops[player] >= trigger * most or answers:
        target = choose(game, player, touching, danger)
        if target:
            commit(game, player, target, game.troops[player] - reserve * most)


def commit(game, player: int, target: int, troops: float) -> None:
    if troops >= 1:
        game.troops[player] -= troops
        game.attacks[player, WHOLE_BORDER + target] += troops


def neighbours(game, player: int) -> np.ndarray:
    """(P+1,) tiles of each owner beside the player's land."""
    return np.bincount(game.owner[rulebook.beside(game, player)], minlength=len(game.alive))


def threat(game, player: int) -> np.ndarray:
    """(P+1,) troops that each player has under way against this one: its whole border, then pushes in contact."""
    danger = np.zeros(len(game.alive))
    for other in game.players:
        if other == player:
            continue
        danger[other] = game.attacks[other, WHOLE_BORDER + player]
        for direction in np.flatnonzero(game.attacks[other, :WHOLE_BORDER]):
            if (rulebook.front_of(game, other, direction) & (game.owner == player)).any():
                danger[other] += game.attacks[other, direction]
    return danger


def choose(game, player: int, touching: np.ndarray, danger: np.ndarray) -> int:
    """The largest attacker, if it is a neighbour; else a nation takes the weakest, a bot any."""
    attacker = int(np.argmax(danger))
    if danger[attacker] > 0 and touching[attacker]:
        return attacker
    others = np.flatnonzero(touching)
    if others.size == 0:
        return 0
    if game.kind[player] == rules.NATION:
        return weakest(game, others)
    return int(others[below(stream(game.seed, THINK, game.tick), player, others.size)])


def weakest(game, others: np.ndarray) -> int:
    """Fewest troops per tile, bots before all others. (The 1e12 rounds densities of others to about 0.0001.)"""
    density = game.troops[others] / game.tiles[others]
    return int(others[np.argmin(density + np.where(game.kind[others] == rules.BOT, 0.0, 1e12))])
