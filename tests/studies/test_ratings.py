"""Ratings say what the duels say, as far as one number per player can."""

from itertools import combinations

import numpy as np
import pytest

from studies import ratings
from studies.duels import Duel, League

MAPS = 32


def league_of(names: str, scores: dict[str, tuple[float, ...]]) -> League:
    """A league of players with one-letter names; scores of "ab" are a's against b, by map."""
    duels = {}
    for first, second in combinations(names, 2):
        duel = Duel(first, second, scores[first + second], 1.0, 10.0)
        duels[first, second], duels[second, first] = duel, duel.turned()
    return League(tuple(names), duels, len(next(iter(scores.values()))), 0)


def drawn_league(points: dict[str, float], dice: np.random.Generator) -> League:
    """Players of these true ratings, who play two games on each map."""
    names = "".join(points)
    chance = {a + b: 1 / (1 + 10 ** ((points[b] - points[a]) / 400)) for a, b in combinations(names, 2)}
    return league_of(names, {pair: tuple(dice.binomial(2, p, MAPS) / 2) for pair, p in chance.items()})


def test_three_of_four_games_are_worth_191_points():
    first, second = ratings.rate(league_of("ab", {"ab": (1.0, 0.5) * 50}))
    # a drawn map added: 75.5 to 25.5, 400 * log10(75.5 / 25.5) = 188.6; without it 400 * log10(3) = 190.8
    assert first.points - second.points == pytest.approx(400 * np.log10(75.5 / 25.5), abs=0.01)
    assert (first.points + second.points) / 2 == pytest.approx(1000)
    assert ratings.expected(first, second) == pytest.approx(75.5 / 101, abs=1e-4)


def test_who_wins_every_game_is_strong_but_not_infinitely_so():
    first, second = ratings.rate(league_of("ab", {"ab": (1.0,) * 32}))
    assert first.points - second.points == pytest.approx(400 * np.log10(32.5 / 0.5), abs=0.01)


def test_ratings_stand_in_the_order_of_strength_even_among_players_who_never_lose_to_the_same_ones():
    wins = {"ab": (0.75,) * 32, "ac": (1.0,) * 32, "bc": (1.0,) * 32}
    points = [rating.points for rating in ratings.rate(league_of("abc", wins))]
    assert points == sorted(points, reverse=True)


def test_maps_that_agree_leave_no_doubt_and_maps_that_differ_do():
    sure, _ = ratings.rate(league_of("ab", {"ab": (0.5,) * 32}))
    unsure, _ = ratings.rate(league_of("ab", {"ab": (0.0, 1.0) * 16}))
    assert sure.low == pytest.approx(sure.high) and sure.points == pytest.approx(unsure.points)
    assert unsure.low < 970 and unsure.high > 1030


def test_the_interval_holds_the_true_rating_about_as_often_as_it_says():
    truth, dice, held = {"a": 1150.0, "b": 1000.0, "c": 850.0}, np.random.default_rng(0), []
    for _ in range(40):
        found = ratings.rate(drawn_league(truth, dice), resamples=60)
        held += [each.low <= truth[each.name] <= each.high for each in found]
    assert 0.87 <= np.mean(held) <= 1  # 95 % of 120, give or take three standard errors


def test_a_circle_is_found_where_one_number_cannot_tell_who_beats_whom():
    circle = league_of("abc", {"ab": (1.0,) * 8, "bc": (1.0,) * 8, "ac": (0.0,) * 8})
    rated = ratings.rate(circle)
    assert [rating.points for rating in rated] == pytest.approx([1000] * 3)
    duel, said = ratings.furthest(circle, rated)
    assert duel.score == 1 and said == pytest.approx(0.5)
