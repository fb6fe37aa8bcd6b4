"""Data files of studies: whole or not at all, one run a line, and what was measured again replaces what was."""

from dataclasses import dataclass

import pytest

import territory
from studies.datafile import add, kept, load
from territory.data import study_names
from territory.errors import BadInput


@dataclass
class Row:
    habit: str
    won: float


def test_runs_are_added_in_order_one_a_line(tmp_path):
    path = tmp_path / "new" / "runs.json"
    assert load(path) == []
    for seed in (2, 0, 1):
        add(path, {"network": "tokens", "seed": seed}, key=lambda run: run["seed"])
    assert [run["seed"] for run in load(path)] == [0, 1, 2] and load(path, seed=1) == [{"network": "tokens", "seed": 1}]
    assert len(path.read_text().splitlines()) == 5


def test_rows_of_the_same_settings_are_replaced_and_all_others_stay(tmp_path):
    path = tmp_path / "habits.json"
    kept(path, [Row("waits", 0.1), Row("builds", 0.2)], "habit", {"agent": "tokens"})
    kept(path, [Row("waits", 0.3)], "habit", {"agent": "champion"})
    kept(path, [Row("waits", 0.4)], "habit", {"agent": "tokens"})
    assert {(row["agent"], row["habit"]): row["won"] for row in load(path)} == {
        ("tokens", "waits"): 0.4,
        ("tokens", "builds"): 0.2,
        ("champion", "waits"): 0.3,
    }


@pytest.mark.parametrize("name", study_names())
def test_every_study_that_is_kept_can_be_loaded(name):
    assert territory.load_study(name)


@pytest.mark.parametrize("name", ["leage", "", "../data/league", None, 3, ["league"]])
def test_another_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(BadInput, match=r"one of .*memorisation.*; got "):
        territory.load_study(name)
