"""How a run goes, as a still figure: its curves, and the game that was being watched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from territory.errors import BadInput
from territory.viz import style
from territory.viz.curves import plot_learning_curve

# Title -> fields of the training records that share an axis.
TRAINING_PANELS = {
    "the last 100 games": ("win_rate", "land_share", "idle_share"),
    "entropy: how open the choice is": ("entropy",),
    "explained variance: how much the critic knows": ("explained_variance",),
}
UPDATE_SENTENCES = {
    "win_rate": "Of the last 100 finished games, how many were won.",
    "land_share": "Land owned at the end of those games, of all land.",
    "idle_share": "Of the steps of those games, how many ordered nothing.",
    "mean_return": "Undiscounted reward of those games.",
    "mean_length": "Steps of those games.",
    "entropy": "How open the choice of an action is, in nats: 0 where only one is left.",
    "explained_variance": "1: the critic foresees the returns; 0: no better than their mean.",
    "policy_loss": "The clipped surrogate; it hovers around 0 by design and says little.",
    "value_loss": "Half the mean squared error of the critic.",
    "approx_kl": "How far the last epoch is from the policy that played, in nats.",
    "clip_fraction": "Of the samples, how many had left the clip range.",
    "ratio_deviation": "Largest |ratio - 1| of the first minibatch: rounding alone, unless there is batch norm.",
    "grad_norm": "Length of the gradient before clipping.",
    "learning_rate": "Step size of Adam.",
    "steps_per_second": "Environment steps a second.",
}


def training_figure(records: Sequence[Any], board: np.ndarray, title: str = "", caption: str = "") -> Figure:
    """A run so far; not registered with pyplot, so it shows where asked to.

    Args:
        records: with ``step`` and the fields of `TRAINING_PANELS`; none: empty axes.
        board: uint8 (H, W, 3), the game.
        caption: under it.
    """
    if np.ndim(board) != 3:
        raise BadInput(f"expected a picture (height, width, 3) of the game, got shape {np.shape(board)}")
    figure = Figure(figsize=(10.5, 4.8), dpi=100, facecolor=style.PAPER, layout="constrained")
    figure.suptitle(title, fontsize=style.TITLE_SIZE, color=style.TEXT, x=0.01, ha="left", fontweight="bold")
    left, right = figure.subfigures(1, 2, width_ratios=(3.2, 2))
    grid = left.subplots(2, 2).flatten()
    wide = left.add_subplot(grid[0].get_subplotspec().get_gridspec()[0, :])
    for ax in grid[:2]:
        ax.remove()
    for ax, (name, fields) in zip((wide, *grid[2:]), TRAINING_PANELS.items(), strict=True):
        if records:
            plot_learning_curve(records, fields, ax)
        if records and len(fields) == 1:
            ax.get_legend().remove()  # the title says it
        style.steps(style.tidy(ax, name.split(":")[0], "environment steps"), most=8 if ax is wide else 4)
    wide.set_ylim(-0.02, 1.02)
    picture = right.add_subplot()
    picture.imshow(board, interpolation="nearest")
    style.bare(picture)
    picture.set_xlabel(caption, fontsize=style.SMALL_SIZE, color=style.TEXT)
    return figure
