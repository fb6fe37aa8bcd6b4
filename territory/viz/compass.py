"""The 90-action distribution as a compass: eight directions, five rings of intensity, waiting in the middle."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import PowerNorm
from matplotlib.patches import Circle, Wedge

from territory.errors import BadInput
from territory.viz import style
from territory.world.actions import (
    INTENSITIES,
    NUM_ACTIONS,
    NUM_BUILDS,
    NUM_DIRECTIONS,
    NUM_INTENSITIES,
    Direction,
    decode,
)

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
    sectors = PatchCollection(_shapes(), linewidth=0.5, **look)
    sectors.set_array(np.append(orders[:NUM_DIRECTIONS].reshape(-1), wait))
    outlined = [] if chosen is None or chosen < 0 else [_shape_of(chosen)]
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


def _shapes() -> list:
    sectors = [_sector(direction, ring) for direction in range(NUM_DIRECTIONS) for ring in range(NUM_INTENSITIES)]
    return [*sectors, Circle((0, 0), _CENTRE)]


def _sector(direction: int, ring: int) -> Wedge:
    middle = 90 - direction * _SLICE  # degrees counterclockwise from east, as matplotlib counts
    radius = _CENTRE + (ring + 1) * _RING
    return Wedge((0, 0), radius, middle - _SLICE / 2, middle + _SLICE / 2, width=_RING)


def _shape_of(action: int):
    direction, ring, _ = decode(action)
    return Circle((0, 0), _CENTRE) if direction is Direction.WAIT else _sector(direction, ring)


def _write_share(ax: Axes, direction: Direction, share: float, colour: str) -> None:
    """A direction's name and share beside the rim, or waiting's in the middle."""
    angle = np.deg2rad(90 - direction * _SLICE)
    x, y = (_RIM + 0.55) * np.cos(angle), (_RIM + 0.45) * np.sin(angle)
    place = (0, 0) if direction is Direction.WAIT else (x, y)
    ax.text(*place, f"{direction.name}\n{share:.0%}", ha="center", va="center", fontsize=style.SMALL_SIZE, color=colour)
