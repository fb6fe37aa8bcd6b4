"""Layers under the roof of the machine that ran them (Williams, Waterman & Patterson 2009)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from territory.errors import BadInput
from territory.profiling import Machine, RooflineRecord
from territory.viz import style

LARGEST = 900  # points squared, of a layer that takes all the time
NAMED = 0.05  # share of the time from which a layer's name is written beside it


def plot_roofline(records: Sequence[RooflineRecord], machine: Machine, ax: Axes | None = None) -> Axes:
    """Each layer at its intensity and its achieved FLOP/s, as large as its time, under the machine's roof."""
    if not records:
        raise BadInput("expected records of a roofline; came none. Does no layer of the network multiply?")
    ax = style.axes(ax, 7, 4.2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _draw_roof(ax, machine, [record.intensity for record in records])
    total = sum(record.seconds for record in records)
    x, y = [record.intensity for record in records], [record.achieved for record in records]
    sizes = [LARGEST * record.seconds / total for record in records]
    ax.scatter(x, y, s=sizes, color=style.LINE_COLOURS[0], alpha=0.7, linewidths=0)
    named = [record for record in records if record.seconds >= NAMED * total]
    for depth, record in enumerate(sorted(named, key=lambda record: record.intensity)):
        _name(ax, record, depth)
    style.tidy(ax, "what bounds each layer", "FLOPs per byte that must be moved", "FLOP/s")
    ax.grid(True, which="major", axis="both", color=style.FAINT, alpha=0.25)
    return ax


def _draw_roof(ax: Axes, machine: Machine, intensities: list[float]) -> None:
    """Memory's slope, arithmetic's ceiling, and the ridge where they meet, over twice the range of the layers."""
    ridge = machine.flops / machine.bandwidth
    x = np.array([min(*intensities, ridge) / 2, ridge, max(*intensities, ridge) * 2])
    ax.plot(x, [machine.roof(each) for each in x], color=style.TEXT, linewidth=1.5)
    words = {"color": style.TEXT, "fontsize": style.SMALL_SIZE, "textcoords": "offset points", "ha": "left"}
    ax.annotate("arithmetic", (ridge, machine.flops), xytext=(4, 5), **words)
    ax.annotate("memory", (x[0], machine.roof(x[0])), xytext=(0, 30), **words)


def _name(ax: Axes, record: RooflineRecord, depth: int) -> None:
    """Below the dot and led to it, each name deeper than the one before, so that none lies on another."""
    label = record.part if record.layer == record.part else f"{record.part} · {record.layer}"
    ax.annotate(
        label,
        (record.intensity, record.achieved),
        xytext=(0, -28 - 16 * depth),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=style.SMALL_SIZE,
        color=style.TEXT,
        arrowprops={"arrowstyle": "-", "color": style.FAINT, "linewidth": 0.8},
    )
