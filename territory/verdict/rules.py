"""From a number to a verdict: the thresholds, all in one place.

exact: the very same number. confirmed: the same as printed, or the claimed effect is there in the claimed size. off:
the right direction, a wrong size; or true in some of its cases. refuted: neither. undecided: the interval of what was
measured holds both answers, so another run might say otherwise.
"""

from collections.abc import Sequence

NEAR = 1.5  # a number wrong by less than this factor is off, by more refuted
SAME = 1.1  # ratios within this factor of one another are the same


def counted(measured: Sequence[int], claimed: Sequence[int]) -> str:
    """Whole numbers: exact if all are the same; else the worst one decides."""
    if tuple(measured) == tuple(claimed):
        return "exact"
    return _by_worst(measured, claimed)


def printed(measured: Sequence[float], claimed: Sequence[float], digits: Sequence[int]) -> str:
    """Rounded figures: confirmed if all are what rounding to so many digits gives; else the worst one decides."""
    if all(round(m, d) == c for m, c, d in zip(measured, claimed, digits, strict=True)):
        return "confirmed"
    return _by_worst(measured, claimed)


def times(measured: float, claimed: float) -> str:
    """How many times as good, counted (above 1: better): confirmed near the claim, off if better at all."""
    if _factor(measured, claimed) <= SAME:
        return "confirmed"
    return "off" if measured > 1 else "refuted"


def speedup(low: float, high: float, claimed: float) -> str:
    """How many times as fast, as an interval of a noisy measurement: the verdict of ``times`` on every value in it.

    Undecided where they differ. A wide interval that happens to hold the claim confirms nothing; the next may not.
    """
    inside = [low, high, claimed] if low <= claimed <= high else [low, high]
    verdicts = {times(each, claimed) for each in inside}
    return verdicts.pop() if len(verdicts) == 1 else "undecided"


def above(low: float, high: float, bar: float = 0.0) -> bool | None:
    """Whether what has this interval is above the bar; None if the interval can't tell."""
    if low > bar:
        return True
    return False if high <= bar else None


def holds(cases: Sequence[bool | None]) -> str:
    """A sentence that should hold in every case: confirmed, off if in some, refuted if in none.

    A case that can't be told (None) leaves it undecided, unless the others disagree already.
    """
    if True in cases and False in cases:
        return "off"
    if None in cases:
        return "undecided"
    return "confirmed" if all(cases) else "refuted"


def _factor(measured: float, claimed: float) -> float:
    """By how much the larger exceeds the smaller: 1 if they are the same, infinite if one is 0 or has another sign."""
    if measured == claimed:
        return 1.0
    return max(measured / claimed, claimed / measured) if measured * claimed > 0 else float("inf")


def _by_worst(measured: Sequence[float], claimed: Sequence[float]) -> str:
    worst = max(_factor(m, c) for m, c in zip(measured, claimed, strict=True))
    return "off" if worst < NEAR else "refuted"
