"""One sentence for whatever a learner answers: the helper behind every ``check_`` function of the course.

A check is written for a good answer; ``@check`` makes it safe for every other one::

    @check
    def check_sum(answer):
        if abs(number(answer) - 7) < 0.01:
            return "Right: 3 + 4 = 7."
        return f"Not yet: {shown(answer)} is not 3 + 4."

It answers with one sentence that begins with "Right", "Not yet" or "No answer yet", and never with an exception. The
readers ``number``, ``letters``, ``text``, ``array``, ... accept every form of a right answer (NumPy and torch scalars,
fractions, a list for a set) and refuse what has no place there (NaN, a truth value for a number, an odd shape, a
class) in a sentence that says what came instead.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np

from territory.errors import BadInput

BEGINNINGS = ("Right", "Not yet", "No answer yet")
LONGEST = 70  # characters of an answer that are quoted
LONGEST_ERROR = 240  # of an error that it raises: torch names the tensors and shapes late
MOST_LETTERS = 100  # that are looked at


class NotYet(Exception):
    """Raised inside a check: the sentence that follows "Not yet: "."""


class NoAnswer(Exception):
    """Raised inside a check: the exercise is still blank."""


def check(judge: Callable[..., str]) -> Callable[..., str]:
    """Make a check that answers any input with one sentence; ``judge`` returns it, or raises NotYet or NoAnswer."""

    @functools.wraps(judge)
    def answered(*answers: Any) -> str:
        try:
            if any(answer is None for answer in answers):
                raise NoAnswer
            return one_line(judge(*answers))
        except NoAnswer:
            return "No answer yet."
        except (NotYet, BadInput) as reason:  # the latter says in its own words what was wrong with the answer
            return one_line(f"Not yet: {reason}")
        except KeyboardInterrupt:  # the learner's own wish
            raise
        except BaseException as error:  # whatever else the learner's own code raises
            told = shown(error, quoted=False, longest=LONGEST_ERROR) or "no message"
            return one_line(f"Not yet: your answer stopped the check with {type(error).__name__} ({told}).")

    return answered


def one_line(sentence: str) -> str:
    """White space, line breaks included, as single spaces; what can't be printed as a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(sentence.split()))


def shown(answer: Any, quoted: bool = True, longest: int = LONGEST) -> str:
    """An answer in a few characters, also where its own ``repr`` fails."""
    try:
        words = repr(answer) if quoted else str(answer)
    except Exception:
        words = f"an object of type {type(answer).__name__}"
    return words if len(words) <= longest else words[: longest - 1] + "…"


def number(answer: Any, whole: bool = False) -> float | int:
    """A finite number: int, float, fraction, decimal, or a scalar of NumPy or torch."""
    value = _one(answer, "a number")
    if isinstance(value, np.ndarray):
        raise NotYet(f"expected one number, got an array of shape {value.shape}.")
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        hints = {str: " Omit quotes and units: 45, not '45 %'.", list: " Omit the brackets."}
        hints[tuple] = " A number has no comma: 1000 or 1.5, not 1,000 or 1,5."
        raise NotYet(f"expected a number, got {shown(answer)}.{hints.get(type(value), '')}")
    try:
        found = float(value)
    except OverflowError:
        raise NotYet("that number is far too large.") from None
    if not np.isfinite(found):
        raise NotYet(f"expected a finite number, got {found}.")
    if not whole:
        return found
    if found != int(found):
        raise NotYet(f"expected a whole number, got {shown(answer)}.")
    return int(value)  # pyright: ignore[reportArgumentType] -- every Real has a whole part


def numbers(answer: Any, count: int) -> list[float]:
    """So many finite numbers: a tuple, a list or an array with one axis."""
    value = _plain(answer, f"{count} numbers")
    if isinstance(value, np.ndarray) and value.ndim and len(value) == count:
        value = list(value)
    if not isinstance(value, tuple | list) or len(value) != count:
        raise NotYet(f"expected {count} numbers in brackets, got {shown(answer)}.")
    return [number(each) for each in value]


