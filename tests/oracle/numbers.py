"""Numbers that must come out to the last bit: the formulas as machine code, and the dice."""

import numpy as np
from numba import njit

from territory.world import rules

# NumPy's own powers and logarithms may differ from those of machine code in the last bit, so these are compiled too.
cap, growth = njit(rules.cap), njit(rules.growth)
budget_unclaimed, budget_player = njit(rules.budget_unclaimed), njit(rules.budget_player)
use_unclaimed, use_player = njit(rules.use_unclaimed), njit(rules.use_player)
loss_player, city_price = njit(rules.loss_player), njit(rules.city_price)


@njit
def log2(x: float) -> float:
    return np.log2(x)


@njit
def log10(x: float) -> float:
    return np.log10(x)


def total(numbers: np.ndarray) -> float:
    """A sum from left to right: floats added in another order (NumPy adds in pairs) may differ in the last bit."""
    return float(np.cumsum(numbers)[-1])


MAP, SPAWN, TRAIT, THINK, CONQUEST = range(5)  # what a draw is for
_WORD = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(x):
    """SplitMix64's scramble of 64 bits: a Python integer or an array of uint64."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _WORD
    return x ^ (x >> 31)


def stream(seed: int, purpose: int, counter: int) -> int:
    """The key of a stream of draws."""
    return mix(seed + _GOLDEN * (counter * 8 + purpose + 1) & _WORD)


def uniform(key: int, index):
    """Entry `index` (an integer, or an array of uint64) of a stream, in [0, 1): the highest 53 of 64 bits."""
    return (mix(key + _GOLDEN * (index + 1) & _WORD) >> 11) * 2.0**-53


def below(key: int, index: int, limit: int) -> int:
    """Entry `index` of a stream as a whole number in [0, limit)."""
    return int(uniform(key, index) * limit)
