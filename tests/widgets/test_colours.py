"""The instruments' colours for colour-blind eyes: what differs for us differs for them."""

import re

import numpy as np
import pytest
from helpers.colour_vision import VISIONS, ciede2000, to_lab

from territory import viz
from territory.widgets.base import bundle

CLEARLY = 20  # CIEDE2000: about 2 is just noticeable


def colour(style, name):
    digits = re.search(rf"--{name}: #([0-9a-f]{{6}})", style)[1]
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("sheet", "marks"), [("explorer.css", "mark"), ("game.css", "then")])
def test_marks_are_told_from_bars(sheet, marks, vision):
    style = bundle(sheet)
    bar, mark = (to_lab(colour(style, name), vision) for name in ("bar", marks))
    assert ciede2000(bar, mark) > CLEARLY


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("palette", viz.PALETTES)
def test_more_attention_is_lighter_in_every_palette(palette, vision):
    lightness = to_lab(viz.colour_table(palette), vision)[:, 0]
    assert (np.diff(lightness[::8]) > 0).all()
