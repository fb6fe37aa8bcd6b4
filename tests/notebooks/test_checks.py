"""Every check of every notebook: one sentence for whatever it is given, "Right" for what is right and for nothing else.

The cells that an exercise needs are run; then its check is given the blank answer, a battery of malformed and
near-miss answers, and the hidden solution in all its equal forms. A notebook that follows the convention of
``territory.course.exercises`` is covered without a word here.
"""

import contextlib
import io
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest.mock import MagicMock

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from territory.course.checks import BEGINNINGS
from territory.course.exercises import exercises_of, needed, read_cells
from tests.notebooks.answers import NEAR_MISSES, RIGHT_TOO

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
NUMBERS = int | float | np.number


class EqualToAll:
    """Says yes to every question."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __getitem__(self, key):
        return self

    def __call__(self, *args, **kwargs):
        return self

    def __bool__(self):
        return True

    def __float__(self):
        return 1.0


class Speechless(BaseException):
    def __str__(self):
        raise RuntimeError("no words")


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


def raising(error):
    def function(*args, **kwargs):
        raise error

    return function


def giving(value):
    return lambda *args, **kwargs: value


VALUES = [
    *("", " ", "abc", "Right", "Right: trust me.", "7", "a,b,c,d,e,f,g", b"a", math.nan, math.inf, -math.inf),
    *(True, False, 10**400, -(10**400), 1e308, 1 + 2j, Decimal("NaN"), Decimal("1e999"), [], (), {}, set(), [None]),
    *({"x": 1}, {"a": math.nan}, [[[1]]], [1, [2]], ["a", 1], {1, 2}, object(), EqualToAll(), Unprintable()),
    *(np.zeros(0), np.zeros((3, 3)), np.array([1, "x"], object), np.array(math.nan), np.bool_(True), np.ma.masked),
    *(torch.tensor(math.nan), torch.zeros(2, 3), torch.zeros(0), torch.zeros(1, requires_grad=True)),
    *(torch.tensor(True), int, float, dict, EqualToAll, torch.Tensor, torch.nn.Linear, np, len, iter([1])),
    *(slice(None), NotImplemented, MagicMock()),
]
FUNCTIONS = [
    *(giving(value) for value in (math.nan, "x", [], object(), int, torch.zeros(3), np.full((2, 2), np.nan), 10**400)),
    *(raising(error) for error in (ValueError("no\nlines"), KeyError(), SystemExit(1), StopIteration(), Speechless())),
    *(lambda: None, lambda *a, **k: a, lambda *a, **k: k, giving(EqualToAll()), giving(giving(None))),
]
BATTERY = VALUES + FUNCTIONS


def given(code, exercise, names):
    """What a check is given after a piece of code; an expression is the first of its answers."""
    scope = dict(names) | {"Fraction": Fraction}
    try:
        scope[exercise.names[0]] = eval(code, scope)
    except SyntaxError:
        exec(code, scope)
    return [scope[name] for name in exercise.names]


def said_by(check, *answers):
    with contextlib.redirect_stdout(io.StringIO()):
        said = check(*answers)
    assert isinstance(said, str), f"{type(said)} for {answers!r:.100}"
    assert said.startswith(BEGINNINGS), f"{said!r} for {answers!r:.100}"
    assert "\n" not in said
    return said


def equal_forms(answer):
    """The same answer as somebody else would write it."""
    if isinstance(answer, str):
        return [answer.upper(), f"  {answer.lower()} ", np.array(answer)]
    if isinstance(answer, set):
        items = sorted(answer)
        words = ", ".join(items)
        return [items, tuple(items), frozenset(items), words, words.upper(), f"{{{words}}}", " and ".join(items)]
    if isinstance(answer, bool):
        return [np.bool_(answer), np.array(answer), torch.tensor(answer)]
    if isinstance(answer, NUMBERS):
        whole = [int(answer), Fraction(int(answer)), np.int64(answer)] if answer == int(answer) else []
        exact = Fraction(float(answer)), Decimal(float(answer)), np.float64(answer), np.array(float(answer))
        return [*whole, *exact, torch.tensor(float(answer), dtype=torch.float64, requires_grad=True)]
    if isinstance(answer, tuple | list):
        changed = [type(answer)(each) for each in swapped(list(answer), equal_forms)]
        return [*changed, list(answer), tuple(answer)]
    if isinstance(answer, dict):
        return [dict(zip(answer, values, strict=True)) for values in swapped(list(answer.values()), equal_forms)]
    return []


def near_misses(answer):
    """Answers that are nearly right."""
    if isinstance(answer, str):
        return [answer + "x", answer[:-1]]
    if isinstance(answer, set):
        return [answer - {item} for item in answer] + [answer | {"x"}, set()]
    if isinstance(answer, bool):
        return [not answer, "yes", 7]
    if isinstance(answer, NUMBERS):
        return [answer * 1.1 + 0.01, -answer - 1, answer * 100 + 1, [answer], np.full((1, 1), answer), str(answer)]
    if isinstance(answer, tuple | list):
        return [type(answer)(each) for each in swapped(list(answer), near_misses)] + [answer[:-1], [*answer, 1]]
    if isinstance(answer, dict):
        return [dict(zip(answer, values, strict=True)) for values in swapped(list(answer.values()), near_misses)]
    return []


def swapped(values, forms):
    """The values with one of them in another form, in turn."""
    for place, value in enumerate(values):
        for form in forms(value):
            yield [*values[:place], form, *values[place + 1 :]]


def run(source, names):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, names)
    plt.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_check_says_right_to_what_is_right_and_one_sentence_to_everything_else(path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(path.parent)
    cells, names, done, tried, calls = read_cells(path), {"display": lambda *_: None}, set(), [], 0
    for exercise in exercises_of(cells):
        for place in needed(cells, exercise.call, exercise.solution):
            if place not in done:
                run(cells[place].source, names)
                done.add(place)
        run(cells[exercise.answer].source, names)  # blank again, if it was answered in an exercise before
        run(cells[exercise.call].source, names)
        check, tried = names[exercise.check], [*tried, exercise.check]
        blank = [names[name] for name in exercise.names]
        assert not said_by(check, *blank).startswith("Right"), f"{exercise.check} accepts the blank answer"
        assert said_by(check, *[None] * len(blank)).startswith("No answer yet"), exercise.check

        run(exercise.solution, names)
        right = [names[name] for name in exercise.names]
        hidden = next(cell.source for cell in cells[exercise.call + 1 :] if "<details>" in cell.source)
        many = "of many</summary>" in hidden  # solutions: what is nearly the same may be right as well
        wrong = [*swapped(right, lambda _: BATTERY), *([] if many else swapped(right, near_misses))]
        for answers in wrong:
            assert not said_by(check, *answers).startswith("Right"), f"{exercise.check} accepts {answers!r:.200}"
        for code, hint in NEAR_MISSES.get(exercise.check, {}).items():
            said = said_by(check, *given(code, exercise, names))
            assert said.startswith("Not yet") and hint in said, f"{exercise.check} says {said!r} to {code}"
        others = [given(code, exercise, names) for code in RIGHT_TOO.get(exercise.check, [])]
        for answers in [right, *swapped(right, equal_forms), *others]:
            said = said_by(check, *answers)
            assert said.startswith("Right"), f"{exercise.check} refuses {answers!r:.200}: {said}"
        calls += len(wrong) + len(NEAR_MISSES.get(exercise.check, {}))
    assert len(tried) == len(set(tried)), "two checks of one notebook have the same name"
    print(f"{path.stem}: {len(tried)} checks, {calls} wrong answers")


def test_no_answer_here_is_of_a_check_that_is_gone():
    checks = {exercise.check for path in NOTEBOOKS for exercise in exercises_of(read_cells(path))}
    assert set(NEAR_MISSES) | set(RIGHT_TOO) <= checks
