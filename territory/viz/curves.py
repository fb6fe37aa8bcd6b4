"""Numbers over time, numbers beside each other with their uncertainty, and the sixteen statistics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.pyplot import figure as new_figure

from territory.errors import BadInput
from territory.interpret import Curves
from territory.stats import interquartile_mean, seed_interval
from territory.viz import style
from territory.world import rules
from territory.world.layout import Stat

Seeds = Sequence[Sequence[tuple[float, float]]]  # a curve for each seed: pairs of step and value
Groups = Mapping[str, Mapping[str, tuple[float, float, float]]]  # mean, low and high, by group and name


def plot_value(values: np.ndarray, ax: Axes | None = None, step: int | None = None) -> Axes:
    """The critic's value (T,) at each step of a game, with a line at ``step``."""
    ax = style.axes(ax, 6, 2.4)
    ax.plot(values, color=style.LINE_COLOURS[0], linewidth=1.6)
    ax.set_xlim(0, max(1, len(values) - 1))
    if step is not None:
        ax.axvline(step, color=style.LINE_COLOURS[1], linewidth=1.2)
        ax.plot([step], [values[step]], "o", color=style.LINE_COLOURS[1], markersize=5)
    return style.steps(style.tidy(ax, "value: expected return from here", "step"))


def plot_learning_curve(
    records: Sequence[Any], fields: Sequence[str] = ("win_rate", "land_share"), ax: Axes | None = None
) -> Axes:
    """Fields of training records (objects, or dicts, with ``step``) over environment steps."""
    if not records:
        raise BadInput("no training records to draw: the run has not finished an update")
    ax = style.axes(ax)
    steps = [_field(record, "step") for record in records]
    for index, name in enumerate(fields):
        colour = style.line_colour(index)
        values = [_field(record, name) for record in records]
        ax.plot(steps, values, color=colour, linewidth=1.8, label=name.replace("_", " "))
    style.legend(ax)
    return style.steps(style.tidy(ax, "learning", "environment steps"))


def plot_seeds(curves: Mapping[str, Seeds], ax: Axes | None = None, goal: float | None = None) -> Axes:
    """The same run over several seeds, for each name: a thin line a seed, thick their interquartile mean.

    Around it a band, its 95 % bootstrap interval over seeds. A curve is pairs of step and value; the curves of a name
    have the same steps. NaN where there is no value yet. ``goal`` draws a dashed line.
    """
    ax = style.axes(ax)
    for colour, (name, seeds) in zip(style.colours_of(curves), curves.items(), strict=True):
        steps, values = np.moveaxis(np.array(seeds, float), 2, 0)  # (seeds, points) each
        ax.plot(steps.T, values.T, color=colour, linewidth=0.8, alpha=0.35)
        ax.plot(steps[0], interquartile_mean(values), color=colour, linewidth=2.2, label=name)
        if len(values) > 1:
            ax.fill_between(steps[0], *seed_interval(values), color=colour, alpha=0.15, linewidth=0)
    style.reference(ax, goal)
    style.legend(ax)
    return style.steps(style.tidy(ax, "learning", "environment steps"))


