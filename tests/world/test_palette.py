"""Colours that colour-blind readers can tell apart, measured by simulating how they see."""

import numpy as np
import pytest
from helpers.colour_vision import VISIONS, ciede2000, distances

from territory.world.picture import AGENT_COLOUR, BOT_COLOURS, TERRAIN_COLOURS, TERRAIN_SHADE, player_colours

LAND = np.array(TERRAIN_SHADE[1:])[:, None]


def on_any_ground(colour):
    """(3, 3): a player's colour on plains, highland and mountain."""
    return np.array(colour) * LAND


@pytest.mark.parametrize(
    ("first", "second", "difference"),  # pairs 1, 7, 17 and 25 of Sharma, Wu and Dalal's test data
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_the_measure_of_difference_is_the_published_one(first, second, difference):
    assert ciede2000(np.array(first, float), np.array(second, float)) == pytest.approx(difference, abs=1e-4)


def test_red_and_green_are_alike_to_those_whom_the_simulation_makes_blind_to_them():
    red, green = [(190, 60, 40)], [(105, 105, 40)]
    assert distances(red, green, ["normal"]) > 35
    assert distances(red, green, ["deuteranopia"]) < 12


@pytest.mark.parametrize("vision", VISIONS)
def test_the_agent_is_found_among_fifty_bots_on_any_ground(vision):
    for bot, colour in enumerate(BOT_COLOURS, start=1):
        assert distances(on_any_ground(AGENT_COLOUR), on_any_ground(colour), [vision]).min() >= 16, f"bot {bot}"


@pytest.mark.parametrize("vision", VISIONS)
def test_nobodys_land_and_water_are_told_from_everyones(vision):
    assert distances(on_any_ground(AGENT_COLOUR), TERRAIN_COLOURS, [vision]).min() >= 14
    for bot, colour in enumerate(BOT_COLOURS, start=1):
        assert distances(on_any_ground(colour), TERRAIN_COLOURS, [vision]).min() >= 6, f"bot {bot}"


@pytest.mark.parametrize(("bots", "apart"), [(5, 17), (10, 12), (20, 7.5), (50, 3.7)])
def test_few_bots_are_far_apart_and_even_fifty_can_be_told(bots, apart):
    colours = np.array(BOT_COLOURS[:bots])
    assert (distances(colours, colours) + 1000 * np.eye(bots)).min() >= apart


def test_there_are_fifty_colours_and_then_they_begin_again():
    colours = player_colours()
    assert colours.shape == (256, 3) and len(np.unique(colours[1:52], axis=0)) == 51
    assert tuple(colours[1]) == AGENT_COLOUR and tuple(colours[2]) == tuple(colours[52]) == BOT_COLOURS[0]
