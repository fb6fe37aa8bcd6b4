"""What networks attend to in a game, to scrub through, to point at, and to ask "what if": the JavaScript beside this
file draws it, `territory.interpret` computes it."""

import zlib
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from torch import nn

from territory import viz
from territory.agent.agent import Agent
from territory.errors import BadInput
from territory.interpret import MEAN, ReplayRecord, capture_frames, imagine, layers_of, overlay, total_variation
from territory.widgets.static import LeavesPicture, joined, standalone_page
from territory.world.actions import INTENSITIES, NUM_ACTIONS, describe
from territory.world.layout import Stat
from territory.world.picture import player_colours
from territory.world.replay import Frame, Replay

_PARTS = ("data", "words", "state", "board", "policy", "stats", "tools", "side", "bar", "ask", "keys")
_FACE = ("dom.js", *(f"explorer_{part}.js" for part in _PARTS), "explorer.js")
_LOOK = ("step", "speed", "strength", "palette", "scale", "stat", "cell", "layers", "heads", "what_if")
_NO_ATTENTION = "This network has no attention: there is nothing to lay over the board. Its policy and value are real."


class AttentionExplorer(LeavesPicture, anywidget.AnyWidget):
    """A game to scrub through, under the attention of one network or of two side by side.

    Everything that the networks compute in the game is captured once, at the start; what-if runs them again on the
    state that the sliders and the brush describe. The colour scale of a layer is the same for the whole game unless
    `scale` says otherwise, so two moments can be compared.

    Args:
        game: a recorded game; or a live one, anything with ``replay()`` (an environment, a `GamePlayer`): `catch_up`
            takes in what has been played since.
        agent: whose attention to show (an agent, or a network); it need not be the one that played.
        step: where to begin; by default a third into the game.
        other: a second agent or network, shown beside the first on the same states.
        names: what to call them; by default what the networks call themselves.
    """

    _esm = joined(*_FACE) + "export default { render };\n"
    _css = joined("theme.css", "explorer.css")
    # What the controls say; what belongs to a network is a list with one entry for each.
    step = traitlets.Int(0, min=0).tag(sync=True)  # of the frames from 0 on
    speed = traitlets.Int(10, min=1, max=20).tag(sync=True)  # steps a second while playing
    strength = traitlets.Float(0.85, min=0, max=1).tag(sync=True)  # 0 the board alone, 1 the overlay alone
    palette = traitlets.Enum(viz.PALETTES, viz.PALETTES[0]).tag(sync=True)
    scale = traitlets.Enum(("game", "moment"), "game").tag(sync=True)  # what the ends of the colours are taken from
    stat = traitlets.Int(0, min=0, max=len(Stat) - 1).tag(sync=True)  # that cross-attention is shown for
    cell = traitlets.List(traitlets.Int()).tag(sync=True)  # row and column of the chosen tile; empty: none
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    heads = traitlets.List(traitlets.Int()).tag(sync=True)  # -1: their mean
    what_if = traitlets.Bool(False).tag(sync=True)
    # What is shown.
    about = traitlets.Dict().tag(sync=True)  # the networks, and where in `game` each array lies
    game = traitlets.Bytes().tag(sync=True)  # deflated, see `viz.pack_record`
    words = traitlets.Dict().tag(sync=True)  # what never changes: names, sentences, colours

    def __init__(
        self,
        game: Replay | object,
        agent: Agent | nn.Module,
        step: int | None = None,
        other: Agent | nn.Module | None = None,
        names: tuple[str, ...] | None = None,
    ):
        super().__init__()
        self._source, self.records, self._imagined = game, [], None
        agents = [agent] if other is None else [agent, other]
        self.models = [getattr(each, "model", each) for each in agents]
        self.names = _names(self.models, names)
        frames = self._frames()
        self.records = [capture_frames(model, frames) for model in self.models]
        last = len(frames) - 1
        step = last // 3 if step is None else step
        if not 0 <= step <= last:
            raise BadInput(f"step must be within the game, 0 to {last}; got {step}")
        self.step = step
        self.layers = [next(iter(record.attention), "") for record in self.records]
        self.heads = [MEAN] * len(self.models)
        self.words = _words(len(frames[0].troops), live=not isinstance(game, Replay))
        self._send_game()
        self.observe(self._forget, ["step", "what_if"])
        self.on_msg(self._answer)

    @property
    def record(self) -> ReplayRecord:
        """What the first network computed over the game."""
        return self.records[0]

    def catch_up(self) -> None:
        """Take in what a live game has played since, and show its last moment."""
        frames, known = self._frames(), len(self.record.frames)
        same = (frames[0].terrain == self.record.frames[0].terrain).all() and len(frames) >= known
        if same and len(frames) == known:
            return
        keep = known - 1 if same else 0  # the last known frame had not been acted in yet
        fresh = [capture_frames(model, frames[keep:]) for model in self.models]
        self.records = [old.followed_by(new, keep) for old, new in zip(self.records, fresh, strict=True)]
        self.what_if = False
        self._send_game()
        self.step = len(frames) - 1

    def figure(self):
        """The view as a still figure (matplotlib)."""
        return viz.seen_figure([self._view(number) for number in range(len(self.models))])

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        return viz.figure_png(self.figure())

    def save_png(self, path: str | Path) -> None:
        """Write the view as a PNG file."""
        Path(path).write_bytes(self.static_png())

    def page(self) -> str:
        """The view as an HTML page that needs neither kernel nor network: everything works but what-if."""
        state = {name: getattr(self, name) for name in (*_LOOK, "about", "words")}
        state |= {"what_if": False, "words": self.words | {"standalone": True, "live": False}}
        script = joined(*_FACE, "explorer_page.js")
        return standalone_page("Attention over a game", script, self._css, state, self.game)

    def save_html(self, path: str | Path) -> None:
        """Write `page` as a file."""
        Path(path).write_text(self.page(), "utf-8")

    def _frames(self) -> tuple[Frame, ...]:
        replay = self._source if isinstance(self._source, Replay) else self._source.replay()
        return tuple(replay.play())

    def _send_game(self) -> None:
        index, data = viz.pack_record(self.records)
        networks = [
            {"name": name, "layers": viz.layer_words(record), "note": "" if record.attention else _NO_ATTENTION}
            for name, record in zip(self.names, self.records, strict=True)
        ]
        with self.hold_sync():
            self.about = {"index": index, "networks": networks}
            self.game = zlib.compress(data, 1)

    @traitlets.validate("layers")
    def _check_layers(self, proposal) -> list[str]:
        for name, record in zip(proposal["value"], self.records, strict=True):
            if record.attention and name not in record.attention:
                raise BadInput(f"the network has no layer called {name}; there is {', '.join(record.attention)}")
        return proposal["value"]

    def _forget(self, _change) -> None:
        self._imagined = None

    def _view(self, number: int) -> viz.View:
        record = self.records[number]
        moment, at = (self._imagined[number], 0) if self._imagined else (record, self.step)
        parts = {
            "name": self.names[number],
            "frame": moment.frames[at],
            "probabilities": moment.probabilities[at],
            "values": record.values,
            "step": self.step,
            "value": float(moment.values[at]),
        }
        return viz.View(**parts, **self._overlay(number, moment, at))

    def _overlay(self, number: int, moment: ReplayRecord, at: int) -> dict:
        layer = next((each for each in layers_of(self.records[number]) if each.name == self.layers[number]), None)
        if layer is None:
            return {}
        cell = self._cell_of(layer.grid)
        grid = overlay(layer, moment.attention[layer.name][at], self.heads[number], self.stat, cell)
        if grid is None:
            return {}
        low, high = (layer.low, layer.high) if self.scale == "game" else (float(grid.min()), float(grid.max()))
        of = f": {_STATS[self.stat]}" if "stats" in (layer.queries, layer.keys) else ""
        shown = {"low": low, "high": high, "strength": self.strength, "palette": self.palette}
        return {"overlay": grid, "title": layer.name + of, **shown}

    def _cell_of(self, grid: tuple[int, int] | None) -> tuple[int, int] | None:
        height, width = self.record.frames[0].owner.shape
        if grid is None or not self.cell:
            return None
        return self.cell[0] * grid[0] // height, self.cell[1] * grid[1] // width

    def _answer(self, _widget, message: dict, buffers: list) -> None:
        """What the browser asks for; the one place that its messages come in."""
        for name, value in message.get("set", {}).items():
            self.set_trait(name, value)
        try:
            match message["ask"]:
                case "imagine":
                    self._imagine(message, buffers)
                case "catch_up":
                    self.catch_up()
                case "picture":
                    self.send({"file": f"explorer-step-{self.step}.png"}, [self.static_png()])
                case "page":
                    self.send({"file": "explorer.html"}, [self.page().encode()])
        except BadInput as error:
            self.send({"sorry": str(error)})

    def _imagine(self, message: dict, buffers: list) -> None:
        """Run the networks on the moment that the browser describes, and send what they make of it."""
        frame = self.record.frames[message["step"]]
        stats = np.frombuffer(buffers[0], "<f4")
        owner, city, density = (np.frombuffer(each, np.uint8).reshape(frame.owner.shape) for each in buffers[1:])
        frame = imagine(frame, stats, owner, city, density)
        looks = [capture_frames(model, (frame,)) for model in self.models]
        moved = [
            f"{name}: {total_variation(look.probabilities[0], record.probabilities[message['step']]):.0%}"
            for name, look, record in zip(self.names, looks, self.records, strict=True)
        ]
        self._imagined = looks
        index, data = viz.pack_moment(looks)
        said = f"of the policy moved, {', '.join(moved)}"
        self.send({"serial": message["serial"], "index": index, "moved": said}, [data])


_STATS = tuple(stat.name.replace("_", " ").lower() for stat in Stat)


def _names(models: list[nn.Module], given: tuple[str, ...] | None) -> list[str]:
    names = list(given or (getattr(model, "name", type(model).__name__) for model in models))
    if len(names) != len(models):
        raise BadInput(f"expected a name for each of {len(models)} networks; came {', '.join(names)}")
    return [f"{name} {number}" for number, name in enumerate(names, 1)] if len({*names}) < len(names) else names


def _words(players: int, live: bool) -> dict:
    """Names, sentences and colours, in the order of what they describe."""
    return {
        "stats": [(name, viz.STAT_SENTENCES[stat]) for name, stat in zip(_STATS, Stat, strict=True)],
        "shares": [f"{share:.0%}" for share in INTENSITIES],
        "actions": [describe(action) for action in range(NUM_ACTIONS)],
        "players": ["nobody", *(viz.player_name(player) for player in range(1, players))],
        "colours": player_colours()[:players].tolist(),
        "palettes": {name: viz.colour_table(name).tolist() for name in viz.PALETTES},
        "live": live,
        "standalone": False,
    }
