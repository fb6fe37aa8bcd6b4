"""The terminal's picture of a game."""

import numpy as np

from territory.cli.watch import half_blocks


def test_one_character_shows_two_pixels():
    picture = np.array([[[1, 2, 3]], [[4, 5, 6]]], dtype=np.uint8)
    assert half_blocks(picture, 80, 24) == "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m"


def test_colours_are_written_only_where_they_change():
    assert half_blocks(np.zeros((2, 10, 3), dtype=np.uint8), 80, 24).count("\x1b[38") == 1


def test_a_large_map_is_thinned_out_to_fit():
    lines = half_blocks(np.zeros((128, 128, 3), dtype=np.uint8), 80, 24).splitlines()
    assert len(lines) <= 24
    assert max(line.count("▀") for line in lines) <= 80


def test_an_odd_number_of_rows_is_complete():
    picture = np.arange(9, dtype=np.uint8).reshape(3, 1, 3)
    assert half_blocks(picture, 80, 24).splitlines()[1] == "\x1b[38;2;6;7;8;48;2;6;7;8m▀\x1b[0m"
