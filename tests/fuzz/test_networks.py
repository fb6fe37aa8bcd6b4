"""Instruments tell random networks as they are: some dozens here; `python -m tests.fuzz.answers` asks about more."""

import pytest

from tests.fuzz.answers import failure
from tests.fuzz.spellings import SPELLINGS, drawn

PLAIN = {name: plain for name, (plain, *_) in SPELLINGS.items()}
MENDED = [  # what was told wrongly once
    {"projection": "matmul", "b": 1, "i": 6},
    {"projection": "functional", "scale": "temperature", "b": 3, "g": 3, "d": 3},
    {"score": "additive", "softmax": "late", "weighed": "turned"},
    {"score": "einsum", "softmax": "late"},
    {"source": "learned, made once", "score": "sum", "b": 4, "r": 2, "i": 1, "j": 2},
    {"source": "learned, made once", "projection": "stacked", "scale": "temperature", "b": 4, "g": 1, "r": 3, "j": 3},
    {"projection": "stacked", "groups": "shared", "b": 3, "g": 1, "r": 2, "i": 4},
    {"source": "learned", "turned": "complex", "held": "nt b", "b": 3, "r": 2, "i": 4, "d": 2},
]


@pytest.mark.parametrize("seed", range(24))
def test_weights_costs_and_dead_parts_of_a_random_network_are_those_of_the_formulas(seed):
    assert failure(drawn(seed), dead=seed % 6 == 0) is None


@pytest.mark.parametrize("odd", MENDED, ids=lambda odd: ", ".join(map(str, odd.values())))
def test_what_was_told_wrongly_once_is_told_as_it_is(odd):
    for seed in range(3):
        assert failure(PLAIN | odd | {"seed": seed}, dead=False) is None
