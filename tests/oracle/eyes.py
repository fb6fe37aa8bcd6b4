"""What a player sees: five planes, sixteen statistics, ninety allowed or forbidden actions."""

import numpy as np

from territory.world import rules

from . import rulebook
from .attacks import WHOLE_BORDER
from .numbers import cap, growth, log2, log10, total


def planes(game, player: int) -> np.ndarray:
    """uint8 (5, H, W): own, enemy, unclaimed, troop density, cities."""
    owner, terrain = game.owner, game.terrain
    density = np.array([0, *(int(255 * log_density(game, p) + 0.5) for p in game.players)])
    unclaimed = np.where((owner == 0) & (terrain > 0), (4 - terrain.astype(int)) * 85, 0)
    cities = np.where(game.city == 0, 0, np.where(owner == player, 255, 128))
    own, enemy = 255 * (owner == player), 255 * ((owner != player) & (owner > 0))
    return np.stack([own, enemy, unclaimed, density[owner], cities]).astype(np.uint8)


def log_density(game, player: int) -> float:
    tiles = int(game.tiles[player])
    return min(1.0, log2(1 + game.troops[player] / tiles) / 12) if tiles else 0.0


def stats(game, player: int) -> np.ndarray:
    """float32 (16,), clamped to [-1, 1]."""
    tiles, cities, land = game.tiles, game.cities, game.land
    troops, away = game.troops[player], total(game.attacks[player])
    most = cap(float(tiles[player]), float(cities[player]), rules.CAP_FACTOR[game.kind[player]])
    touching = np.bincount(game.owner[rulebook.beside(game, player)], minlength=len(game.alive))
    strengths = [relative_strength(game, player, other) for other in np.flatnonzero(touching) if other]
    everything = [
        troops / most,
        log10(most / 100_000) / 1.5,
        growth(troops, most, 1.0) / growth(rules.BEST_TROOP_RATIO * most, most, 1.0),
        tiles[player] / land,
        20 * (tiles[player] - game.tiles_before[player]) / land,
        (rank(game, player) - 1) / (len(game.players) - 1),
        game.alive.sum() / len(game.players),
        game.step / game.params.max_steps,
        game.gold[player] / rulebook.next_city_price(game, player),
        cities[player] / 8,
        away / max(1.0, troops + away),
        log_density(game, player),
        touching[1:].sum() / max(1, touching.sum()),
        max(strengths, default=-1.0),
        min(strengths, default=1.0),
        (game.attacks[player] >= 1).sum() / 8,
    ]
    return np.clip(np.array(everything, np.float32), np.float32(-1), np.float32(1))


def relative_strength(game, player: int, other: int) -> float:
    """log2 of the other's troops, at home and under way, over ours; / 4."""
    own, its = (1 + game.troops[p] + total(game.attacks[p]) for p in (player, other))
    return log2(its / own) / 4


def rank(game, player: int) -> int:
    """1 for the largest; the dead come last."""
    larger = int((game.tiles[1:] > game.tiles[player]).sum())
    return larger + 1 if game.alive[player] else len(game.players)


def mask(game, player: int) -> np.ndarray:
    """bool (90,): which actions have an effect."""
    allowed = np.zeros((9, 5, 2), bool)
    if rulebook.can_commit(game, player):
        for direction in range(WHOLE_BORDER):
            allowed[direction] = rulebook.front_of(game, player, direction).any()
    allowed[rulebook.WAIT, 0] = True
    allowed[:, :, 1] &= rulebook.site_of(game, player) is not None
    return allowed.reshape(90)
