"""From a number to a verdict: the thresholds, all in one place.

exact: the very same number. confirmed: the same as printed, or the claimed effect is there in the claimed size. off:
the right direction, a wrong size. refuted: neither.
"""

from collections.abc import Sequence

NEAR = 1.5  # a number wrong by less than this factor is off, by more refuted
SAME = 1.1  # timings within this factor of one another are the same


def counted(measured: Sequence[int], claimed: Sequence[int]) -> str:
    """Whole numbers: exact if all are the same; else the worst one decides."""
    if tuple(measured) == tuple(claimed):
        return "exact"
    return _by_factor(max(_factor(m, c) for m, c in zip(measured, claimed, strict=True)), confirmed=1.0)


def printed(measured: Sequence[float], claimed: Sequence[float], digits: Sequence[int]) -> str:
    """Rounded figures: confirmed if all are what rounding to so many digits gives; else the worst one decides."""
    rows = list(zip(measured, claimed, digits, strict=True))
    if all(round(m, d) == c for m, c, d in rows):
        return "confirmed"
    return _by_factor(max(_factor(m, c) for m, c, _ in rows), confirmed=0.0)


def speedup(measured: float, claimed: float) -> str:
    """How many times as good (above 1: better): confirmed near the claim, off if better at all, else refuted."""
    if _factor(measured, claimed) <= SAME:
        return "confirmed"
    return "off" if measured > SAME else "refuted"


def holds(cases: Sequence[bool]) -> str:
    """A sentence that should hold in every case: confirmed, off if in some, refuted if in none."""
    if all(cases):
        return "confirmed"
    return "off" if any(cases) else "refuted"


def _factor(measured: float, claimed: float) -> float:
    """By how much the larger exceeds the smaller: 1 if they are the same, infinite if one is 0 or has another sign."""
    if measured == claimed:
        return 1.0
    return max(measured / claimed, claimed / measured) if measured * claimed > 0 else float("inf")


def _by_factor(factor: float, confirmed: float) -> str:
    if factor <= confirmed:
        return "confirmed"
    return "off" if factor < NEAR else "refuted"
