"""Where players would attack, beside what every direction would have been worth."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from territory.viz import style


def plot_directions(advantages: np.ndarray, choices: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """One column an attack, the most different ones first: a grey dot for each open direction, coloured for players'.

    Args:
        advantages: float ``(S, 8)``, of each direction over the mean of the open ones; NaN where it is closed.
        choices: for each player the direction ``(S,)`` int, 0 to 7, that it would attack in.
    """
    ax = style.axes(ax, 7.5, 3.6)
    order = np.argsort(-np.nanstd(advantages, axis=1))
    place = np.arange(len(order))
    ax.plot(place, advantages[order], "o", color=style.FAINT, markersize=3.5, alpha=0.5, linewidth=0)
    ax.axhline(0, color=style.FAINT, linestyle="--", linewidth=1)
    for index, (name, chosen) in enumerate(choices.items()):
        taken = np.take_along_axis(advantages, np.asarray(chosen)[:, None], axis=1)[order, 0]
        look = {"color": style.LINE_COLOURS[index], "marker": "o^sDv"[index], "markersize": 6}
        ax.plot(place, taken, linewidth=0, label=f"{name}, mean {taken.mean():+.2f}", **look)
    style.legend_above(style.tidy(ax, "", "attacks", "better than the mean direction by (return)"))
    ax.set_xticks([])
    return ax
