"""The study of habits: an agent plays as it does but for one thing, and its land after the opening is noted."""

import numpy as np
import pytest
import torch
from helpers.builders import random_moments

from studies import command
from studies.datafile import load
from studies.games import config_of
from studies.habits import Watched, habits, main, steps_taken, study, unclaimed_ahead
from territory import models
from territory.agent import Agent, Decoding
from territory.world.actions import Direction, decode
from territory.world.layout import Plane, Stat

MAX_STEPS = 60


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    config = {"model": "tokens", "height": 32, "width": 32, "max_steps": MAX_STEPS, "num_bots": 2}
    return Agent(models.build("tokens"), config, decoding=Decoding(attack_threshold=0.9))


@pytest.fixture
def state():
    obs, masks = random_moments(64, side=32, allowed=0.8)
    obs["global"][:, Stat.TIME] = 0
    obs["global"][:, Stat.TROOPS_OVER_CAP] = 0.5
    return obs, masks


def acted(agent, habit, state):
    """What it does with a habit, and by itself, taken apart; and whether the changed action was allowed at all."""
    changed, own = habits(agent, MAX_STEPS)[habit](*state), agent.act(*state)
    assert state[1][np.arange(64), changed].all()
    return [decode(action) for action in changed], [decode(action) for action in own]


def test_as_it_plays_is_the_agent_itself(agent, state):
    changed, own = acted(agent, "as it plays", state)
    assert changed == own


@pytest.mark.parametrize(("habit", "builds"), [("never builds", False), ("builds whenever it can", True)])
def test_only_the_build_changes_and_only_where_that_is_allowed(agent, state, habit, builds):
    changed, own = acted(agent, habit, state)
    assert [each[:2] for each in changed] == [each[:2] for each in own]
    allowed = state[1][np.arange(64), agent.act(*state) // 2 * 2 + builds]
    assert changed != own
    for each, mine, may in zip(changed, own, allowed, strict=True):
        assert each.build == (builds if may else mine.build)


@pytest.mark.parametrize(("habit", "intensity"), [("sends 15%", 0), ("sends 30%", 1), ("sends 60%", 3)])
def test_only_the_share_of_an_attack_changes(agent, state, habit, intensity):
    eager = agent.with_decoding(attack_threshold=1e-6)
    changed, own = acted(eager, habit, state)
    assert [(each.direction, each.build) for each in changed] == [(each.direction, each.build) for each in own]
    kept = [each.intensity == mine.intensity for each, mine in zip(changed, own, strict=True)]
    assert all(may or each.intensity == intensity for each, may in zip(changed, kept, strict=True))
    assert sum(each.intensity == intensity for each in changed) > 40  # four of five orders are allowed


def test_with_full_barracks_it_strikes_where_it_would_have_waited(agent, state):
    obs, _ = state
    changed, own = acted(agent, "strikes when 75% full", state)
    assert changed == own
    obs["global"][:, Stat.TROOPS_OVER_CAP] = 0.8
    changed, own = acted(agent, "strikes when 75% full", state)
    assert any(each.direction == Direction.WAIT for each in own)
    assert all(each.direction < Direction.WAIT for each in changed)


def test_it_grabs_where_most_unclaimed_land_lies_until_the_opening_is_over(agent, state):
    obs, masks = state
    masks[:] = True
    obs["map"][:] = 0
    obs["map"][:, Plane.OWN, 10:20, 10:20] = 255
    obs["map"][:, Plane.UNCLAIMED, 10:20, 20:] = 255  # land in the east alone
    changed, _ = acted(agent, "grabs land at first, by 30%", state)
    assert {each[:2] for each in changed} == {(Direction.E, 1)}
    for odd_or_late in (1, 30):
        obs["global"][:, Stat.TIME] = odd_or_late / MAX_STEPS
        changed, own = acted(agent, "grabs land at first, by 30%", state)
        assert changed == own


def test_unclaimed_land_ahead_is_counted_in_tiles_of_plains_and_never_across_the_edge():
    maps = np.zeros((1, 5, 32, 32), np.uint8)
    maps[0, Plane.OWN, :4, 4:8] = 255  # at the northern edge
    maps[0, Plane.UNCLAIMED] = np.where(maps[0, Plane.OWN], 0, 255)
    maps[0, Plane.UNCLAIMED, :, 8:] = 85  # mountains in the east: a third
    # N: nothing. E: 4 mountains. S: 4 plains. W: 4 plains. Diagonals southwards: 3 beside, 4 below, one of them east.
    np.testing.assert_allclose(unclaimed_ahead(maps)[0], [0, 3 / 3, 4 / 3, 4 / 3 + 3, 4, 7, 4, 3])


def test_land_is_noted_in_step_40(agent, state):
    obs, masks = state
    obs["global"][:, Stat.TIME] = np.arange(64) / MAX_STEPS
    assert steps_taken(obs, MAX_STEPS).tolist() == [*range(64)]
    watched = Watched(agent, MAX_STEPS)
    np.testing.assert_array_equal(watched(obs, masks), agent.act(obs, masks))
    assert watched.land == [obs["global"][40, Stat.LAND_SHARE]]


def test_the_table_has_a_row_for_each_habit(agent):
    config = config_of(agent, opponents="bot")
    rows = study(agent, config, games=2)
    assert [row.habit for row in rows] == [*habits(agent, MAX_STEPS)] and len(rows) == 12
    assert all("%" in row.won and "%" in row.idle for row in rows)


def test_the_command_prints_those_that_are_asked_for_and_keeps_them(tmp_path, capsys):
    out = tmp_path / "habits.json"
    flags = ["tokens", "--opponents", "bot", "--num-bots", "1", "--games", "1", "--only", "never builds", "sends 60%"]
    assert command.run(main, [*flags, "--out", str(out)]) == 0
    assert [line[:12] for line in capsys.readouterr().out.splitlines()[2:]] == ["never builds", "sends 60%   "]
    assert [row["habit"] for row in load(out, agent="tokens", games=1)] == ["never builds", "sends 60%"]


def test_the_command_refuses_a_habit_that_there_is_not_and_says_which_there_are(capsys):
    assert command.run(main, ["tokens", "--only", "never builds", "sings"]) == 2
    error = capsys.readouterr().err
    assert "expected habits out of as it plays, never builds, " in error and error.endswith("got sings\n")
