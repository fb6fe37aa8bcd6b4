"""The sixteen statistics of an observation."""

import numpy as np
from matplotlib.axes import Axes

from territory.viz import style
from territory.world.layout import Stat


def plot_stats(obs_global: np.ndarray, ax: Axes | None = None) -> Axes:
    """Statistics float32 (16,) as bars from zero, named, with their values."""
    ax = style.axes(ax, 6.5, 4.2)
    bars = ax.barh(range(len(Stat)), obs_global, color=style.LINE_COLOURS[0])
    ax.bar_label(bars, [f"{value:.2f}" for value in obs_global], padding=3, fontsize=style.SMALL_SIZE)
    ax.axvline(0, color=style.TEXT, linewidth=0.8)
    ax.set_yticks(range(len(Stat)), [stat.name.replace("_", " ").lower() for stat in Stat])
    ax.set_ylim(len(Stat) - 0.4, -0.6)
    ax.set_xlim(-1.2, 1.2)
    style.tidy(ax, "the sixteen statistics")
    ax.grid(False)
    return ax
