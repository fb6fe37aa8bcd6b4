"""The sixteen statistics of an observation."""

import numpy as np
from matplotlib.axes import Axes

from territory.viz import style
from territory.world.layout import Stat


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
    style.tidy(ax, "the sixteen statistics")
    ax.grid(False)
    return ax
