"""Randomness by counter: a draw depends on (seed, what, where), never on what was drawn before.

So a game is the same whatever order a kernel visits tiles in, however many threads run, and after its state
was saved and restored. The mixing function is SplitMix64's finaliser (Steele, Lea and Flood, 2014).
"""

import numpy as np
from numba.extending import register_jitable

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53

# What a draw is for: the first argument after the seed, so that no two uses share a stream.
MAP, SPAWN, TRAIT, THINK, CONQUEST, SEED = range(6)


@register_jitable
def mix(x):
    """One bijective scramble of 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


@register_jitable
def stream(seed, purpose, index):
    """The key of a stream of draws: uint64 from the game's seed, a purpose above, and a counter (a tick, say)."""
    return mix(np.uint64(seed) + _GOLDEN * np.uint64(index * 8 + purpose + 1))


@register_jitable
def bits(key, index):
    """64 random bits: entry `index` of a stream."""
    return mix(key + _GOLDEN * np.uint64(index + 1))


@register_jitable
def uniform(key, index):
    """A float64 in [0, 1): entry `index` of a stream."""
    return float(bits(key, index) >> np.uint64(11)) * _TO_UNIT


@register_jitable
def below(key, index, limit):
    """A whole number in [0, limit): entry `index` of a stream."""
    return int(uniform(key, index) * limit)
