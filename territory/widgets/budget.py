"""Redesign a network under a budget: its parameters, MACs, receptive field and time. `js/budget` draws it."""

from typing import Any

import traitlets

from territory import models, profiling, viz
from territory.errors import BadInput, whole
from territory.profiling.design import POOLINGS, READINGS, SIDE, NetworkDesign
from territory.widgets.base import Instrument, Whole, bundle
from territory.world.layout import NUM_PLANES

RIVAL = "attention"
MOST_BUILT = 200_000_000  # parameters; a draft costs nothing, a network that is timed takes memory
BATCH = 12  # boards per training step that is timed
_START = NetworkDesign()
# What each control offers, for conv 1, 2 and 3.
_CHANNELS = ((8, 16, 32, 64), (16, 32, 64, 128), (16, 32, 64, 128))
_KERNELS = ((2, 4, 8, 16), (2, 3, 4, 8), (1, 2, 3, 4))
_STRIDES = ((2, 4, 8, 16), (1, 2, 4), (1, 2))
_FEATURES = (64, 128, 256, 512)
_TRAITS = ("channels", "kernels", "strides", "pooling", "reading", "features")


class NetworkBudget(Instrument):
    """Sizes of `baseline` to change; parameters, MACs, receptive field and, on demand, time against `attention`.

    Begins as `baseline` itself. Nothing is built until it is timed: every other network is a draft without memory.
    ``design`` is what the controls say, ``reached`` whether it is within the budget and measured to be faster.

    Args:
        max_parameters: the budget. The goal is to stay within it and to have the faster training step.
    """

    alt = "a network's parameters and MACs by layer, under a budget"
    _esm = bundle("budget.js")
    _css = bundle("budget.css")
    questions = {"design": None, "time": "time"}  # noqa: RUF012 (of the class)
    # What the controls say.
    channels = traitlets.List(Whole(), list(_START.channels)).tag(sync=True)
    kernels = traitlets.List(Whole(), list(_START.kernels)).tag(sync=True)
    strides = traitlets.List(Whole(), list(_START.strides)).tag(sync=True)
    pooling = traitlets.Enum(tuple(POOLINGS), _START.pooling).tag(sync=True)
    reading = traitlets.Enum(READINGS, _START.reading).tag(sync=True)
    features = Whole(_START.features).tag(sync=True)
    # What is shown.
    report = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)  # what never changes: the budget and what each control offers

    def __init__(self, max_parameters: int = 500_000):
        max_parameters = whole("max_parameters, the budget,", max_parameters, 1)
        super().__init__()
        self.max_parameters = max_parameters
        self.measured: list[profiling.LatencyRecord] = []  # of the design, then of the rival; empty until timed
        self._rival_macs = sum(record.macs for record in profiling.macs_table(models.build(RIVAL)))
        self.words = {
            "budget": max_parameters,
            "rival": RIVAL,
            "side": SIDE,
            "offers": {"channels": _CHANNELS, "kernels": _KERNELS, "strides": _STRIDES},
            "single": {"pooling": tuple(POOLINGS), "reading": READINGS, "features": _FEATURES},
        }
        self.observe(self._design_changed, _TRAITS)
        self._report()

    @property
    def design(self) -> NetworkDesign:
        """What the controls say, for `profiling.build_design` or the exercise. Raises BadInput if impossible."""
        sizes: Any = [tuple(each) for each in (self.channels, self.kernels, self.strides)]
        rest: Any = self.pooling, self.reading, self.features
        return NetworkDesign(*sizes, *rest)

    @property
    def reached(self) -> bool:
        """Within the budget, and timed: three of four of its steps quicker than three of four of the rival's."""
        return bool(self.report.get("reached"))  # there is none where the sizes can't be a network

    def time(self) -> None:
        """Build the design and time its training step and `attention`'s, taking turns.

        Raises BadInput for a design that is impossible, or too large to be built here.
        """
        parameters: Any = self.report.get("parameters")
        if parameters is not None and parameters > MOST_BUILT:
            raise BadInput(
                f"expected at most {MOST_BUILT:,} parameters to build and time, got {parameters:,}. "
                "Gradients and Adam's moments take 16 bytes for each"
            )
        networks = {"this": profiling.build_design(self.design), RIVAL: models.build(RIVAL, norm="group")}
        inputs = profiling.example_inputs(BATCH)
        self.measured = profiling.compare_latency(networks, inputs, "train", repeats=9, warmup=2)
        self._report()

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        held, multiplied = self._drawn.values()
        title = f"{sum(row.parameters for row in held):,} parameters, {sum(row.macs for row in multiplied):,} MACs"
        if self.report["problem"]:
            title = f"Not possible as it is set now. The last that was: {title}"
        return viz.figure_png(viz.shares_figure(self._drawn, title))

    def _design_changed(self, _change: object) -> None:
        self.measured = []  # of another design
        self._report()

    def _report(self) -> None:
        try:
            design = self.design
        except BadInput as impossible:
            self.report = {"problem": str(impossible)}
            return
        network, inputs = profiling.draft(design)
        parameters, macs = profiling.parameter_table(network), profiling.macs_table(network, inputs)
        self._drawn = {"parameters": parameters, "MACs": macs}  # of the last design that could be a network: it stays
        last, count, timed = profiling.field_table(network, inputs)[-1], sum(row.parameters for row in parameters), None
        if self.measured:
            mine, rival = self.measured
            timed = {"ratio": rival.median / mine.median, "faster": mine.high < rival.low}
        names, sides = ("map", "conv 1", "conv 2", "conv 3", "features"), (SIDE, *design.sides, 0)
        grids = zip(names, sides, (NUM_PLANES, *design.channels, design.features), strict=True)
        self.report = {
            "problem": "",
            "parameters": count,
            "macs": sum(record.macs for record in macs),
            "rival_macs": self._rival_macs,
            "layers": _layers(parameters, macs),
            "grids": [{"name": name, "side": side, "channels": channels} for name, side, channels in grids],
            "field": last.field,
            "step": last.step,
            "cells": last.grid,
            "timed": timed,
            "reached": timed is not None and timed["faster"] and count <= self.max_parameters,
        }


def _layers(parameters: list, macs: list) -> list[dict[str, Any]]:
    """Name, parameters and MACs of each layer, in the network's order; a layer may have only one of them."""
    rows: dict[str, dict[str, Any]] = {}
    for kind, records in (("parameters", parameters), ("macs", macs)):
        for record in records:
            name = record.part if record.layer == record.part else f"{record.part} · {record.layer}"
            rows.setdefault(name, {"name": name, "parameters": 0, "macs": 0})[kind] += getattr(record, kind)
    return list(rows.values())
