"""Learning curves: a run is kept, and the kept ones are complete."""

import json
import subprocess
import sys

import pytest

from territory import load_study


def test_a_learning_run_is_kept_and_not_repeated(root, tmp_path):
    command = [sys.executable, "-m", "studies.learning", "--networks", "tokens", "--seeds", "1", "--steps", "1"]
    first, second = (
        subprocess.run([*command, "--out", str(tmp_path / "runs.json")], cwd=root, capture_output=True, text=True)
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert "training tokens, seed 0" in first.stderr and "training" not in second.stderr
    assert first.stdout == second.stdout and first.stdout.splitlines()[-1].startswith("tokens")
    (run,) = json.loads((tmp_path / "runs.json").read_text())
    assert run["curve"][-1][0] == 384 and 0 <= run["held_out"] <= 1


@pytest.mark.parametrize("side", [64, 128])
def test_the_learning_data_in_the_repository_is_five_seeds_of_each_network(side):
    runs = [run for run in load_study("learning") if run["side"] == side]
    seeds = {name: {run["seed"] for run in runs if run["network"] == name} for name in {run["network"] for run in runs}}
    assert {"tokens", "attention"} <= set(seeds) and all(found == set(range(5)) for found in seeds.values())
    assert len({len(run["curve"]) for run in runs}) == 1
