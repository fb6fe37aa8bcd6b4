"""Pictures of networks say what the modules, the records and the measurements say."""

from itertools import combinations, pairwise

import matplotlib
import pytest
import torch
from matplotlib.text import Text
from torch import nn

from territory import models, profiling, viz
from territory.errors import BadInput
from territory.profiling import MacsRecord, ParameterRecord, RooflineRecord, TimeRecord

matplotlib.use("Agg")

RECORDS = [
    ParameterRecord("body", "0", (9, 9), 90, 0.9),
    ParameterRecord("body", "1", (3, 2), 6, 0.06),
    ParameterRecord("head", "head", (2, 2), 4, 0.04),
]
MACS = [MacsRecord("body", "0", (1, 9), 20, 40, 0.2, 20, 40), MacsRecord("body", "mix", (1, 9), 80, 160, 0.8, 0, 0)]
TIMES = [TimeRecord("body", "mix", 0.1, 0.2, 0.3), TimeRecord("head", "head", 0.7, 0.0, 0.7)]
TABLES = {"parameters": RECORDS, "work": MACS, "time": TIMES}


def widths(container):
    return [pytest.approx(bar.get_width()) for bar in container]


def test_one_bar_per_layer_in_the_networks_order():
    ax = viz.plot_parameter_shares(RECORDS)
    assert widths(ax.containers[0]) == [90, 6, 4]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["body · 0", "body · 1", "head"]
    assert "90  (90.0%)" in [text.get_text() for text in ax.texts]
    assert ax.yaxis_inverted()  # the first layer on top


def test_parts_can_be_drawn_too():
    ax = viz.plot_parameter_shares(profiling.part_table(nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1"]


def test_each_layer_has_a_bar_per_table_and_small_layers_stand_together():
    ax = viz.plot_shares({"parameters": RECORDS, "work": MACS}, smallest=0.1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["body · 0", "body · mix", "2 smaller layers"]
    parameters, macs = ax.containers
    assert widths(parameters) == [90, 0, 10]
    assert widths(macs) == [20, 80, 0]


def test_the_bars_of_a_row_stand_in_the_order_of_the_tables_and_do_not_overlap():
    ax = viz.plot_shares(TABLES)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["parameters", "work", "time"]
    for row in range(4):
        bars = [container[row] for container in ax.containers]
        assert all(a.get_y() + a.get_height() == pytest.approx(b.get_y()) for a, b in pairwise(bars))
        assert row - 0.4 < bars[0].get_y() and bars[-1].get_y() + bars[-1].get_height() < row + 0.4


def test_the_widgets_figure_has_the_title_it_is_given():
    assert viz.shares_figure(TABLES, "all of it").axes[0].get_title(loc="left") == "all of it"


def test_a_given_axes_is_drawn_on():
    own = matplotlib.figure.Figure().add_subplot()
    assert viz.plot_parameter_shares(RECORDS, ax=own) is own
    assert viz.plot_shares(TABLES, ax=own) is own


@pytest.mark.parametrize(
    "draw", [lambda: viz.plot_parameter_shares([]), lambda: viz.plot_shares({"a": []}), lambda: viz.plot_shares({})]
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(BadInput, match="got none"):
        draw()


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


class Own(nn.Module):
    """Weights beside its layers, keywords, a mapping as its output, the same layer twice, and a state."""

    def __init__(self):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, 3, 8))
        self.rows = nn.LSTM(8, 8, batch_first=True)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)) for _ in range(4))
        self.head = nn.Linear(8, 5)
        self.spare = nn.Linear(8, 5)
        self.calls = 0

    def forward(self, *, rows, scale=1.0):
        self.calls += 1
        rows = self.rows(rows + self.places)[0]
        for block in self.blocks:
            rows = rows + block(rows)
        return {"scores": scale * self.head(rows[:, 0])}


def test_the_architecture_of_anybodys_network_has_every_parameter_and_leaves_it_as_it_was():
    model = Own().train()
    ax = viz.plot_architecture(model, {"rows": torch.zeros(2, 3, 8)})
    assert ax.get_title(loc="left") == f"Own: {sum(p.numel() for p in model.parameters()):,} parameters"
    assert [text for text in texts(ax) if text] == [
        "model · 24 parameters",
        "places  1 x 3 x 8",
        "rows · 576 parameters",  # 4 gates x (8 + 8) x 8, and two biases of 32
        "LSTM  →  3 x 8",
        "blocks · 1,120 parameters",  # 4 x (8 x 16 + 16 + 16 x 8 + 8)
        "4 times:",
        "    linear 8 to 16  →  3 x 16",
        "    linear 16 to 8  →  3 x 8",
        "head · 45 parameters",
        "linear 8 to 5  →  5",
        "spare · 45 parameters",  # no pass goes through it
    ]
    assert model.training and model.calls == 0


def test_a_network_of_one_layer_is_a_box_of_its_own():
    shown = texts(viz.plot_architecture(nn.Conv1d(2, 4, 3), torch.zeros(1, 2, 9)))
    assert shown == ["model · 28 parameters", "weight  4 x 2 x 3", "bias  4", "conv 3, stride 1  →  4 x 7"]


def test_a_box_has_no_more_lines_than_can_be_read():
    model = nn.Sequential(nn.Sequential(*(nn.Linear(size, size + 1) for size in range(1, 40))))
    shown = texts(viz.plot_architecture(model, torch.zeros(2, 1)))
    assert shown[1] == "linear 1 to 2  →  2" and shown[-1] == "… and 24 more" and len(shown) == 17


def test_a_network_that_cannot_take_the_inputs_is_refused_in_a_sentence():
    with pytest.raises(BadInput, match=r"Own cannot take inputs of shapes \(1, 5, 128, 128\)"):
        viz.plot_architecture(Own())


def boxes(ax, artists):
    ax.figure.draw_without_rendering()
    own = (Text if isinstance(artist, Text) else type(artist) for artist in artists)  # of a name without its line
    return [kind.get_window_extent(artist) for kind, artist in zip(own, artists, strict=True)]


def test_the_legend_lies_on_no_bar():
    last = [ParameterRecord("a", str(index), (1, 1), 1, share) for index, share in enumerate([0.1, 0.1, 0.1, 0.7])]
    ax = viz.plot_shares({"parameters": last, "work": last})
    (legend,) = boxes(ax, [ax.get_legend()])
    assert not any(legend.overlaps(bar) for bar in boxes(ax, ax.patches))


def test_names_beside_the_roofline_lie_on_no_other_name():
    records = [RooflineRecord("blocks", f"layer {i}", 1, 1, 16.0, 1.0, 1e9 * (1 + i / 4), 1e11) for i in range(8)]
    ax = viz.plot_roofline(records, profiling.Machine(1e11, 1e10))
    names = boxes(ax, [text for text in ax.texts if text.get_text().startswith("blocks")])
    assert len(names) == 8
    assert not any(a.overlaps(b) for a, b in combinations(names, 2))


def test_memory_is_a_line_for_each_network():
    ax = viz.plot_memory({"baseline": (100.0, 1.0), "attention": (10.0, 2.0)}, largest=50)
    assert [list(line.get_ydata()) for line in ax.lines] == [[100, 150], [10, 110]]
