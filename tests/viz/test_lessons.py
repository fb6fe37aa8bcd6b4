"""Pictures that the notebooks explain with say what the networks and the rules say."""

import pytest
import torch
from torch import nn

from territory import models, viz
from territory.errors import BadInput


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", models.names())
def test_an_architecture_shows_every_part_with_its_parameters(name):
    model = models.build(name)
    ax = viz.plot_architecture(model)
    assert ax.get_title(loc="left") == f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters"
    for part, child in model.named_children():
        assert f"{part} · {sum(p.numel() for p in child.parameters()):,} parameters" in texts(ax)


def test_an_architecture_shows_the_shape_that_leaves_each_layer():
    shown = texts(viz.plot_architecture(models.build("baseline")))
    assert "conv 3x3, stride 1  →  64 x 14 x 14" in shown
    assert "linear 12544 to 512  →  512" in shown


def test_an_architecture_of_another_network_is_drawn_part_by_part_and_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(5, 4, 8, 8), nn.Flatten(), nn.Linear(1024, 3)).train()
    shown = texts(viz.plot_architecture(model, (torch.zeros(1, 5, 128, 128),)))
    assert "conv 8x8, stride 8  →  4 x 16 x 16" in shown
    assert "Flatten  →  1024" in shown
    assert model.training


def test_growth_marks_each_player_at_its_ratio():
    ax = viz.plot_growth({"random": 0.0015, "steady": 0.46})
    marks = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 1]
    assert marks == [(0.0015,), (0.46,)]
    assert "steady 46.0%" in texts(ax)


def test_memory_is_a_line_for_each_network():
    ax = viz.plot_memory({"baseline": (100.0, 1.0), "attention": (10.0, 2.0)}, largest=50)
    assert [list(line.get_ydata()) for line in ax.lines] == [[100, 150], [10, 110]]


def test_seeds_apart_have_a_panel_for_each_name_with_the_others_in_grey():
    curve = [(0, 0.0), (10, 1.0)]
    sheet = viz.plot_seed_panels({"tokens": [curve, curve], "attention": [curve]}, goal=0.9, label="won")
    shown = [ax for ax in sheet.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["tokens", "attention"]
    assert [len(ax.lines) for ax in shown] == [2 + 2 + 1 + 1, 2 + 1 + 1 + 1]
    with pytest.raises(BadInput, match="got none"):
        viz.plot_seed_panels({})
