"""`territory interpret`: every table of an agent's attention, by one command."""

import json

import pytest

from territory.cli import main
from territory.cli.commands import text_table
from territory.interpret import Interval

QUICK = ["--games", "2", "--states", "1", "--num-bots", "1"]


def test_it_prints_lifts_faithfulness_sanity_sensitivity_and_ablations(capsys):
    assert main(["interpret", "tokens", *QUICK, "--wins", "1", "--json"]) == 0
    tables = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # NaN is no JSON
    titles = list(tables)
    for start in ("lift on border", "lift on fronts", "entropy", "faithfulness, total", "faithfulness, nats"):
        assert any(title.startswith(start) for title in titles)
    faithful = next(table for title, table in tables.items() if title.startswith("faithfulness, total"))
    assert set(faithful) == {
        *("stats_to_map 1", "stats_to_map 2", "occlusion", "integrated gradients", "grad-cam", "own land")
    }
    assert len(tables["what moves with each statistic"]) == 16
    mean, low, high = tables["ablations"]["all mean-ablated"]["policy moves"]
    assert 0 <= low <= mean <= high <= 1
    won = tables["games won of 1"]
    assert list(won) == ["as trained", *(name for name in tables["ablations"] if name.endswith("ablated"))]
    assert all(row["win rate"][0] in (0, 1) for row in won.values())


def test_a_table_is_aligned_text_and_one_without_rows_says_why():
    told = text_table({"a": {"x": Interval(0.5, 0.25, 1)}, "longer": {"x": Interval(1, 1, 1)}})
    assert told.splitlines() == ["        x", "a       0.50 (0.25 to 1.00)", "longer  1.00 (1.00 to 1.00)"]
    assert "no attention" in text_table({})


def test_a_baseline_or_an_agent_that_is_not_there_is_refused(capsys):
    assert main(["interpret", "tokens", "--baseline", "grey"]) == 2
    assert "unclaimed, water, other_game; got 'grey'" in capsys.readouterr().err
    assert main(["interpret", "nobody"]) == 2
    assert "no agent 'nobody'" in capsys.readouterr().err
