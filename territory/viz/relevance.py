"""Rival maps of what a decision rests on, and what happens when the map is followed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from territory.errors import BadInput
from territory.interpret import Curves
from territory.viz import style
from territory.viz.board import attention_picture, board_picture
from territory.world.replay import Frame

COLUMNS = 4


def plot_relevance(frame: Frame, maps: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """The board, and beside it each map (h, w) laid over it, every one on its own scale, dark least to bright most."""
    if not maps:
        raise BadInput("expected one map of relevance or more; came none")
    rows = -(-(len(maps) + 1) // COLUMNS)
    ax = style.bare(style.axes(ax, 10, 2.7 * rows))
    pictures = {"the board": board_picture(frame, 2)}
    for name, grid in maps.items():
        pictures[name] = attention_picture(frame, grid, float(grid.min()), float(grid.max()), 0.8, scale=2)
    for place, (name, picture) in enumerate(pictures.items()):
        row, column = divmod(place, COLUMNS)
        inset = ax.inset_axes((column / COLUMNS, 1 - (row + 1) / rows, 0.97 / COLUMNS, 0.88 / rows))
        inset.imshow(picture, interpolation="nearest")
        style.bare(inset)
        inset.set_title(name, fontsize=style.SMALL_SIZE, color=style.TEXT)
    return ax


def plot_removal(curves: Mapping[str, Curves], ax: Axes | None = None) -> Axes:
    """For each map of relevance: how much of the policy has moved, in the mean, over the share of cells removed."""
    ax = style.axes(ax, 7.6, 3.4)
    for index, (name, curve) in enumerate(curves.items()):
        known = dict(color=style.FAINT, linestyle="--") if name == "random" else {}
        look = {"color": style.LINE_COLOURS[index % len(style.LINE_COLOURS)], "linestyle": "-"} | known
        if index >= len(style.LINE_COLOURS) and not known:
            look["linestyle"] = ":"  # the colours are used up
        ax.plot(100 * curve.shares, curve.deleted.mean(axis=0), linewidth=1.8, label=name, **look)
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom=0)
    ax.legend(
        frameon=False, fontsize=style.SMALL_SIZE, loc="upper left", bbox_to_anchor=(1.01, 1)
    )  # curves are everywhere
    return style.tidy(ax, "share of the policy that moves", "% of the cells removed, most relevant first")
