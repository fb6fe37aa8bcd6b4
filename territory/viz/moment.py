"""One moment of a recorded game as a figure: the board, attention over it, the policy and the value."""

import numpy as np
from matplotlib.figure import Figure

from territory.interpret import ReplayRecord
from territory.viz import style
from territory.viz.board import plot_attention, plot_board
from territory.viz.compass import plot_action_compass
from territory.viz.curves import plot_value


def moment_figure(record: ReplayRecord, step: int, layer: str | None, strength: float = 0.85) -> Figure:
    """A figure of step ``step``; ``layer`` names the gate to show (None: the board alone).

    It is not registered with pyplot, so a notebook shows it only where asked to.
    """
    frame, figure = record.frames[step], Figure(figsize=(12, 4.6), dpi=100, facecolor=style.PAPER, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    boards = left.subplots(1, 1 if layer is None else 2, squeeze=False)[0]
    plot_board(frame, boards[0], legend=False)
    if layer is not None:
        low, high = scale_of(record.attention[layer])
        title = f"{layer}, step {frame.step}"
        plot_attention(frame, record.attention[layer][step], boards[1], strength, low, high, title)
    compass, value = right.subplots(2, 1, height_ratios=(3, 1))
    plot_action_compass(record.probabilities[step], compass, chosen=frame.action)
    plot_value(record.values, value, step)
    return figure


def scale_of(attention: np.ndarray) -> tuple[float, float]:
    """The ends of the colour scale of a layer: its least and greatest attention in the whole game (T, h, w)."""
    return float(attention.min()), float(attention.max())
