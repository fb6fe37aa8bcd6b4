"""The one exception for mistakes a user can make, and what judges a single value from outside.

The command line prints a `BadInput` without a traceback.
"""

import re
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
        text = " ".join(str(message).split())  # one line, whatever a name in it holds
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST - 500]} … {text[-400:]}")


def whole(name: str, value: Any, low: int, high: int | None = None, step: int = 1) -> int:
    """A whole number from `low` to `high` (None: any), a multiple of `step`; BadInput for anything else.

    Python's or NumPy's, as Python's.
    """
    is_whole = _is_number(value) and isinstance(value, int | np.integer)
    if is_whole and low <= value and (high is None or value <= high) and value % step == 0:
        return int(value)
    kind = "whole number" if step == 1 else f"multiple of {step}"
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise BadInput(f"{name} must be a {kind} {allowed}, got {shown(value)}")


def real(name: str, value: Any, low: float, high: float) -> float:
    """A finite number from `low` to `high`, Python's or NumPy's, as Python's; BadInput for anything else."""
    if _is_number(value) and low <= value <= high:
        return float(value)
    raise BadInput(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """One of these words; BadInput for anything else."""
    if isinstance(value, str) and value in known:
        return value
    raise BadInput(f"{name} must be one of {', '.join(known)}; got {shown(value)}")


def shown(value: Any) -> str:
    """A value for an error message: however large or odd it is, a few words in one line."""
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"an array {value.dtype} {value.shape}"
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a whole number of {value.bit_length()} bits"  # Python refuses to write out thousands of digits
    try:
        text = " ".join(repr(value).split())
    except Exception:  # such an integer in a list; a class that can't be shown
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def told(error: BaseException) -> str:
    """The first line of another's error, with its kind where the words alone don't say enough."""
    text = str(error).strip()
    first = text.partition("\n")[0]
    if "TorchScript interpreter" in first and (named := re.search(r"^([\w.]+): ?(.*)$", text, re.MULTILINE)):
        kind = named[1].rpartition(".")[2]  # behind a trace of its own
        return f"{kind}: {named[2]}".removeprefix("RuntimeError: ").rstrip(".: ")
    words = first.rstrip(".")
    plain = words and isinstance(error, RuntimeError | TypeError | ValueError)
    return words if plain else f"{type(error).__name__}: {words}" if words else type(error).__name__


def as_array(name: str, value: Any) -> np.ndarray:
    """A value as an array; BadInput where it can't be one, or what it lists is masked, or True among numbers (no 1)."""
    try:
        if np.ma.is_masked(value):
            raise ValueError("some of it is masked")
        array = np.asarray(value)
        parts = np.asarray(value, object).flat if isinstance(value, list | tuple) and array.dtype.kind in "iuf" else ()
        if any(isinstance(part, bool | np.bool_) for part in parts):
            raise ValueError("numbers and truth values are mixed")
        return array
    except Exception as error:  # rows of different lengths, a tensor that wants gradients, an object's own conversion
        raise BadInput(f"{name} must be what makes an array ({shown(str(error))}), got {shown(value)}") from error


def lists(value: Any, wanted: int) -> bool:
    """Whether it holds so many values: a list, tuple, range or array, and no other thing with a length."""
    if isinstance(value, np.ndarray):
        return value.shape[:1] == (wanted,)
    return isinstance(value, list | tuple | range) and len(value) == wanted


def _is_number(value: Any) -> bool:
    """Python's or NumPy's; a bool is none, nor is a span of time, which NumPy counts among its integers."""
    is_one = isinstance(value, int | float | np.integer | np.floating)
    return is_one and not isinstance(value, bool | np.timedelta64)