def plot_seed_panels(runs: Mapping[str, Seeds], goal: float | None = None, label: str = "") -> Figure:
    """A panel for each name: its seeds thin, their interquartile mean thick, the other names' means in grey.

    A curve is pairs of step and value; the curves of one name have the same steps.
    """
    if not runs:
        raise BadInput("expected curves by name; got none")
    columns = min(4, len(runs))
    rows = -(-len(runs) // columns)
    sheet = new_figure(figsize=(2.9 * columns, 2.1 * rows + 0.4), facecolor=style.PAPER, layout="constrained")
    panels = sheet.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    parts = {name: np.moveaxis(np.array(seeds, float), 2, 0) for name, seeds in runs.items()}
    means = {name: (steps[0], interquartile_mean(values)) for name, (steps, values) in parts.items()}
    for ax, colour, (name, (steps, values)) in zip(panels, style.colours_of(runs), parts.items(), strict=False):
        for mean in means.values():
            ax.plot(*mean, color=style.FAINT, linewidth=1, alpha=0.45)
        ax.plot(steps.T, values.T, color=colour, linewidth=0.9, alpha=0.55)
        ax.plot(*means[name], color=colour, linewidth=2.4)
        style.reference(ax, goal)
        style.steps(style.tidy(ax, name, "environment steps"), 4)
    for place, ax in enumerate(sheet.axes):
        ax.set_visible(place < len(runs))
        ax.tick_params(labelbottom=place + columns >= len(runs))  # nothing stands below it
        if place + columns < len(runs):
            ax.set_xlabel("")
    sheet.axes[0].set_ylabel(label, fontsize=style.LABEL_SIZE, color=style.TEXT)
    return sheet


def _field(record: Any, name: str) -> float:
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def plot_intervals(rows: Groups, ax: Axes | None = None, chance: float | None = None) -> Axes:
    """Means with intervals, in groups: ``{"spatial.1": {"trained": (mean, low, high), "untrained": ...}, ...}``.

    ``chance`` draws a dashed line where nothing but chance would put them.
    """
    ax = style.axes(ax)
    for place, mean, errors, look in _series(rows, apart=0.14):
        ax.errorbar(place, mean, errors, capsize=3, **look)
    style.reference(ax, chance)
    ax.set_xticks(range(len(rows)), list(rows))
    ax.set_xlim(-0.5, len(rows) - 0.5)
    return style.legend_above(style.tidy(ax))


def plot_rows(rows: Groups, ax: Axes | None = None, chance: float | None = None) -> Axes:
    """`plot_intervals` lying down, for many rows or long names: the first row on top."""
    ax = style.axes(ax, 6.5, 1.1 + 0.28 * len(rows))
    for place, mean, errors, look in _series(rows, apart=0.2):
        ax.errorbar(mean, place, xerr=errors, markersize=4.5, capsize=2, **look)
    style.reference(ax, chance, vertical=True)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    return style.legend_above(style.tidy(ax, grid="x"))


def _series(rows: Groups, apart: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]]:
    """For each name in the groups: its places, ``apart`` from its neighbours', means, errors (2, n), and its look."""
    names = list(dict.fromkeys(name for group in rows.values() for name in group))
    for index, name in enumerate(names):
        at = [place for place, group in enumerate(rows.values()) if name in group]
        mean, low, high = np.array([group[name] for group in rows.values() if name in group]).T
        errors = np.stack([mean - low, high - mean]).clip(min=0)
        look = {"fmt": "os^Dv"[index % 5], "color": style.line_colour(index), "label": name}
        yield np.array(at) + apart * (index - (len(names) - 1) / 2), mean, errors, look


