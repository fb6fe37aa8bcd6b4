"""The one exception for mistakes a user can make, and what judges a single value from outside.

The command line prints a `BadInput` without a traceback.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

LONGEST = 1500  # characters of a message


class BadInput(ValueError):
    """A value from outside cannot be used.

    The message says what was expected, what it got, and the likely cause. Where what it got is thousands of characters
    long, its middle is left out.
    """

    def __init__(self, message: object = ""):
        text = str(message)
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST - 500]} … {text[-400:]}")


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number from `low` to `high` (None: any), Python's or NumPy's, as Python's; BadInput for anything else."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_whole and low <= value and (high is None or value <= high):
        return int(value)
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise BadInput(f"{name} must be a whole number {allowed}, got {shown(value)}")


def real(name: str, value: Any, low: float, high: float) -> float:
    """A finite number from `low` to `high`, Python's or NumPy's, as Python's; BadInput for anything else."""
    is_real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if is_real and low <= value <= high:
        return float(value)
    raise BadInput(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """One of these words; BadInput for anything else."""
    if isinstance(value, str) and value in known:
        return value
    raise BadInput(f"{name} must be one of {', '.join(known)}; got {shown(value)}")


def shown(value: Any) -> str:
    """A value for an error message: however large it is, a short one."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a whole number of {value.bit_length()} bits"  # Python refuses to write out thousands of digits
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
