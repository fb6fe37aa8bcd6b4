"""Games go as they went when `python -m tests.oracle.golden` last wrote them down."""

import json

import pytest
from oracle import golden

WRITTEN = json.loads(golden.FILE.read_text())


def test_the_file_holds_every_game():
    assert [each["game"] for each in WRITTEN] == list(golden.GAMES)


@pytest.mark.parametrize("written", WRITTEN, ids=[str(each["game"]["seed"]) for each in WRITTEN])
def test_a_game_goes_as_it_went(written):
    """Another machine's powers and logarithms may differ in the last bit: floats are compared to 1e-6.

    Tiles are not: a chance that differs by 1e-16 changes one draw in 1e16, and these games have a few million.
    """
    for now, then in zip(golden.record(**written["game"]), written["moments"], strict=True):
        for name in ("tick", "tiles", "cities", "owner", "planes"):
            assert now[name] == then[name], f"{name} at tick {then['tick']}: if meant, python -m tests.oracle.golden"
        for name in ("troops", "statistics"):
            assert now[name] == pytest.approx(then[name], rel=1e-6, abs=1e-6), f"{name} at tick {then['tick']}"
