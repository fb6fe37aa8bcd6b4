"""Where a network's parameters sit, where its MACs and its time go, and what bounds its layers (the roofline)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from territory.errors import BadInput
from territory.profiling import Machine, ParameterRecord, PartRecord, RooflineRecord
from territory.viz import style

BARS = 0.78  # of a row's height, for all its bars together
LARGEST = 900  # points squared, of a layer that takes all the time
NAMED = 0.05  # share of the time from which a layer's name is written beside it


def plot_parameter_shares(records: Sequence[ParameterRecord | PartRecord], ax: Axes | None = None) -> Axes:
    """One bar per layer (or part), in the network's order, with its parameters and their share of the whole."""
    _refuse_nothing(records)
    ax = style.axes(ax, 7, 0.8 + 0.28 * len(records))
    bars = ax.barh(range(len(records)), [100 * record.share for record in records], color=style.LINE_COLOURS[0])
    ax.bar_label(
        bars,
        [f"{record.parameters:,}  ({record.share:.1%})" for record in records],
        padding=4,
        fontsize=style.SMALL_SIZE,
        color=style.TEXT,
    )
    _leave_room(ax, 1.45)
    return _rows(ax, [_label(record) for record in records], "parameters by layer", "share of all parameters (%)")


def plot_shares(tables: Mapping[str, Sequence[Any]], ax: Axes | None = None, smallest: float = 0.02) -> Axes:
    """Per layer, its share of one thing above its share of the next: ``{"parameters": parameter_table(...), ...}``.

    Any records with ``part``, ``layer`` and ``share`` will do. Layers whose shares are all below ``smallest`` are drawn
    together as the last row.
    """
    for records in tables.values() or [[]]:
        _refuse_nothing(records)
    shares = _shares(list(tables.values()))
    shown = {name: row for name, row in shares.items() if max(row) >= smallest}
    rest = [row for name, row in shares.items() if name not in shown]
    if rest:
        shown[f"{len(rest)} smaller layers"] = tuple(map(sum, zip(*rest, strict=True)))
    height = BARS / len(tables)
    ax = style.axes(ax, 7, 1.0 + 0.21 * len(tables) * len(shown))
    for index, name in enumerate(tables):
        values = [100 * row[index] for row in shown.values()]
        at = [row + (index + 0.5) * height - BARS / 2 for row in range(len(shown))]
        bars = ax.barh(at, values, height=height, color=style.LINE_COLOURS[index], label=name)
        ax.bar_label(bars, [f"{v:.1f}" for v in values], padding=3, fontsize=style.SMALL_SIZE, color=style.TEXT)
    _leave_room(ax, 1.15)
    ax.legend(frameon=False, fontsize=style.SMALL_SIZE, loc="lower right")
    return _rows(ax, list(shown), ", ".join(tables) + " by layer", "share of the network (%)")


def shares_figure(tables: Mapping[str, Sequence[Any]], title: str) -> Figure:
    """`plot_shares` in one size, outside pyplot: for widgets, which redraw it."""
    figure = Figure(figsize=(7.2, 4.2), facecolor=style.PAPER, layout="constrained")
    style.titled(plot_shares(tables, figure.add_subplot()), title)
    return figure


def _shares(tables: Sequence[Sequence[Any]]) -> dict[str, tuple[float, ...]]:
    """The share of each table by layer; 0 where a table hasn't got the layer."""
    rows: dict[str, list[float]] = {}
    for index, records in enumerate(tables):
        for record in records:
            rows.setdefault(_label(record), [0.0] * len(tables))[index] = record.share
    return {name: tuple(row) for name, row in rows.items()}


def _label(record: Any) -> str:
    layer = getattr(record, "layer", record.part)
    return record.part if layer == record.part else f"{record.part} · {layer}"


def _refuse_nothing(records: Sequence[Any]) -> None:
    if not records:
        raise BadInput("expected records of a table; got none. Has the network no parameters?")


def _rows(ax: Axes, names: list[str], title: str, x: str) -> Axes:
    """Names beside the rows, first row on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    style.tidy(ax, title, x)
    ax.grid(False)
    return ax


def _leave_room(ax: Axes, factor: float) -> None:
    """The x axis from 0 to past the longest bar, so that its label fits beside it."""
    ax.set_xlim(0, factor * max(bar.get_width() for bars in ax.containers for bar in bars))


def plot_roofline(records: Sequence[RooflineRecord], machine: Machine, ax: Axes | None = None) -> Axes:
    """Each layer at its intensity and its achieved FLOP/s, as large as its time, under the machine's roof."""
    if not records:
        raise BadInput("expected records of a roofline; got none. Does no layer of the network multiply?")
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
