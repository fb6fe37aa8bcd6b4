"""Redesign the network under a budget: what it weighs, works, sees and takes."""

from typing import Any

import ipywidgets as widgets

from territory import models, viz
from territory.errors import BadInput
from territory.profiling import (
    FieldRecord,
    LatencyRecord,
    NetworkDesign,
    build_design,
    compare_latency,
    draft,
    example_inputs,
    field_table,
    macs_table,
    parameter_table,
)
from territory.profiling.design import POOLINGS, READINGS
from territory.widgets.base import LeavesPicture

RIVAL = "attention"
BATCH = 12  # boards per training step that is timed


class NetworkBudget(LeavesPicture, widgets.VBox):
    """Sizes of the old network to change; parameters, work, receptive field and, on demand, time against `attention`.

    Begins as the old network itself. Nothing is built until it is timed: every other network is a draft without memory.

    Args:
        max_parameters: the budget. The goal is to stay within it and to have the faster training step.
    """

    def __init__(self, max_parameters: int = 500_000):
        if max_parameters < 1:
            raise BadInput(f"expected a budget of at least 1; came {max_parameters}.")
        self.max_parameters = max_parameters
        self.measured: list[LatencyRecord] = []  # of the design as it stands, then of the rival; empty until timed
        self._rival_macs = sum(record.macs for record in macs_table(models.build(RIVAL)))
        self._make_controls()
        self.status, self.goal, self.picture = widgets.HTML(), widgets.HTML(), widgets.Image(format="png")
        self.button = widgets.Button(description="Time it", tooltip=f"a training step beside {RIVAL}'s")
        self.button.on_click(lambda _button: self.time())
        rows = [[*row] for row in zip(self.channels, self.kernels, self.strides, strict=True)]
        wrap = widgets.Layout(flex_flow="row wrap")
        boxes = [widgets.HBox(row, layout=wrap) for row in [*rows, [self.pooling, self.reading, self.features]]]
        super().__init__([*boxes, self.status, widgets.HBox([self.button, self.goal], layout=wrap), self.picture])
        for control in self.controls:
            control.observe(lambda _change: self._show(), "value")
        self._show()

    def _make_controls(self) -> None:
        begin = NetworkDesign()
        self.channels = _row("channels", [(8, 16, 32, 64)] + 2 * [(16, 32, 64, 128)], begin.channels)
        self.kernels = _row("kernel", [(2, 4, 8, 16), (2, 3, 4, 8), (1, 2, 3, 4)], begin.kernels)
        self.strides = _row("stride", [(2, 4, 8, 16), (1, 2, 4), (1, 2)], begin.strides)
        self.pooling = _choice("pooling after conv 1", tuple(POOLINGS), begin.pooling)
        self.reading = _choice("last grid", READINGS, begin.reading)
        self.features = _choice("map features", (64, 128, 256, 512), begin.features)

    @property
    def controls(self) -> list[widgets.Dropdown]:
        """All of them, convolutions first."""
        return [*self.channels, *self.kernels, *self.strides, self.pooling, self.reading, self.features]

    @property
    def design(self) -> NetworkDesign:
        """What the controls say. Raises BadInput if impossible."""
        rows = self.channels, self.kernels, self.strides
        sizes: Any = [tuple(control.value for control in row) for row in rows]  # a dropdown's value has no type
        rest: Any = self.pooling.value, self.reading.value, self.features.value
        return NetworkDesign(*sizes, *rest)

    @property
    def reached(self) -> bool:
        """Within the budget, and timed: three of four of its steps quicker than three of four of the rival's."""
        faster = bool(self.measured) and self.measured[0].high < self.measured[1].low
        return faster and sum(record.parameters for record in parameter_table(draft(self.design)[0])) <= (
            self.max_parameters
        )

    def time(self) -> None:
        """Build the design and time its training step and `attention`'s, taking turns."""
        networks = {"this": build_design(self.design), RIVAL: models.build(RIVAL, norm="group")}
        self.goal.value = "timing …"
        self.measured = compare_latency(networks, example_inputs(BATCH), "train", repeats=9, warmup=2)
        self._show_goal()

    def _show(self) -> None:
        self.measured = []  # of another design
        try:
            network, inputs = draft(self.design)
        except BadInput as impossible:
            self.status.value, self.goal.value = f"<b>Impossible:</b> {impossible}", ""
            self.button.disabled = True
            return
        self.button.disabled = False
        tables = {"parameters": parameter_table(network), "multiply-accumulates": macs_table(network, inputs)}
        weight = sum(record.parameters for record in tables["parameters"])
        work = sum(record.macs for record in tables["multiply-accumulates"])
        self.status.value = "<br>".join(
            [
                _line(weight, self.max_parameters),
                f"<b>{work:,}</b> multiply-accumulates: {work / self._rival_macs:.2f} times {RIVAL}'s",
                _sight(field_table(network, inputs)[-1]),
            ]
        )
        title = f"{weight:,} parameters, {work:,} multiply-accumulates"
        self.picture.value = viz.figure_png(viz.shares_figure(tables, title))
        self._show_goal()

    def _show_goal(self) -> None:
        if not self.measured:
            self.goal.value = f"Not timed yet. The goal: within the budget, and a faster training step than {RIVAL}'s."
            return
        mine, rival = self.measured
        ratio = f"<b>{rival.median / mine.median:.2f}</b> times as fast as {RIVAL} (training step, batch {BATCH})"
        self.goal.value = f"{ratio}. {'<b>Goal reached.</b>' if self.reached else 'The goal is not reached.'}"

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        return self.picture.value


def _choice(name: str, options: tuple, value: object) -> widgets.Dropdown:
    style, layout = {"description_width": "130px"}, widgets.Layout(width="230px")
    return widgets.Dropdown(options=options, value=value, description=name, style=style, layout=layout)


def _row(what: str, options: list[tuple[int, ...]], values: tuple[int, ...]) -> list[widgets.Dropdown]:
    """One control for each convolution."""
    pairs = zip(options, values, strict=True)
    return [_choice(f"conv {number} {what}", *pair) for number, pair in enumerate(pairs, 1)]


def _line(count: int, limit: int) -> str:
    verdict = "within" if count <= limit else f"{count / limit:.1f} times"
    return f"<b>{count:,}</b> parameters: {verdict} the budget of {limit:,}"


def _sight(last: FieldRecord) -> str:
    rows, columns = last.grid
    seen = f"each sees <b>{last.field[0]} × {last.field[1]}</b> tiles"
    return f"the last grid has {rows} × {columns} cells, {seen}"
