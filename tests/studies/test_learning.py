"""Learning curves: a run is kept, and the kept ones are complete."""

import json
import subprocess
import sys

import pytest

from studies import command
from studies.learning import main
from territory import load_study


def test_a_learning_run_is_kept_and_not_repeated(tmp_path, capsys):
    out = tmp_path / "runs.json"
    flags = ["--networks", "tokens", "--seeds", "1", "--steps", "1", "--out", str(out)]
    assert command.run(main, flags) == 0
    first = capsys.readouterr()
    assert command.run(main, flags) == 0
    second = capsys.readouterr()
    assert "training tokens, seed 0" in first.err and "training" not in second.err
    assert first.out == second.out and first.out.splitlines()[-1].startswith("tokens")
    (run,) = json.loads(out.read_text())
    assert run["curve"][-1][0] == 384 and 0 <= run["held_out"] <= 1


def test_a_study_is_a_command_of_its_own(root):
    told = subprocess.run(
        [sys.executable, "-m", "studies.learning", "--help"], cwd=root, capture_output=True, text=True
    )
    assert told.returncode == 0 and "--networks" in told.stdout


@pytest.mark.parametrize("side", [64, 128])
def test_the_learning_data_in_the_repository_is_five_seeds_of_each_network(side):
    runs = [run for run in load_study("learning") if run["side"] == side]
    seeds = {name: {run["seed"] for run in runs if run["network"] == name} for name in {run["network"] for run in runs}}
    assert {"tokens", "attention"} <= set(seeds) and all(found == set(range(5)) for found in seeds.values())
    assert len({len(run["curve"]) for run in runs}) == 1
