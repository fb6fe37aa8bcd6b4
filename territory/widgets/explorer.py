"""A recorded game and what a network attended to in it, to scrub through."""

from pathlib import Path

import ipywidgets as widgets
import numpy as np
from torch import nn

from territory import viz
from territory.errors import BadInput
from territory.interpret import ReplayRecord, capture_replay
from territory.training.agent import Agent
from territory.widgets.static import LeavesPicture
from territory.world.actions import describe
from territory.world.replay import Replay

BOARD_PIXELS = 512  # the board's longer side, about
FRAME_MS = 50  # between two steps while playing: twenty a second


class AttentionExplorer(LeavesPicture, widgets.VBox):
    """A time slider with play, a layer to look at, how strongly to show it; policy and value beside the board.

    Everything the network computes is captured once, at the start. The colour scale of a layer is the same for the
    whole game, so two moments can be compared.

    Args:
        replay: a recorded game.
        agent: whose attention to show (an agent, or a network); it need not be the one that played.
        step: where to begin; by default a third into the game.
    """

    def __init__(self, replay: Replay, agent: Agent | nn.Module, step: int | None = None):
        self.record: ReplayRecord = capture_replay(getattr(agent, "model", agent), replay)
        last = len(self.record.frames) - 1
        step = last // 3 if step is None else step
        if not 0 <= step <= last:
            raise BadInput(f"step must be within the game, 0 to {last}; got {step}")
        self._panel = viz.DecisionPanel(
            self.record.probabilities, self.record.values, np.array([frame.action for frame in self.record.frames])
        )
        self._pixels = max(1, BOARD_PIXELS // max(self.record.frames[0].owner.shape))
        self._make_controls(step, last)
        self._make_views()
        super().__init__([self._controls, self.status, self._views, self.scale])
        self._connect()
        self._show_all()

    def _make_controls(self, step: int, last: int) -> None:
        self.play = widgets.Play(value=step, max=last, interval=FRAME_MS, show_repeat=False)
        self.time = widgets.IntSlider(value=step, max=last, description="step", layout=widgets.Layout(width="420px"))
        self.layer = widgets.Dropdown(options=_layer_options(self.record), description="layer")
        self.strength = widgets.FloatSlider(value=0.85, max=1, step=0.05, description="overlay", readout_format=".0%")
        self._link = widgets.jslink((self.play, "value"), (self.time, "value"))
        wrap = widgets.Layout(flex_flow="row wrap")
        self._controls = widgets.VBox(
            [widgets.HBox([self.play, self.time], layout=wrap), widgets.HBox([self.layer, self.strength], layout=wrap)]
        )

    def _make_views(self) -> None:
        self.board, self.panel = widgets.Image(format="png"), widgets.Image(format="png")
        self.status, self.scale = widgets.HTML(), widgets.HTML()
        self._views = widgets.HBox([self.board, self.panel], layout=widgets.Layout(flex_flow="row wrap"))

    def _connect(self) -> None:
        self.time.observe(lambda _change: self._show_step(), "value")
        self.layer.observe(lambda _change: self._show_layer(), "value")
        self.strength.observe(lambda _change: self._show_board(), "value")

    def _show_all(self) -> None:
        self._show_step()
        self._show_layer()

    def _show_step(self) -> None:
        self._show_board()
        self.panel.value = viz.to_png(self._panel.draw(self.time.value))
        self.status.value = _describe(self.record, self.time.value)

    def _show_layer(self) -> None:
        self._show_board()
        self.scale.value = _describe_scale(self.record, self.layer.value)

    def _show_board(self) -> None:
        frame, layer = self.record.frames[self.time.value], self._map_layer()
        if layer is None:
            picture = viz.board_picture(frame, self._pixels)
        else:
            attention = self.record.attention[layer]
            ends = viz.scale_of(attention)
            picture = viz.attention_picture(
                frame, attention[self.time.value], *ends, self.strength.value, scale=self._pixels
            )
        self.board.value = viz.to_png(picture)

    def _map_layer(self) -> str | None:
        """The layer in view if it is a grid over the map."""
        return self.layer.value if self.layer.value and _is_map(self.record, self.layer.value) else None

    def figure(self):
        """The view as a still figure (matplotlib)."""
        return viz.moment_figure(self.record, self.time.value, self._map_layer(), self.strength.value)

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        return viz.figure_png(self.figure())

    def save_png(self, path: str | Path) -> None:
        """Write the view as a PNG file."""
        Path(path).write_bytes(self.static_png())


def _is_map(record: ReplayRecord, layer: str) -> bool:
    return record.attention[layer].ndim == 3


def _layer_options(record: ReplayRecord) -> list[tuple[str, str | None]]:
    options = [(f"{name} · {_size(weights)}", name) for name, weights in record.attention.items()]
    return options or [("this network has no attention", None)]


def _size(weights: np.ndarray) -> str:
    if weights.ndim == 3:
        return f"{weights.shape[1]}×{weights.shape[2]} cells"
    heads, queries, keys = weights.shape[1:]
    return f"{heads} × {queries} × {keys} weights"


def _describe(record: ReplayRecord, step: int) -> str:
    frame = record.frames[step]
    share = frame.tiles[1] / np.count_nonzero(frame.terrain)
    order = describe(frame.action) if frame.action >= 0 else "the game is over"
    return f"<b>step {frame.step}</b> · owns {share:.1%} of the land · {order} · value {record.values[step]:+.2f}"


def _describe_scale(record: ReplayRecord, layer: str | None) -> str:
    if layer is None:
        return ""
    weights = record.attention[layer]
    low, high = viz.scale_of(weights)
    if _is_map(record, layer):
        bar = viz.colour_bar_css()
        return (
            f"gate {low:.3f} <span style='display:inline-block;width:220px;height:12px;vertical-align:middle;"
            f"background:{bar}'></span> {high:.3f} <i>(least and greatest in this game)</i>"
        )
    heads, queries, keys = weights.shape[1:]
    only = " A single key: the softmax leaves no choice." if keys == 1 else ""
    return f"{heads} heads, {queries} queries, {keys} keys: weights from {low:.3f} to {high:.3f} in this game.{only}"
