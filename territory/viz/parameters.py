"""Where a network's parameters sit, where its work is done, and where its time goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from territory.errors import BadInput
from territory.profiling import ParameterRecord, PartRecord
from territory.viz import style

BARS = 0.78  # of a row's height, for all its bars together


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
        raise BadInput("expected records of a table; came none. Has the network no parameters?")


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
