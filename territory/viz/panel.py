"""Policy and value of one step of a game, drawn fast enough to play: only what changes is drawn again."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from territory.viz import style
from territory.viz.compass import Compass
from territory.viz.curves import plot_value

_SIZE, _DPI = (3.6, 5.12), 100  # inches, dots per inch: as high as a 128-tile board at 4 pixels a tile


class DecisionPanel:
    """The compass of each step's policy above the value over the whole game, with a cursor.

    Args:
        probabilities: (T, 90).
        values: (T,).
        actions: (T,), the action taken; -1 where none was.
    """

    def __init__(self, probabilities: np.ndarray, values: np.ndarray, actions: np.ndarray):
        self._probabilities, self._values, self._actions = probabilities, values, actions
        figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor=style.PAPER)
        self._canvas = FigureCanvasAgg(figure)
        self._compass = Compass(figure.add_axes((0.02, 0.33, 0.96, 0.66)), animated=True)
        self._axes = plot_value(values, figure.add_axes((0.13, 0.1, 0.83, 0.17)))
        self._cursor = self._axes.axvline(0, color=style.LINE_COLOURS[1], linewidth=1.2, animated=True)
        (self._dot,) = self._axes.plot([0], [0], "o", color=style.LINE_COLOURS[1], markersize=5, animated=True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def draw(self, step: int) -> np.ndarray:
        """The panel at a step: uint8 (512, 360, 3)."""
        self._compass.update(self._probabilities[step], int(self._actions[step]))
        self._cursor.set_xdata([step, step])
        self._dot.set_data([step], [self._values[step]])
        self._canvas.restore_region(self._background)
        for artist in (*self._compass.artists, self._cursor, self._dot):
            artist.axes.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
