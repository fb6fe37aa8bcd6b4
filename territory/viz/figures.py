"""The 90 actions as a compass, and whole figures: a moment as a player has it, as networks see it, a run so far.

No figure is registered with pyplot, so a notebook shows one only where it is asked to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle, Wedge

from territory.errors import BadInput
from territory.viz import style
from territory.viz.board import plot_attention, plot_board, plot_planes
from territory.viz.curves import plot_learning_curve, plot_stats, plot_value
from territory.viz.games import TRAINING_PANELS
from territory.world.actions import (
    INTENSITIES,
    NUM_ACTIONS,
    NUM_BUILDS,
    NUM_DIRECTIONS,
    NUM_INTENSITIES,
    Direction,
    decode,
)
from territory.world.replay import Frame

_PLACES = (Direction.NW, Direction.N, Direction.NE, Direction.W, Direction.WAIT, Direction.E)
COMPASS = (*_PLACES, Direction.SW, Direction.S, Direction.SE)  # row by row, north up
_BLOCK = (NUM_INTENSITIES + 1.2, NUM_BUILDS + 1.6)  # width and height of a direction's block, in cells


_CENTRE, _RING = 0.9, 0.45  # radius of the middle, width of a ring
_RIM = _CENTRE + NUM_INTENSITIES * _RING
_SLICE = 360 / NUM_DIRECTIONS


def plot_action_compass(probabilities: np.ndarray, ax: Axes | None = None, chosen: int | None = None) -> Axes:
    """Where the policy would go: probabilities (90,) as a compass; ``chosen`` outlines an action (None or -1: none).

    Sectors: direction (north up, clockwise) by intensity (weakest order inside); building or not is summed over and
    written below. Colour is on a square-root scale from 0 to 1, the same for every distribution.
    """
    table = by_part(probabilities)
    orders = table.sum(axis=2)  # (9, 5)
    wait = orders[Direction.WAIT].sum()
    ax = style.bare(style.axes(ax, 4.2, 4.2))
    ax.set_aspect("equal")
    ax.set_xlim(-_RIM - 1.15, _RIM + 1.15)
    ax.set_ylim(-_RIM - 2.0, _RIM + 0.75)
    look: dict[str, Any] = {"cmap": style.SHARE_MAP, "norm": PowerNorm(0.5, 0, 1), "edgecolor": style.FAINT}
    attacks = [_sector(direction, ring) for direction in range(NUM_DIRECTIONS) for ring in range(NUM_INTENSITIES)]
    sectors = PatchCollection([*attacks, Circle((0, 0), _CENTRE)], linewidth=0.5, **look)
    sectors.set_array(np.append(orders[:NUM_DIRECTIONS].reshape(-1), wait))
    outlined = []
    if chosen is not None and chosen >= 0:
        direction, ring, _ = decode(chosen)
        outlined = [Circle((0, 0), _CENTRE) if direction is Direction.WAIT else _sector(direction, ring)]
    ax.add_collection(sectors)
    ax.add_collection(PatchCollection(outlined, facecolor="none", edgecolor=style.LINE_COLOURS[1], linewidth=2.2))
    for direction in Direction:
        on_dark = direction is Direction.WAIT and wait > 0.35
        _write_share(ax, direction, orders[direction].sum(), "white" if on_dark else style.TEXT)
    below: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.SMALL_SIZE}
    rings = " ".join(f"{100 * share:.0f}" for share in INTENSITIES)
    ax.text(0, -_RIM - 1.2, f"builds a city: {table[:, :, 1].sum():.0%}", color=style.TEXT, **below)
    ax.text(0, -_RIM - 1.75, f"rings: {rings} % of the troops", color=style.FAINT, **below)
    return style.titled(ax, "policy")


def by_part(probabilities: np.ndarray) -> np.ndarray:
    """A distribution (90,) as (9 directions, 5 intensities, 2 builds)."""
    if np.shape(probabilities) != (NUM_ACTIONS,):
        raise BadInput(f"expected the probabilities of one state, ({NUM_ACTIONS},), got {np.shape(probabilities)}")
    return np.asarray(probabilities, np.float64).reshape(len(Direction), NUM_INTENSITIES, NUM_BUILDS)


def _sector(direction: int, ring: int) -> Wedge:
    middle = 90 - direction * _SLICE  # degrees counterclockwise from east, as matplotlib counts
    radius = _CENTRE + (ring + 1) * _RING
    return Wedge((0, 0), radius, middle - _SLICE / 2, middle + _SLICE / 2, width=_RING)


def _write_share(ax: Axes, direction: Direction, share: float, colour: str) -> None:
    """A direction's name and share beside the rim, or waiting's in the middle."""
    angle = np.deg2rad(90 - direction * _SLICE)
    x, y = (_RIM + 0.55) * np.cos(angle), (_RIM + 0.45) * np.sin(angle)
    place = (0, 0) if direction is Direction.WAIT else (x, y)
    ax.text(*place, f"{direction.name}\n{share:.0%}", ha="center", va="center", fontsize=style.SMALL_SIZE, color=colour)


def plot_mask(mask: np.ndarray, ax: Axes | None = None) -> Axes:
    """The mask bool (90,) as a compass of blocks: shares from left to right, below them the same with a city.

    Filled is allowed.
    """
    if np.shape(mask) != (NUM_ACTIONS,):
        raise BadInput(f"expected the mask of one state, ({NUM_ACTIONS},), got {np.shape(mask)}")
    ax = style.axes(ax, 4.2, 3.2)
    for action in range(NUM_ACTIONS):
        direction, intensity, build = decode(action)
        left, top = _corner(direction)
        face = style.LINE_COLOURS[0] if mask[action] else "none"
        cell = (left + intensity, top + build)
        ax.add_patch(Rectangle(cell, 0.85, 0.85, facecolor=face, edgecolor=style.FAINT, linewidth=0.8))
    for direction in Direction:
        left, top = _corner(direction)
        ax.text(left, top - 0.25, direction.name, **style.SMALL)
    ax.set_xlim(-0.2, 3 * _BLOCK[0])
    ax.set_ylim(3 * _BLOCK[1] - 0.8, -1.2)
    ax.set_aspect("equal")
    shares = ", ".join(f"{share:.0%}" for share in INTENSITIES)
    style.bare(ax, f"the mask: {np.count_nonzero(mask)} of {NUM_ACTIONS} actions are allowed")
    ax.set_xlabel(f"{shares}; below, with a city", **style.SMALL)
    return ax


def _corner(direction: Direction) -> tuple[float, float]:
    row, column = divmod(COMPASS.index(direction), 3)
    return column * _BLOCK[0], row * _BLOCK[1]


def playing_figure(
    board: np.ndarray, obs: dict[str, np.ndarray], mask: np.ndarray, before: np.ndarray | None = None, title: str = ""
) -> Figure:
    """One moment as a player has it: a board uint8 (h, w, 3), from `territory.world.picture`, an observation, its mask.

    ``before``: the statistics (16,) a step ago, marked on the bars.
    """
    figure = style.sheet(10.5, 8)
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(5.7, 2.3))[:, 0]
    left, right = top.subfigures(1, 2, width_ratios=(5.4, 5.1))
    picture = left.add_subplot()
    picture.imshow(board, interpolation="nearest")
    style.bare(picture, title)
    axes = right.subplots(2, 1, height_ratios=(2, 3))
    plot_mask(mask, axes[0])
    plot_stats(obs["global"], axes[1], before)
    plot_planes(obs["map"], bottom.add_subplot())
    return figure


@dataclass(frozen=True)
class View:
    """One network's view of one moment."""

    name: str
    frame: Frame
    probabilities: np.ndarray  # (90,)
    values: np.ndarray  # (T,), over the whole game
    step: int  # which of them
    value: float  # here: another than the game's where the moment is imagined
    overlay: np.ndarray | None = None  # (h, w), what lies over the board
    look: Mapping[str, Any] = field(default_factory=dict)  # of the overlay, see `plot_attention`


