"""What the notebooks need beside the game and its instruments: checks for exercises, and tools for teachers.

``checks`` answers whatever a learner gives with one sentence; ``trials`` is what some of them try an answer on;
``exercises`` finds the exercises of a notebook; ``grade`` runs somebody's notebook against them, in the process that
``worker`` is; ``report`` is the capstone's page.
"""

from territory.course.checks import (
    NoAnswer,
    NotYet,
    array,
    check,
    function,
    letters,
    mask,
    number,
    numbers,
    shown,
    slip,
    text,
    word,
    yes_or_no,
)

__all__ = ["NoAnswer", "NotYet", "array", "check", "function", "letters", "mask", "number", "numbers", "shown"]
__all__ += ["slip", "text", "word", "yes_or_no"]