def letters(answer: Any, out_of: str) -> set[str]:
    """A set of letters, from a set, a list, a tuple or a text such as "a, D"."""
    value = _plain(answer, f"letters out of {', '.join(out_of)}")
    if isinstance(value, np.ndarray):
        value = value.ravel()[:MOST_LETTERS].tolist()
    if isinstance(value, str):
        value = re.findall(r"\w+", value) if re.search(r"\W", value.strip()) else list(value.strip())
    if not isinstance(value, Iterable) or isinstance(value, bytes | dict):
        raise NotYet(f'expected letters, such as {{"a", "b"}}, got {shown(answer)}.')
    found = {text(item).strip("()") for item in islice(value, MOST_LETTERS)} - {"and"}  # some iterators never end
    if unknown := sorted(found - set(out_of)):
        raise NotYet(f"expected letters out of {', '.join(out_of)}, got {shown(unknown[0])} among them.")
    return found


def text(answer: Any) -> str:
    """A text without regard to case and spaces around it."""
    value = _one(answer, "a text")
    if not isinstance(value, str):
        raise NotYet(f"expected a text in quotes, got {shown(answer)}.")
    return one_line(value).casefold()


def word(answer: Any, known: Sequence[str]) -> str:
    """One of the known words, in any case."""
    said = text(answer)
    if said not in known:
        listed = " or ".join(f'"{each}"' for each in known)
        raise NotYet(f"expected {listed}, got {shown(answer)}.")
    return said


def yes_or_no(answer: Any) -> bool:
    """True or False, also NumPy's and torch's."""
    value = _one(answer, "True or False")
    if not isinstance(value, bool):
        raise NotYet(f"expected True or False, got {shown(answer)}.")
    return value


def array(answer: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Finite numbers as a NumPy array of float64: from NumPy, torch or nested lists, in this shape if one is given."""
    value = _plain(answer, "an array")
    try:
        if isinstance(value, list | tuple):  # such as a list of tensors, with gradients or without
            value = [_plain(each, "numbers") if hasattr(each, "detach") else each for each in value]
        found = np.asarray(value)
    except (ValueError, TypeError):
        raise NotYet(f"expected an array, got {shown(answer)}.") from None
    if found.dtype.kind not in "buif":
        raise NotYet(f"expected an array of numbers, got {shown(answer)}.")
    if shape is not None and found.shape != shape:
        raise NotYet(f"expected the shape {shape}, got {found.shape}.")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise NotYet("some of your numbers are NaN or infinite.")
    return found


def mask(answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A mask as bool: from booleans, or from numbers that are all 0 or 1."""
    found = array(answer, shape)
    if not np.isin(found, (0, 1)).all():
        raise NotYet(f"a mask holds True and False only, got values from {found.min():g} to {found.max():g}.")
    return found.astype(bool)


def function(answer: Any) -> Callable:
    """Something that can be called: a function, or a class that makes a module."""
    if answer is None:
        raise NoAnswer
    if hasattr(answer, "state_dict") and not isinstance(answer, type):
        raise NotYet(f"expected a class or a function, got a module that is made already, {shown(answer)}.")
    if not callable(answer):
        raise NotYet(f"expected a function, got {shown(answer)}. Give its name, without brackets.")
    return answer


def slip(answer: Any, slips: Mapping[str, Any], within: float = 1e-6) -> str:
    """The hint whose slip gives just this answer, or nothing: ``{hint: what one gets who makes that slip}``."""
    mine = array(answer)
    others = ((hint, array(other)) for hint, other in slips.items())
    near = ((hint, np.abs(mine - other)) for hint, other in others if mine.shape == other.shape)
    return next((hint for hint, apart in near if apart.max(initial=0) <= within), "")


def _one(answer: Any, expected: str) -> Any:
    """`_plain`, an array of a single value as that value."""
    value = _plain(answer, expected)
    return value.item() if isinstance(value, np.ndarray) and value.shape == () else value


def _plain(answer: Any, expected: str) -> Any:
    """The answer, torch tensors as NumPy arrays; raises for None, classes and functions."""
    if answer is None:
        raise NoAnswer
    if isinstance(answer, type):
        raise NotYet(f"expected {expected}, got the class {answer.__name__}.")
    if callable(answer) and not hasattr(answer, "__array__"):
        kind = "module" if hasattr(answer, "state_dict") else "function. Call it"
        raise NotYet(f"expected {expected}, got a {kind}.")
    if hasattr(answer, "detach") and hasattr(answer, "numpy"):
        answer = answer.detach().cpu()
        answer = (answer.double() if answer.is_floating_point() else answer).numpy()  # NumPy has no bfloat16
    if isinstance(answer, np.generic):
        answer = np.asarray(answer)
    return answer
