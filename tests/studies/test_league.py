"""The league and its studies: fair pairs, honest counting, a ranking that is what it seems."""

import json

import numpy as np
import pytest
from helpers.builders import uniform

from studies import command, duels, ground
from studies.league import league
from territory.errors import BadInput
from territory.stats import wilson
from territory.world import World, WorldParams

SMALL = WorldParams(height=64, width=64, num_bots=1)
SEED = 1_000_000


def test_the_same_contestant_against_itself_scores_a_half_on_every_map():
    assert duels.duel("nation", "nation", 6, SEED, SMALL).scores == (0.5,) * 6
    assert duels.duel("steady", "steady", 3, SEED, SMALL).scores == (0.5,) * 3


def test_a_map_is_one_trial_and_its_two_games_are_played_with_seats_swapped():
    duel = duels.duel("nation", "bot", 3, SEED, SMALL)
    nation, bot = duels.find_contestant("nation"), duels.find_contestant("bot")
    here = duels.play_out([nation, bot], SEED + np.arange(3), SMALL).tiles
    there = duels.play_out([bot, nation], SEED + np.arange(3), SMALL).tiles
    points = (here[:, 1] > here[:, 2]).astype(float) + (there[:, 2] > there[:, 1])
    assert duel.scores == tuple(points / 2)
    assert duel.interval == wilson(sum(duel.scores), 3)
    assert duel.turned().score == 1 - duel.score and duel.turned().first == "bot"


def test_games_end_when_one_has_won_or_time_is_up_and_are_counted_as_they_ended():
    nation, idle = duels.find_contestant("nation"), duels.find_contestant("idle")
    ending = duels.play_out([nation, idle], SEED + np.arange(3), SMALL)
    for game in range(3):
        world = World(1, SMALL, kinds=["nation", "human"])
        world.reset([SEED + game])
        while not (world.has_won(1)[0] or world.has_won(2)[0]):
            world.step(np.array([[-1, -1, 80]]))
        assert ending.steps[game] == world.state.step[0] and ending.conquered[game]
        assert ending.tiles[game].tolist() == world.state.tiles[0].tolist()
    short = duels.play_out([idle, idle], SEED + np.arange(2), WorldParams(height=64, width=64, num_bots=1, max_steps=3))
    assert short.steps.tolist() == [3, 3] and not short.conquered.any()


def test_many_games_are_played_in_parts_with_the_same_result(monkeypatch):
    pair = [duels.find_contestant(name) for name in ("nation", "bot")]
    whole = duels.play_out(pair, SEED + np.arange(5), SMALL)
    monkeypatch.setattr(duels, "AT_ONCE", 2)
    parts = duels.play_out(pair, SEED + np.arange(5), SMALL)
    assert np.array_equal(whole.tiles, parts.tiles) and np.array_equal(whole.steps, parts.steps)


def test_larger_land_wins_and_equal_land_counts_half():
    assert duels.points(np.array([5, 3, 4], np.int32), np.array([3, 5, 4], np.int32)).tolist() == [1, 0, 0.5]


def test_a_nation_that_may_not_build_never_has_a_city():
    contestants = [duels.find_contestant(name) for name in ("nation-no-cities", "nation")]
    world = World(2, WorldParams(num_bots=1), kinds=["nation", "nation"])
    world.reset([SEED, SEED + 1])
    for _ in range(60):
        duels.step(world, contestants, np.ones(2, bool))
    assert world.state.cities[:, 1].tolist() == [0, 0] and world.state.cities[:, 2].min() > 0


def test_the_ranking_has_strong_scripts_above_weak_ones_and_dice_start_anew():
    result = duels.round_robin(["random", "idle", "bot", "nation"], 4, SMALL)
    assert result.names == ("nation", "bot", "random", "idle")
    assert result.mean_score("nation") == 1 and result.upsets() == []
    again = duels.round_robin(["idle", "random"], 4, SMALL)
    assert again.duels["random", "idle"].scores == result.duels["random", "idle"].scores


def test_an_upset_is_named():
    found = {}
    for first, second, score in (("a", "b", 0.0), ("a", "c", 1.0), ("b", "c", 0.4)):
        found[first, second] = duels.Duel(first, second, (score,), 1.0, 10.0)
        found[second, first] = found[first, second].turned()
    result = duels.League(("a", "b", "c"), found, 1, 0)
    assert [(each.first, each.second) for each in result.upsets()] == [("a", "b"), ("b", "c")]


