"""Where a network's parameters sit, and where its work is done."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from territory.errors import BadInput
from territory.profiling import MacsRecord, ParameterRecord, PartRecord
from territory.viz import style

BAR = 0.38  # of a row's height, for each of two bars


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


def plot_parameters_against_macs(
    parameters: Sequence[ParameterRecord], macs: Sequence[MacsRecord], ax: Axes | None = None, smallest: float = 0.01
) -> Axes:
    """Per layer, its share of the parameters above its share of the multiply-accumulates.

    Layers whose two shares are both below ``smallest`` are drawn together as the last row.
    """
    _refuse_nothing(parameters)
    shares = _shares(parameters, macs)
    shown = {name: pair for name, pair in shares.items() if max(pair) >= smallest}
    rest = [pair for name, pair in shares.items() if name not in shown]
    if rest:
        shown[f"{len(rest)} smaller layers"] = tuple(map(sum, zip(*rest, strict=True)))
    ax = style.axes(ax, 7, 1.0 + 0.42 * len(shown))
    for offset, index, name in ((-BAR / 2, 0, "parameters"), (BAR / 2, 1, "multiply-accumulates")):
        values = [100 * pair[index] for pair in shown.values()]
        at = [row + offset for row in range(len(shown))]
        bars = ax.barh(at, values, height=BAR, color=style.LINE_COLOURS[index], label=name)
        ax.bar_label(bars, [f"{v:.1f}" for v in values], padding=3, fontsize=style.SMALL_SIZE, color=style.TEXT)
    _leave_room(ax, 1.15)
    ax.legend(frameon=False, fontsize=style.SMALL_SIZE, loc="lower right")
    return _rows(ax, list(shown), "what a layer weighs, and what it works", "share of the network (%)")


def parameter_figure(parameters: Sequence[ParameterRecord], macs: Sequence[MacsRecord]) -> Figure:
    """`plot_parameters_against_macs` under both totals, one size, outside pyplot: for widgets, which redraw it."""
    figure = Figure(figsize=(7.2, 4.2), facecolor=style.PAPER, layout="constrained")
    ax = plot_parameters_against_macs(parameters, macs, figure.add_subplot())
    weight, work = sum(record.parameters for record in parameters), sum(record.macs for record in macs)
    style.titled(ax, f"{weight:,} parameters, {work:,} multiply-accumulates")
    return figure


def _shares(parameters: Sequence[ParameterRecord], macs: Sequence[MacsRecord]) -> dict[str, tuple[float, float]]:
    """(share of parameters, share of MACs) by layer; 0 where one of them has none."""
    pairs = {_label(record): [record.share, 0.0] for record in parameters}
    for record in macs:
        pairs.setdefault(_label(record), [0.0, 0.0])[1] = record.share
    return {name: tuple(pair) for name, pair in pairs.items()}


def _label(record: Any) -> str:
    layer = getattr(record, "layer", record.part)
    return record.part if layer == record.part else f"{record.part} · {layer}"


def _refuse_nothing(records: Sequence[Any]) -> None:
    if not records:
        raise BadInput("expected records of a parameter table; came none. Has the network no parameters?")


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