def seen_figure(views: Sequence[View]) -> Figure:
    """A moment as one or more networks see it."""
    figure = style.sheet(12, 4.6 * len(views))
    rows = figure.subfigures(len(views), 1, squeeze=False)[:, 0]
    for row, view in zip(rows, views, strict=True):
        if len(views) > 1:
            row.suptitle(view.name, fontsize=style.TITLE_SIZE, color=style.TEXT, fontweight="bold")
        left, right = row.subfigures(1, 2, width_ratios=(2, 1))
        boards = left.subplots(1, 1 if view.overlay is None else 2, squeeze=False)[0]
        plot_board(view.frame, boards[0], legend=False)
        if view.overlay is not None:
            plot_attention(view.frame, view.overlay, boards[1], **view.look)
        compass, value = right.subplots(2, 1, height_ratios=(3, 1))
        plot_action_compass(view.probabilities, compass, chosen=view.frame.action)
        plot_value(view.values, value, view.step)
        if view.value != view.values[view.step]:
            value.plot([view.step], [view.value], "D", color=style.LINE_COLOURS[3], markersize=6, label="imagined")
            style.legend(value)
    return figure


def training_figure(records: Sequence[Any], board: np.ndarray, title: str = "", caption: str = "") -> Figure:
    """A run so far: records with ``step`` and the fields of `TRAINING_PANELS` (none: empty axes), and a game.

    ``board``: uint8 (H, W, 3), with the caption under it.
    """
    if np.ndim(board) != 3:
        raise BadInput(f"expected a picture (height, width, 3) of the game, got shape {np.shape(board)}")
    figure = style.sheet(10.5, 4.8)
    figure.suptitle(title, fontsize=style.TITLE_SIZE, color=style.TEXT, x=0.01, ha="left", fontweight="bold")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3.2, 2))[0]
    panels = left.subplot_mosaic("aa;bc")
    for (place, ax), (name, fields) in zip(panels.items(), TRAINING_PANELS.items(), strict=True):
        if records:
            plot_learning_curve(records, fields, ax)
        if records and len(fields) == 1:
            ax.get_legend().remove()  # the title says it
        style.steps(style.tidy(ax, name.split(":")[0], "environment steps"), most=8 if place == "a" else 4)
    panels["a"].set_ylim(-0.02, 1.02)
    picture = right.add_subplot()
    picture.imshow(board, interpolation="nearest")
    style.bare(picture)
    picture.set_xlabel(caption, **style.SMALL)
    return figure
