"""Each script of examples/ runs as it stands, small."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TINY_WORLD = ["--side", "64", "--num-bots", "1", "--steps", "512", "--games", "2"]


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["sb3_ppo.py", "sb3_maskable_ppo.py"])
def test_other_trainers_train_the_world_unchanged(script):
    assert re.search(r"win rate +[\d.]+%", run(script, *TINY_WORLD))


def test_whoever_has_a_name_plays_the_others_and_someone_wins():
    printed = run("self_play_pettingzoo.py", "steady", "idle", "--side", "32")
    assert re.fullmatch(
        r"step +\d+: player_1 \(steady\) won, \d+% of the land\nstep +\d+: player_2 \(idle\) lost, \d+% of the land\n",
        printed,
    )


def test_a_small_vision_transformers_attention_is_captured_and_ablated():
    printed = run("small_vit.py")
    assert "blocks.0.attention (1, 4, 65, 65)" in printed and "10,591,168" in printed


def test_every_example_is_run_here():
    tested = Path(__file__).read_text("utf-8")
    assert all(path.name in tested for path in (ROOT / "examples").glob("*.py"))
