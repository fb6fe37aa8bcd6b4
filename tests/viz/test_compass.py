"""The compass shows the 90 probabilities where they belong."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from territory import viz
from territory.errors import BadInput
from territory.world.actions import Direction, encode


def distribution(**shares):
    """Probabilities from directions and shares, at intensity 0 without building."""
    probabilities = np.zeros(90)
    for name, share in shares.items():
        probabilities[encode(Direction[name])] = share
    return probabilities


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_parts_of_a_distribution_are_those_of_the_codec():
    probabilities = np.zeros(90)
    probabilities[encode(Direction.SE, 4, True)] = 0.7
    probabilities[encode(Direction.WAIT, 0, False)] = 0.3
    table = viz.by_part(probabilities)
    assert table[Direction.SE, 4, 1] == 0.7
    assert table[Direction.WAIT, 0, 0] == 0.3


def test_a_batch_is_refused():
    with pytest.raises(BadInput, match=r"\(90,\), got \(2, 90\)"):
        viz.by_part(np.zeros((2, 90)))


def test_every_direction_has_its_share_written_at_its_place():
    ax = viz.plot_action_compass(distribution(N=0.25, E=0.5, WAIT=0.25))
    assert {"N\n25%", "E\n50%", "S\n0%", "WAIT\n25%"} <= set(texts(ax))
    place = {text.get_text()[0]: text.get_position() for text in ax.texts if text.get_text() in ("N\n25%", "E\n50%")}
    assert place["N"][1] > 2 and place["N"][0] == pytest.approx(0, abs=1e-9)
    assert place["E"][0] > 2 and place["E"][1] == pytest.approx(0, abs=1e-9)


def test_building_is_summed_over_orders():
    probabilities = np.zeros(90)
    probabilities[encode(Direction.N, 1, True)] = 0.5
    probabilities[encode(Direction.S, 2, True)] = 0.25
    probabilities[encode(Direction.S, 2, False)] = 0.25
    assert "builds a city: 75%" in texts(viz.plot_action_compass(probabilities))


def test_a_sector_has_the_colour_of_its_probability_and_lies_in_its_direction():
    probabilities = np.zeros(90)
    probabilities[encode(Direction.NE, 4)] = 1.0
    figure = plt.figure(figsize=(4, 4), dpi=100)
    ax = viz.plot_action_compass(probabilities, figure.add_axes((0, 0, 1, 1)))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)  # row 0 at the bottom, as in figure units
    towards = {name: np.array([x, y]) / np.hypot(x, y) for name, (x, y) in {"NE": (1, 1), "SE": (1, -1)}.items()}
    x, y = ax.transData.transform(2.9 * towards["NE"]).round().astype(int)
    assert pixels[y, x].sum() < 350  # certain: the dark end
    x, y = ax.transData.transform(2.9 * towards["SE"]).round().astype(int)
    assert pixels[y, x].sum() > 720  # never: the light end


def test_the_chosen_action_is_outlined_and_none_when_there_was_none():
    outlined = viz.plot_action_compass(distribution(N=1), chosen=encode(Direction.W, 2))
    (path,) = outlined.collections[1].get_paths()
    assert path.vertices[:-1, 0].max() < -1  # all of it in the west (the last vertex only closes the path)
    assert len(viz.plot_action_compass(distribution(N=1), chosen=-1).collections[1].get_paths()) == 0