def test_cities_pay_and_plains_are_worth_more_than_mountains():
    cities = ground.cities(12, SEED, WorldParams(num_bots=1))
    assert cities[0].low > 0.5  # beats its twin that may not build
    assert cities[1].low > 0.5  # and one of three that build comes first among six
    terrain = ground.terrain(12, SEED, WorldParams(num_bots=1))
    plains, highland, mountain = (finding.value for finding in terrain[:3])
    assert plains > highland > mountain > 52
    assert terrain[3].value > 0.5


def test_starts_are_really_in_different_halves():
    land, params = uniform(64), SMALL
    seeds, west = ground.one_in_each_half(5, SEED, params, land)
    assert len(seeds) == len(set(seeds.tolist())) == 5
    world = World(5, params, land)
    world.reset(seeds)
    for game in range(5):
        owner = world.map_of("owner")[game]
        assert set(np.unique(owner[:, :32])) <= {0, west[game] + 1}
        assert set(np.unique(owner[:, 32:])) <= {0, 2 - west[game]}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("dragon idle", "nation-no-cities, random, idle, steady and agents, but no agent"),
        ("idle idle", "two or more different names"),
        ("idle", "two or more different names"),
        ("--games 3", "games must be an even number"),
        ("--side 50", "multiple of 32"),
    ],
)  # fmt: skip
def test_a_wrong_league_is_explained(flags, said, capsys):
    assert command.run(league, flags.split()) == 2
    assert said in capsys.readouterr().err


def test_the_command_prints_a_table_keeps_its_duels_and_plays_none_twice(tmp_path, capsys):
    out = tmp_path / "league.json"
    flags = ["bot", "idle", "--games", "4", "--side", "64", "--out", str(out)]
    assert command.run(league, flags) == 0
    first = capsys.readouterr()
    assert "1 bot" in first.out and "100 34–100" in first.out  # Wilson: 2 of 2 maps, 2 / (2 + 3.84)
    assert (
        "Place by place, with 95 % intervals: bot > idle 100 34–100." in first.out
        and "Against the order: nobody." in first.out
    )
    assert "1140 1140–1140" in first.out  # 2.5 maps to 0.5: 400 * log10(5) = 280 points between the two
    (kept,) = json.loads(out.read_text())
    assert (kept["first"], kept["second"], kept["scores"], kept["side"]) == ("bot", "idle", [1.0, 1.0], 64)
    assert command.run(league, flags) == 0
    second = capsys.readouterr()
    assert second.out == first.out and "bot against idle" in first.err and "against" not in second.err


def test_what_cities_and_terrain_are_worth_is_printed_and_kept(tmp_path, capsys):
    out = tmp_path / "ground.json"
    assert command.run(ground.ground, ["--maps", "2", "--side", "64", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "one that may not build, won:" in printed and "on mountains, won:" in printed
    assert len(json.loads(out.read_text())) == 6


def test_an_agent_plays_in_a_league():
    duel = duels.duel("attention", "idle", 1, SEED, WorldParams(height=64, width=64, num_bots=1))
    assert duel.score == 1


@pytest.mark.parametrize(("name", "said"), [("dragon", "no agent 'dragon'"), ("baseline", "map of 128x128")])
def test_a_league_of_agents_that_cannot_play_is_refused_before_any_game(name, said):
    told = []
    with pytest.raises(BadInput, match=said):
        duels.round_robin(["bot", "idle", name], 1, SMALL, tell=told.append)
    assert told == []


def test_by_default_whoever_takes_maps_of_that_size_plays(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("studies.league.pretrained", lambda: ["baseline", "tokens"])
    monkeypatch.setattr("studies.league.SCRIPTS", {"bot": duels.SCRIPTS["bot"]})
    monkeypatch.setattr("studies.league.SCRIPTED", {})
    out = str(tmp_path / "league.json")
    assert command.run(league, ["--games", "2", "--side", "64", "--max-steps", "3", "--out", out]) == 0
    printed = capsys.readouterr()
    assert "baseline is left out: baseline: expected a map of 128x128" in printed.err
    assert "bot against tokens" in printed.err and "baseline" not in printed.out
