"""The helper behind every check: readers of answers, and the sentence that is said whatever comes."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from territory import course


@course.check
def check_half(answer):
    return "Right: one half." if course.number(answer) == 0.5 else "Not yet: not one half."


@pytest.mark.parametrize("half", [0.5, Fraction(1, 2), np.float32(0.5), np.array(0.5), torch.tensor(0.5)])
def test_every_form_of_a_number_is_read(half):
    assert check_half(half).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "No answer yet."),
        ("0.5", "Not yet: expected a number, got '0.5'. Leave the quotes away."),
        (True, "Not yet: expected a number, got True."),
        (float("nan"), "Not yet: expected a finite number, got nan."),
        (10**400, "Not yet: that number is far too large."),
        (float, "Not yet: expected a number, got the class float."),
        (np.full((1, 1), 0.5), "Not yet: expected one number, got an array of shape (1, 1)."),
        (lambda: 0.5, "Not yet: expected a number, got a function. Call it."),
    ],
)
def test_what_is_no_number_is_told_in_one_sentence(answer, said):
    assert check_half(answer) == said


def test_a_whole_number_may_not_have_a_fraction():
    assert course.number(np.float64(3), whole=True) == 3
    with pytest.raises(course.NotYet, match="whole number"):
        course.number(3.5, whole=True)


@pytest.mark.parametrize("answer", [{"a", "c"}, ["C", "a"], "a, c", "(A) and (c)", "ac", np.array(["a", "c"])])
def test_letters_come_in_many_forms(answer):
    assert course.letters(answer, "abc") == {"a", "c"}


@pytest.mark.parametrize("answer", [[[1, 0]], torch.tensor([[True, False]]), np.array([[1.0, 0.0]])])
def test_a_mask_is_read_from_any_zeros_and_ones(answer):
    assert course.mask(answer, (1, 2)).tolist() == [[True, False]]


def test_a_mask_of_255_is_no_mask():
    with pytest.raises(course.NotYet, match="values from 0 to 255"):
        course.mask(np.array([[255, 0]], np.uint8), (1, 2))


def test_an_answer_that_raises_is_told_not_raised():
    @course.check
    def check_call(answer):
        return answer()

    def bad():
        raise ValueError("two\nlines")

    assert check_call(bad) == "Not yet: your answer stopped the check with ValueError (two lines)."
