"""What networks see at one moment, side by side: the board under their attention, their policy and their value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from territory.viz import style
from territory.viz.board import plot_attention, plot_board
from territory.viz.compass import plot_action_compass
from territory.viz.curves import plot_value
from territory.world.replay import Frame


@dataclass(frozen=True)
class View:
    """One network's view of one moment."""

    name: str
    frame: Frame
    probabilities: np.ndarray  # (90,)
    values: np.ndarray  # (T,), over the whole game
    step: int  # which of them
    value: float  # here: another than the game's where the moment is imagined
    title: str = ""  # of the overlay
    overlay: np.ndarray | None = None  # (h, w)
    low: float = 0.0
    high: float = 1.0
    strength: float = 0.85
    palette: str = style.ATTENTION_MAP


def seen_figure(views: Sequence[View]) -> Figure:
    """A figure of a moment as one or more networks see it; not registered with pyplot, so it shows where asked to."""
    size = (12, 4.6) if len(views) == 1 else (12, 4.6 * len(views))
    figure = Figure(figsize=size, dpi=100, facecolor=style.PAPER, layout="constrained")
    rows = figure.subfigures(len(views), 1, squeeze=False)[:, 0]
    for row, view in zip(rows, views, strict=True):
        if len(views) > 1:
            row.suptitle(view.name, fontsize=style.TITLE_SIZE, color=style.TEXT, fontweight="bold")
        _draw(row, view)
    return figure


def _draw(figure, view: View) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    boards = left.subplots(1, 1 if view.overlay is None else 2, squeeze=False)[0]
    plot_board(view.frame, boards[0], legend=False)
    if view.overlay is not None:
        title = f"{view.title}, step {view.frame.step}"
        plot_attention(
            view.frame, view.overlay, boards[1], view.strength, view.low, view.high, title, palette=view.palette
        )
    compass, value = right.subplots(2, 1, height_ratios=(3, 1))
    plot_action_compass(view.probabilities, compass, chosen=view.frame.action)
    plot_value(view.values, value, view.step)
    if view.value != view.values[view.step]:
        value.plot([view.step], [view.value], "D", color=style.LINE_COLOURS[3], markersize=6, label="imagined")
        value.legend(frameon=False, fontsize=style.SMALL_SIZE)
