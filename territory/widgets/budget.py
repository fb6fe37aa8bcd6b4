"""Redesign the network under a budget, and see where the weight and the work go."""

import ipywidgets as widgets

from territory import viz
from territory.errors import BadInput
from territory.profiling import MacsRecord, NetworkDesign, ParameterRecord, draft, macs_table, parameter_table
from territory.widgets.static import LeavesPicture


class NetworkBudget(LeavesPicture, widgets.VBox):
    """Sizes of the old network to change; parameters and multiply-accumulates beside their budgets.

    Begins as the old network itself. Nothing is built: every network is a draft without memory.

    Args:
        max_parameters: the budget of parameters.
        max_macs: the budget of multiply-accumulates for one observation.
    """

    def __init__(self, max_parameters: int = 518_000, max_macs: int = 10_000_000):
        if min(max_parameters, max_macs) < 1:
            raise BadInput(f"expected budgets of at least 1; came {max_parameters} and {max_macs}.")
        self._budgets = {"parameters": max_parameters, "multiply-accumulates": max_macs}
        self._make_controls()
        self.status, self.picture = widgets.HTML(), widgets.Image(format="png")
        wrap = widgets.Layout(flex_flow="row wrap")
        super().__init__([widgets.HBox(self._controls, layout=wrap), self.status, self.picture])
        for control in self._controls:
            control.observe(lambda _change: self._show(), "value")
        self._show()

    def _make_controls(self) -> None:
        style = {"description_width": "105px"}
        self.width = widgets.SelectionSlider(
            options=[8, 16, 32, 64], value=32, description="conv 1 channels", style=style
        )
        self.strides = [
            widgets.Dropdown(options=options, value=value, description=f"conv {number} stride", style=style)
            for number, options, value in ((1, (2, 4, 8, 16), 4), (2, (1, 2, 4), 2), (3, (1, 2), 1))
        ]
        self.reading = widgets.Dropdown(options=["flatten", "mean"], description="then", style=style)
        self.features = widgets.SelectionSlider(
            options=[64, 128, 256, 512], value=512, description="map features", style=style
        )
        self._controls = [self.width, *self.strides, self.reading, self.features]

    @property
    def design(self) -> NetworkDesign:
        """What the controls say; conv 2 and conv 3 have twice the channels of conv 1. Raises BadInput if impossible."""
        width = self.width.value
        strides = tuple(stride.value for stride in self.strides)
        return NetworkDesign((width, 2 * width, 2 * width), strides, self.reading.value, self.features.value)

    def _tables(self) -> tuple[list[ParameterRecord], list[MacsRecord]]:
        network, inputs = draft(self.design)
        return parameter_table(network), macs_table(network, inputs)

    def _show(self) -> None:
        try:
            parameters, macs = self._tables()
        except BadInput as impossible:
            self.status.value = f"<b>Impossible:</b> {impossible}"
            return
        counts = (sum(record.parameters for record in parameters), sum(record.macs for record in macs))
        lines = [_line(name, count, limit) for count, (name, limit) in zip(counts, self._budgets.items(), strict=True)]
        cells = self.design.cells
        self.status.value = "<br>".join([*lines, f"the last grid has {cells} × {cells} cells"])
        self.picture.value = viz.figure_png(viz.parameter_figure(parameters, macs))

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        return self.picture.value


def _line(name: str, count: int, limit: int) -> str:
    verdict = "within" if count <= limit else f"{count / limit:.1f} times"
    return f"<b>{count:,}</b> {name}: {verdict} the budget of {limit:,}"
