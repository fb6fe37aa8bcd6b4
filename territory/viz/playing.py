"""What a player has before it decides, as a still figure: the board, the mask, the planes and the statistics."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from territory.errors import BadInput
from territory.viz import style
from territory.viz.board import plot_planes
from territory.viz.stats import plot_stats
from territory.world.actions import INTENSITIES, NUM_ACTIONS, NUM_BUILDS, NUM_INTENSITIES, Direction, decode

_PLACES = (Direction.NW, Direction.N, Direction.NE, Direction.W, Direction.WAIT, Direction.E)
COMPASS = (*_PLACES, Direction.SW, Direction.S, Direction.SE)  # row by row, north up
_BLOCK = (NUM_INTENSITIES + 1.2, NUM_BUILDS + 1.6)  # width and height of a direction's block, in cells


def plot_mask(mask: np.ndarray, ax: Axes | None = None) -> Axes:
    """The mask bool (90,) as a compass of blocks: shares from left to right, below them the same with a city.

    Filled is allowed.
    """
    if np.shape(mask) != (NUM_ACTIONS,):
        raise BadInput(f"expected the mask of one state, ({NUM_ACTIONS},), got {np.shape(mask)}")
    ax = style.axes(ax, 4.2, 3.2)
    for action in range(NUM_ACTIONS):
        left, top = _place(action)
        face = style.LINE_COLOURS[0] if mask[action] else "none"
        ax.add_patch(Rectangle((left, top), 0.85, 0.85, facecolor=face, edgecolor=style.FAINT, linewidth=0.8))
    for direction in Direction:
        left, top = _corner(direction)
        ax.text(left, top - 0.25, direction.name, fontsize=style.SMALL_SIZE, color=style.TEXT)
    ax.set_xlim(-0.2, 3 * _BLOCK[0])
    ax.set_ylim(3 * _BLOCK[1] - 0.8, -1.2)
    ax.set_aspect("equal")
    shares = ", ".join(f"{share:.0%}" for share in INTENSITIES)
    style.bare(ax, f"the mask: {np.count_nonzero(mask)} of {NUM_ACTIONS} actions are allowed")
    ax.set_xlabel(f"{shares}; below, with a city", fontsize=style.SMALL_SIZE, color=style.TEXT)
    return ax


def _corner(direction: Direction) -> tuple[float, float]:
    row, column = divmod(COMPASS.index(direction), 3)
    return column * _BLOCK[0], row * _BLOCK[1]


def _place(action: int) -> tuple[float, float]:
    direction, intensity, build = decode(action)
    left, top = _corner(direction)
    return left + intensity, top + build


def playing_figure(
    board: np.ndarray, obs: dict[str, np.ndarray], mask: np.ndarray, before: np.ndarray | None = None, title: str = ""
) -> Figure:
    """A figure of one moment, outside pyplot: a notebook shows it only where asked to.

    Args:
        board: uint8 (h, w, 3), from `territory.world.picture`.
        obs: one observation.
        mask: bool (90,).
        before: the statistics (16,) a step ago, marked on the bars.
    """
    figure = Figure(figsize=(10.5, 8), dpi=100, facecolor=style.PAPER, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(5.7, 2.3))
    left, right = top.subfigures(1, 2, width_ratios=(5.4, 5.1))
    picture = left.add_subplot()
    picture.imshow(board, interpolation="nearest")
    style.bare(picture, title)
    axes = right.subplots(2, 1, height_ratios=(2, 3))
    plot_mask(mask, axes[0])
    plot_stats(obs["global"], axes[1], before)
    plot_planes(obs["map"], bottom.add_subplot())
    return figure
