"""Every formula against the values that the real game's engine printed, to 1e-9."""

import numpy as np
import pytest
from helpers.builders import reference

from territory.errors import BadInput
from territory.world import WorldParams, rules

EXACT = {"rel": 1e-9, "abs": 1e-9}


def _rows(table):
    return reference()["tables"][table]


def _kind(name):
    return "nation" if name == "nation_medium" else name  # the difficulty we take


def test_troop_cap():
    for row in _rows("max_troops"):
        cap = rules.troop_cap(row["tiles"], row["cities_level1"], _kind(row["player_type"]))
        assert cap == pytest.approx(row["max_troops"], **EXACT)


def test_troop_growth():
    rows = _rows("troop_growth_per_tick")
    for row in rows:
        growth = rules.troop_growth(row["troops"], row["max_troops"], _kind(row["player_type"]))
        assert growth == pytest.approx(row["increase_per_tick_unrounded"], **EXACT)
    assert len(rows) == 37


@pytest.mark.parametrize("table", ["attack_vs_player", "attack_vs_player_type_pairs"])
def test_the_price_of_a_players_tile(table):
    for row in _rows(table):
        attacker_loss, defender_loss, used = rules.tile_price(
            row["terrain"],
            row["attack_troops"],
            _kind(row["attacker_type"]),
            row["defender_troops"],
            row["defender_tiles"],
            _kind(row["defender_type"]),
        )
        assert attacker_loss == pytest.approx(row["attackerTroopLoss"], **EXACT)
        assert defender_loss == pytest.approx(row["defenderTroopLoss"], **EXACT)
        assert used == pytest.approx(row["tilesPerTickUsed"], **EXACT)


def test_the_price_of_an_unclaimed_tile():
    for row in _rows("attack_vs_unowned"):
        attacker_loss, defender_loss, used = rules.tile_price(
            row["terrain"], row["attack_troops"], row["attacker_type"]
        )
        assert (attacker_loss, defender_loss, used) == pytest.approx(
            (row["attackerTroopLoss"], 0, row["tilesPerTickUsed"]), **EXACT
        )


def test_attack_budget():
    for row in _rows("attack_tiles_budget_per_tick"):
        if row["target"] == "unowned":
            budget = rules.attack_budget(row["border_tiles"], row["attack_troops"])
        else:
            budget = rules.attack_budget(row["border_tiles"], row["attack_over_defender"] * 1000, 1000)
        assert budget == pytest.approx(row["budget"], **EXACT)


def test_city_price_doubles_up_to_its_limit():
    prices = rules.city_price(np.arange(5.0), 125_000.0, 1_000_000.0)
    assert prices.tolist() == reference()["constants"]["city_cost_by_owned"]


def test_the_constants_are_the_real_ones():
    real, usual = reference()["constants"], WorldParams()
    assert rules.START_TROOPS[[rules.HUMAN, rules.BOT]].tolist() == [
        real["start_troops_human"],
        real["start_troops_bot"],
    ]
    assert rules.GOLD_PER_TICK[[rules.HUMAN, rules.BOT]].tolist() == [
        real["gold_per_tick_human"],
        real["gold_per_tick_bot"],
    ]
    assert real["city_troops_per_level"] == rules.CITY_TROOPS
    assert 100 * usual.win_share == real["win_percent_ffa"]
    assert usual.city_spacing == real["structure_min_dist"]


def test_a_number_of_the_rules_is_not_changed_while_games_go_on_with_another():
    with pytest.raises(ValueError, match="read-only"):
        rules.START_TROOPS[rules.HUMAN] = 1


def test_arrays_give_what_scalars_give():
    tiles, troops = np.array([1, 100, 10_000]), np.array([10.0, 1e4, 3e5])
    caps = rules.troop_cap(tiles, 0, "human")
    assert caps.tolist() == [rules.troop_cap(t, 0, "human") for t in tiles]
    growths = rules.troop_growth(troops, caps, "bot")
    assert growths.tolist() == [rules.troop_growth(t, c, "bot") for t, c in zip(troops, caps, strict=True)]


def test_troops_grow_fastest_near_the_best_fill():
    cap = 300_000.0
    fills = np.linspace(0.01, 0.99, 99)
    fastest = fills[np.argmax(rules.troop_growth(fills * cap, cap, "human"))]
    assert fastest == pytest.approx(rules.BEST_TROOP_RATIO, abs=0.011)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rules.troop_cap(1, 0, "robot"), "kind must be one of human, bot, nation"),
        (lambda: rules.tile_price("water", 10, "bot"), "terrain must be one of plains, highland, mountain"),
        (lambda: rules.tile_price("plains", 10, "bot", defender_troops=5), "together, or none"),
    ],
)
def test_a_wrong_name_is_explained(call, said):
    with pytest.raises(BadInput, match=said):
        call()


@pytest.mark.parametrize(
    "odd", [None, "3", True, -1, np.nan, [1, np.inf], 1j, 10**400, np.timedelta64(3), [[1], [2, 3]]], ids=repr
)
def test_what_is_no_amount_is_refused(odd):
    for call in (
        lambda: rules.troop_cap(odd, 0, "human"),
        lambda: rules.troop_growth(10, odd, "bot"),
        lambda: rules.attack_budget(odd, 10),
        lambda: rules.tile_price("plains", odd, "nation"),
    ):
        with pytest.raises(BadInput, match=r"must be (finite numbers of 0 or more|what makes an array)"):
            call()
