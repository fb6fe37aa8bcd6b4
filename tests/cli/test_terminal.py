"""Boards as coloured text, and keys as a terminal sends them."""

import os

import numpy as np
import pytest
from helpers.builders import board, uniform

from territory.cli.terminal import END, Screen, board_text, half_blocks, keys_of, nearest_of_256
from territory.world.picture import AGENT_COLOUR, TERRAIN_COLOURS, WHITE, player_colours


def test_one_character_shows_two_pixels():
    picture = np.array([[[1, 2, 3]], [[4, 5, 6]]], dtype=np.uint8)
    assert half_blocks(picture) == "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m"


def test_colours_are_written_only_where_they_change():
    assert half_blocks(np.zeros((2, 10, 3), dtype=np.uint8)).count("\x1b[38") == 1


def test_an_odd_number_of_rows_is_complete():
    picture = np.arange(9, dtype=np.uint8).reshape(3, 1, 3)
    assert half_blocks(picture).splitlines()[1] == "\x1b[38;2;6;7;8;48;2;6;7;8m▀\x1b[0m"


def test_terminals_of_256_colours_get_the_nearest():
    picture = np.array([[(0, 0, 0), (255, 255, 255), (95, 135, 255), (118, 118, 118), (14, 70, 200)]], np.uint8)
    assert nearest_of_256(picture).tolist() == [[16, 231, 69, 243, 26]]
    assert half_blocks(picture[:, :1].repeat(2, axis=0), all_colours=False) == "\x1b[38;5;16;48;5;16m▀\x1b[0m"
    colours = np.concatenate([player_colours()[1:7], TERRAIN_COLOURS])
    assert len(set(nearest_of_256(colours[None].astype(np.uint8))[0].tolist())) == len(colours)


@pytest.mark.parametrize(("columns", "rows"), [(80, 22), (30, 50), (200, 60), (4, 2), (1, 1)])
def test_a_board_is_as_large_as_fits(columns, rows):
    owner = np.ones((64, 128), np.uint8)
    lines = board_text(board(owner, np.ones_like(owner)), columns, rows).splitlines()
    widths = {line.count("▀") for line in lines}
    assert len(widths) == 1 and max(widths) <= columns and len(lines) <= rows
    assert max(widths) > columns - 2 or len(lines) > rows - 2


def test_borders_and_cities_are_still_there_on_a_small_screen(monkeypatch):
    monkeypatch.setenv("COLORTERM", "truecolor")
    owner = np.ones((64, 64), np.uint8)
    owner[:, 33:] = 2
    world = board(owner, uniform(64))
    world.map_of("city")[0, 31, 7] = 1
    first, *_ = lines = board_text(world, 20, 10).splitlines()
    assert first.count("▀") == 20
    assert "38;2;{};{};{}".format(*AGENT_COLOUR) in first
    assert all("38;2;208;218;246" in line for line in lines), "the agent's white edge"
    assert sum("{};{};{}".format(*WHITE) in line for line in lines) == 1, "the city"


def test_keys_come_one_by_one_and_special_ones_do_no_harm():
    assert keys_of("wd") == ["w", "d"]
    assert keys_of("\x1b[A\x1bOB\x1b[Cx\x1b[D") == ["up", "down", "right", "x", "left"]
    assert keys_of("\x1b[3~\x1b[1;5Hq") == ["q"]
    assert keys_of("\x1b") == ["\x1b"]


def test_a_terminal_that_went_away_ends_the_game(monkeypatch):
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading) as keys, Screen() as screen:
        monkeypatch.setattr("sys.stdin", keys)
        screen.has_keys = screen.live = True
        assert screen.key() == END
        screen.has_keys = screen.live = False
