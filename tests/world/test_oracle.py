"""Engine and rulebook (tests/oracle) play the same games. Thousands: `python -m tests.oracle --games 3000`."""

import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from oracle import compare, rulebook
from oracle.__main__ import main

from territory.world import World, WorldParams

SAMPLE = range(1, 101)


@pytest.fixture(scope="module")
def sampled() -> Counter:
    """What happened in a sample of games; any disagreement is an error here."""
    return sum((compare.play(compare.setup_of(number)) for number in SAMPLE), Counter())


def test_engine_and_rulebook_agree_over_random_games(sampled):
    assert sampled["games"] == len(SAMPLE)


@pytest.mark.parametrize("event", [*compare.COUNTED, "allowed actions", "disallowed actions"])
def test_the_games_are_not_idle(sampled, event):
    assert sampled[event] > 50


@pytest.mark.parametrize(
    ("height", "width", "num_bots", "opponents"),
    [
        (128, 128, 50, "mixed"),
        (160, 160, 5, "nation"),
        (32, 160, 20, "bot"),
        (160, 96, 50, "nation"),
        (32, 288, 9, "mixed"),
    ],
)
def test_engine_and_rulebook_agree_on_large_maps(height, width, num_bots, opponents):
    params = WorldParams(height=height, width=width, num_bots=num_bots, opponents=opponents)
    driven = np.arange(num_bots + 2) % 7 == 1
    assert compare.play(compare.Setup(5, params, steps=12, rich=True, driven=driven))["tiles taken"] > 1000


def test_the_numbers_draw_every_kind_of_game():
    setups = [compare.setup_of(number).params for number in range(3000)]
    assert {params.opponents for params in setups} == {"bot", "nation", "mixed"}
    assert {params.height for params in setups} == {params.width for params in setups} == set(compare.SIDES)
    assert {params.num_bots for params in setups} == set(range(1, 51))


@pytest.mark.parametrize("field", ["troops", "gold", "attacks"])
def test_the_last_bit_of_a_number_is_noticed(field):
    world = World(1, WorldParams(height=32, width=32, num_bots=2))
    world.reset([0])
    setup, game = compare.setup_of(1), compare.game_of(world)
    compare.compare_states(setup, world, game)
    value = getattr(game, field)
    value.flat[-1] = np.nextafter(value.flat[-1], np.inf)
    with pytest.raises(compare.Disagreement, match=rf"seed 1, step 0, tick 0: {field} of player 3 differ"):
        compare.compare_states(setup, world, game)


def test_the_command_stops_at_a_rule_left_out_and_says_where(monkeypatch, capsys):
    monkeypatch.setattr(rulebook, "collapse", lambda game, lost: None)
    assert main(["--games", "100"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert re.search(r"seed \d+, step \d+, tick \d+: .+ differ", err) and "1 disagreement" in err


def test_the_command_counts(root):
    command = [sys.executable, "-m", "tests.oracle", "--games", "3", "--first", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3 games, ") and done.stdout.endswith(": 0 disagreements\n")
