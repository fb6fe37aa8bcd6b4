"""One visual language for every figure: paper, ink, two colour maps, and axes without junk.

Figures have their own light paper, so they read the same on a light and on a dark page. Colour maps are those that
keep their order in grey and with every common kind of colour blindness.
"""

from collections.abc import Collection
from functools import cache
from itertools import cycle
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from territory.world.picture import AGENT_COLOUR, INK

PAPER = "#ffffff"
TEXT = "#20262c"
FAINT = "#7d868e"  # grid, ticks, what is masked
ATTENTION_MAP = "inferno"  # dark to bright: how strongly a place is attended to
SIGNED_MAP = "RdBu_r"  # blue below zero, red above, white at zero: told apart by colour-blind readers too
PALETTES = (ATTENTION_MAP, "viridis", "cividis", "gray")  # to choose from: all keep their order in grey
SHARE_MAP = "PuBu"  # white to blue: a share of probability
TITLE_SIZE, LABEL_SIZE, SMALL_SIZE = 11, 9.5, 8.5
SMALL: dict[str, Any] = {"fontsize": SMALL_SIZE, "color": TEXT}  # most words beside marks

# For curves and bars, in this order: blue, vermilion, green, purple, ink.
_LINES = (AGENT_COLOUR, (213, 94, 0), (0, 158, 115), (204, 121, 167), INK)  # dark enough for thin lines on white
LINE_COLOURS = tuple("#{:02x}{:02x}{:02x}".format(*colour) for colour in _LINES)
NETWORKS = ("baseline", "attention", "attention, batch norm", "tokens")  # whose curves keep their colours


def axes(ax: Axes | None, width: float = 6.0, height: float = 3.4) -> Axes:
    """The axes that were given, or those of a new figure of the given size in inches."""
    if ax is None:
        figure = plt.figure(figsize=(width, height), facecolor=PAPER, layout="constrained")
        ax = figure.add_subplot()
    ax.set_facecolor(PAPER)
    return ax


def sheet(width: float, height: float) -> Figure:
    """A figure of so many inches, not registered with pyplot: a notebook shows it only where asked to."""
    return Figure(figsize=(width, height), dpi=100, facecolor=PAPER, layout="constrained")


def tidy(ax: Axes, title: str = "", x: str = "", y: str = "", grid: Literal["x", "y", ""] = "y") -> Axes:
    """Axes of a chart: two spines, a faint grid along one axis or none, names in one size."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=TEXT, labelsize=SMALL_SIZE, length=3, color=FAINT)
    ax.grid(False)  # that of a style the reader has chosen
    if grid:
        ax.grid(True, axis=grid, color=FAINT, alpha=0.25, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set_xlabel(x, fontsize=LABEL_SIZE, color=TEXT)
    ax.set_ylabel(y, fontsize=LABEL_SIZE, color=TEXT)
    return titled(ax, title)


def steps(ax: Axes, most: int = 8) -> Axes:
    """Whole numbers along x, in thousands' groups."""
    ax.xaxis.set_major_locator(MaxNLocator(most, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return ax


def legend(ax: Axes, **place: Any) -> None:
    """The legend without a frame, where matplotlib finds room or where ``place`` says."""
    ax.legend(frameon=False, fontsize=SMALL_SIZE, **place)


def reference(ax: Axes, value: float | None, vertical: bool = False) -> None:
    """A dashed line where a goal or chance is; None: no line."""
    if value is not None:
        (ax.axvline if vertical else ax.axhline)(value, color=FAINT, linestyle="--", linewidth=1)


def legend_above(ax: Axes) -> Axes:
    """The legend in one line above the axes, where it lies on no number."""
    columns = len(ax.get_legend_handles_labels()[1])
    legend(ax, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=columns)
    return ax


def bare(ax: Axes, title: str = "") -> Axes:
    """Axes of a picture: nothing but a title."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return titled(ax, title)


def titled(ax: Axes, title: str) -> Axes:
    """The title in one size, to the left."""
    ax.set_title(title, fontsize=TITLE_SIZE, color=TEXT, loc="left")
    return ax


@cache
def colour_table(name: str) -> np.ndarray:
    """uint8 (256, 3): a colour map as red green blue; always the same array."""
    return (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def line_colour(index: int) -> str:
    """For the curve of this number; they come round again."""
    return LINE_COLOURS[index % len(LINE_COLOURS)]


def colours_of(names: Collection[str]) -> list[str]:
    """One for each name; a network's is the same in every picture. The others come round again when all are taken."""
    own: dict[str, str] = dict(zip(NETWORKS, LINE_COLOURS, strict=False))
    taken = {own.get(name) for name in names}
    free = cycle(colour for colour in LINE_COLOURS if colour not in taken)
    return [own[name] if name in own else next(free) for name in names]
