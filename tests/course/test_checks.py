"""The helper behind every check: readers of answers, and the sentence that is said whatever comes."""

from fractions import Fraction
from itertools import cycle

import numpy as np
import pytest
import torch

import territory
from territory import course


@course.check
def check_half(answer):
    return "Right: one half." if course.number(answer) == 0.5 else "Not yet: not one half."


@pytest.mark.parametrize(
    "half",
    [0.5, Fraction(1, 2), np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16)],
)
def test_every_form_of_a_number_is_read(half):
    assert check_half(half).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "No answer yet."),
        ("0.5", "Not yet: expected a number, got '0.5'. Omit quotes and units: 45, not '45 %'."),
        ([0.5], "Not yet: expected a number, got [0.5]. Omit the brackets."),
        (True, "Not yet: expected a number, got True."),
        (float("nan"), "Not yet: expected a finite number, got nan."),
        (10**400, "Not yet: that number is far too large."),
        (float, "Not yet: expected a number, got the class float."),
        (np.full((1, 1), 0.5), "Not yet: expected one number, got an array of shape (1, 1)."),
        (lambda: 0.5, "Not yet: expected a number, got a function. Call it."),
        (torch.nn.Flatten(), "Not yet: expected a number, got a module."),
        ((0, 5), "Not yet: expected a number, got (0, 5). A number has no comma: 1000 or 1.5, not 1,000 or 1,5."),
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


class Speechless(BaseException):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\nlines"), "ValueError (two lines)"),
        (KeyError(), "KeyError (no message)"),
        (ValueError("\ud800\x00"), "ValueError (??)"),
        (Speechless(), "Speechless (an object of type Speechless)"),
    ],
)
def test_an_answer_that_raises_is_told_not_raised(error, said):
    @course.check
    def check_call(answer):
        return answer()

    def bad():
        raise error

    assert check_call(bad) == f"Not yet: your answer stopped the check with {said}."


def test_an_error_that_names_the_tensors_late_is_told_to_its_end():
    @course.check
    def check_load(answer):
        torch.nn.Linear(2, 1).load_state_dict(answer.state_dict())

    said = check_load(torch.nn.Sequential(torch.nn.Linear(2, 1)))
    assert 'Missing key(s) in state_dict: "weight", "bias". Unexpected key(s) in state_dict: "0.weight"' in said


def test_what_the_package_says_of_an_answer_is_told_in_its_own_words():
    @course.check
    def check_games(answer):
        return territory.evaluate("idle", games=answer)

    assert check_games(-3) == "Not yet: games must be a whole number from 1 to 1000000, got -3"


def test_who_interrupts_a_check_leaves_it():
    @course.check
    def check_call(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_call(1)


def test_an_array_may_be_a_list_of_tensors_that_want_gradients():
    parts = [torch.ones(2, requires_grad=True), torch.zeros(2)]
    assert course.array(parts, (2, 2)).tolist() == [[1, 1], [0, 0]]


def test_a_module_is_no_function_that_makes_one():
    with pytest.raises(course.NotYet, match="made already"):
        course.function(torch.nn.Linear(1, 1))
    assert course.function(torch.nn.Linear) is torch.nn.Linear


def test_letters_without_an_end_are_read_for_a_while():
    assert course.letters(cycle("ac"), "abc") == {"a", "c"}


def test_the_slip_that_gives_an_answer_gives_its_hint():
    slips = {"the sign": torch.tensor([-1.0, -2.0], requires_grad=True), "the mean": 1.5}
    assert course.slip([-1, -2], slips) == "the sign"
    assert course.slip(np.float32(1.5), slips) == "the mean"
    assert course.slip([1.5, 1.5], slips) == course.slip([-1, -2.1], slips) == ""


@pytest.mark.parametrize("answer", ["higher", " Higher", np.array("HIGHER")])
def test_one_of_some_words_is_read_in_any_case(answer):
    assert course.word(answer, ("higher", "lower")) == "higher"


def test_another_word_is_told_which_there_are():
    with pytest.raises(course.NotYet, match=r'expected "higher" or "lower", got .sideways.'):
        course.word("sideways", ("higher", "lower"))