def plot_directions(advantages: np.ndarray, choices: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """One column an attack, the most different ones first: a grey dot for each open direction, coloured for players'.

    ``advantages``: float ``(S, 8)``, of each direction over the mean of the open ones, NaN where it is closed;
    ``choices``: for each player the direction ``(S,)`` int, 0 to 7, that it would attack in.
    """
    ax = style.axes(ax, 7.5, 3.6)
    order = np.argsort(-np.nanstd(advantages, axis=1))
    place = np.arange(len(order))
    ax.plot(place, advantages[order], "o", color=style.FAINT, markersize=3.5, alpha=0.5, linewidth=0)
    style.reference(ax, 0)
    for index, (name, chosen) in enumerate(choices.items()):
        taken = np.take_along_axis(advantages, np.asarray(chosen)[:, None], axis=1)[order, 0]
        look = {"color": style.line_colour(index), "marker": "o^sDv"[index % 5], "markersize": 6}
        ax.plot(place, taken, linewidth=0, label=f"{name}, mean {taken.mean():+.2f}", **look)
    style.legend_above(style.tidy(ax, "", "attacks", "better than the mean direction by (return)"))
    ax.set_xticks([])
    return ax


def plot_growth(measured: Mapping[str, float], tiles: int = 1000, ax: Axes | None = None) -> Axes:
    """Troop growth per tick over the troop ratio, with a dot where each player was measured (its median ratio)."""
    ax = style.axes(ax, 6.6, 3.2)
    cap = float(rules.troop_cap(tiles=tiles, cities=0, kind="human"))
    ratios = np.linspace(0, 1, 201)
    growth = np.array([float(rules.troop_growth(ratio * cap, cap, kind="human")) for ratio in ratios])
    ax.plot(ratios, growth, color=style.TEXT, linewidth=1.8)
    colours = dict(zip(measured, style.colours_of(measured), strict=True))
    low = high = 0
    for name, ratio in sorted(measured.items(), key=lambda pair: pair[1]):
        height = float(np.interp(ratio, ratios, growth))
        ax.plot([ratio], [height], "o", color=colours[name], markersize=7)
        if height < 0.2 * growth.max():  # near the axis names stand on top of each other
            above, low = 7 + 13 * low, low + 1
        else:  # below the curve and above it in turn
            above, high = (7 if high % 2 else -14), high + 1
        ax.annotate(
            f"{name} {ratio:.1%}", (ratio, height), xytext=(8, above), textcoords="offset points",
            fontsize=style.SMALL_SIZE, color=colours[name],
        )  # fmt: skip
    ax.set_ylim(0, 1.35 * growth.max())
    ax.set_xlim(-0.01, 1.05)
    return style.tidy(ax, f"growth on {tiles:,} tiles", "troop ratio: troops over cap", "troops per tick")


def plot_removal(curves: Mapping[str, Curves], ax: Axes | None = None) -> Axes:
    """For each map of relevance: how much of the policy has moved, in the mean, over the share of cells removed."""
    ax = style.axes(ax, 7.6, 3.4)
    for index, (name, curve) in enumerate(curves.items()):
        line = "-" if index < len(style.LINE_COLOURS) else ":"  # the colours come round again
        colour, line = (style.FAINT, "--") if name == "random" else (style.line_colour(index), line)
        ax.plot(100 * curve.shares, curve.deleted.mean(axis=0), line, color=colour, linewidth=1.8, label=name)
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom=0)
    style.legend(ax, loc="upper left", bbox_to_anchor=(1.01, 1))  # curves are everywhere
    return style.tidy(ax, "share of the policy that moves", "% of the cells removed, most relevant first")


def plot_stats(obs_global: np.ndarray, ax: Axes | None = None, before: np.ndarray | None = None) -> Axes:
    """Statistics float32 (16,) as bars from zero, named, with their values; ``before`` is marked by strokes."""
    ax = style.axes(ax, 6.5, 4.2)
    ax.barh(range(len(Stat)), obs_global, color=style.LINE_COLOURS[0])
    then = obs_global if before is None else before
    for row, (value, earlier) in enumerate(zip(obs_global, then, strict=True)):
        end, side = (min(value, earlier) - 0.02, "right") if value < 0 else (max(value, earlier) + 0.02, "left")
        ax.text(end, row, f"{value:.2f}", ha=side, va="center", fontsize=style.SMALL_SIZE)
    if before is not None:
        ax.plot(before, range(len(Stat)), "|", color=style.LINE_COLOURS[1], markersize=9, label="a step ago")
        style.legend_above(ax)
    ax.axvline(0, color=style.TEXT, linewidth=0.8)
    ax.set_yticks(range(len(Stat)), [stat.name.replace("_", " ").lower() for stat in Stat])
    ax.set_ylim(len(Stat) - 0.4, -0.6)
    ax.set_xlim(-1.4, 1.2)
    return style.tidy(ax, "the sixteen statistics", grid="")
