"""What networks attend to in a game, to scrub through, to point at, and to ask "what if": `js/explorer` draws it,
`territory.interpret` computes it."""

import base64
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import traitlets
from torch import nn

from territory import interpret, viz
from territory.agent import Agent
from territory.errors import BadInput, lists, shown, whole
from territory.files import read_bytes, write_atomically
from territory.interpret import MEAN, Layer, ReplayRecord, imagine, layers_of, overlay, total_variation
from territory.interpret.capture import Chosen
from territory.widgets.base import Answer, Instrument, Real, Whole, bundle
from territory.widgets.looks import RELEVANCE, changes_of, look, relevance_map
from territory.world.actions import INTENSITIES, NUM_ACTIONS, describe
from territory.world.layout import Stat
from territory.world.picture import player_colours
from territory.world.replay import Frame, Replay

Ablation = Sequence[Mapping[str, str]]  # for each network what is "uniform" or "zero" in it; empty: nothing
_LOOK = ("step", "speed", "strength", "palette", "scale", "owners", "stat", "cell", "layers", "heads", "tokens")
_STATS = tuple(stat.name.replace("_", " ").lower() for stat in Stat)
MOST_BYTES = 100_000  # of a copied state: painted maps make it long
_NO_ATTENTION = (
    "No attention that can be read was found in this network, so no weights can be laid over the board. Its policy and "
    "value are real, and the relevance maps below ask any network. A module that computes attention in its own way "
    "can be named: AttentionExplorer(game, network, attention={'name': module})."
)
_TO_READ = (
    "Write it plainly, with F.scaled_dot_product_attention, or name the module that returns its weights: "
    "attention={'name': module}."
)


class AttentionExplorer(Instrument):
    """A game to scrub through, under the attention of one network or of two side by side.

    Everything that the networks compute in the game is captured once, at the start; what-if runs them again on the
    state that the sliders and the brush describe, with heads and gates ablated as chosen. The colour scale of a layer
    is the same for the whole game unless `scale` says otherwise, so two states can be compared.

    Args:
        game: a recorded game; or a live one, anything with ``replay()`` (an environment, a `GamePlayer`): `catch_up`
            takes in what has been played since.
        agent: whose attention to show (an agent, or a network); it need not be the one that played. An agent's policy
            and value are those of its own decoding: with ``views=8`` the average over the turned and mirrored board.
        step: where to begin; by default a third into the game.
        other: a second agent or network, shown beside the first on the same states.
        names: what to call them; by default what the networks call themselves.
        attention: modules of the first network, or their paths, by names for their attention, as `interpret.capture`
            takes them: where it computes attention in a way of its own.
        no_cells: names of the first network's attention whose tokens are no cells of the map, though the explorer
            takes them for some by their number (it says so below the board).
    """

    alt = "attention over a board, the policy as a compass and the value over the game"
    _esm = bundle("explorer.js")
    _css = bundle("explorer.css")
    questions = {"catch_up": "catch_up", "imagine": "_imagine", "relevance": "_relevance"} | {
        "page": "_page_file",
        "picture": "_picture_file",
    }
    # What the controls say; what belongs to a network is a list with one entry for each.
    step = Whole(0, min=0).tag(sync=True)  # of the frames from 0 on
    speed = Whole(10, min=1, max=20).tag(sync=True)  # steps a second while playing
    strength = Real(1.0, min=0, max=1).tag(sync=True)  # 0 what lies behind, 1 the exact colours
    palette = traitlets.Enum(viz.PALETTES, viz.PALETTES[0]).tag(sync=True)
    scale = traitlets.Enum(("game", "moment"), "game").tag(sync=True)  # what the ends of the colours are taken from
    owners = traitlets.Bool(False).tag(sync=True)  # whether owners' colours lie behind the weights, or one grey
    stat = Whole(0, min=0, max=len(Stat) - 1).tag(sync=True)  # that cross-attention is shown for
    cell = traitlets.List(Whole()).tag(sync=True)  # row and column of the chosen tile; empty: none
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    heads = traitlets.List(Whole()).tag(sync=True)  # -1: their mean
    tokens = traitlets.List(Whole(min=MEAN)).tag(sync=True)  # of those that are no cells; -1: their mean, or the cells
    what_if = traitlets.Bool(False).tag(sync=True)
    ablation = traitlets.List(traitlets.Dict()).tag(sync=True)  # {"spatial.1": "uniform", "map_to_stats 0": "zero"}
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
        names: Sequence[str] | None = None,
        attention: Chosen = None,
        no_cells: Collection[str] = (),
    ):
        super().__init__()
        self.agents = [agent] if other is None else [agent, other]
        self._chosen, self._no_cells = [attention, None], [no_cells, ()]
        self._source, self.records, self._imagined, self._imagined_at = game, [], None, 0
        self.names = _names(self.models, names)
        frames = self._frames()
        last = len(frames) - 1
        step = last // 3 if step is None else whole("step", step, 0, last)
        self.records = self._look(frames)
        self.step, self.cell = step, _an_own_tile(frames[step])
        self.layers = [next(iter(record.attention), "") for record in self.records]
        self.heads, self.tokens = [MEAN] * len(self.agents), [MEAN] * len(self.agents)
        self.ablation = [{} for _ in self.agents]
        self.words = _words(len(frames[0].troops), live=not isinstance(game, Replay))
        self._send_game()
        self.observe(self._forget, ["step", "what_if"])

    @property
    def models(self) -> list[Any]:
        """The networks, without the agents around them."""
        return [getattr(agent, "model", agent) for agent in self.agents]

    @property
    def record(self) -> ReplayRecord:
        """What the first network computed over the game."""
        return self.records[0]

    def catch_up(self) -> None:
        """Take in what a live game has played since, and show its last state."""
        frames, known = self._frames(), len(self.record.frames)
        same = (frames[0].terrain == self.record.frames[0].terrain).all() and len(frames) >= known
        if same and len(frames) == known:
            return
        keep = known - 1 if same else 0  # the last known frame had not been acted in yet
        fresh = self._look(frames[keep:])
        self.records = [old.followed_by(new, keep) for old, new in zip(self.records, fresh, strict=True)]
        self.what_if = False
        self._send_game()
        self.step = len(frames) - 1

    def open_state(self, state: str | Path) -> None:
        """Show a state that was copied from an explorer of the same game: its text, or a file that holds it."""
        text: Any = state
        if isinstance(state, Path) or str(state).endswith(".txt"):
            text = read_bytes(state, MOST_BYTES, "copied state").decode("utf-8", "replace")
        if not isinstance(text, str) or "territory-state:" not in text[:MOST_BYTES]:
            raise BadInput(f"expected a copied state, which begins with territory-state:, got {shown(text)}")
        self.send({"state": text})

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        return viz.figure_png(viz.seen_figure([self._view_of(number) for number in range(len(self.agents))]))

    def save_png(self, path: str | Path) -> None:
        """Write the view as a PNG file."""
        write_atomically(path, self.static_png())

    def page(self) -> str:
        """The view as an HTML page that needs neither kernel nor network: everything works but what asks a network."""
        state = {name: getattr(self, name) for name in (*_LOOK, "about", "words")}
        state |= {"what_if": False, "ablation": [{} for _ in self.agents]}
        state["words"] = self.words | {"standalone": True, "live": False}
        parts = {
            "title": "Attention over a game",
            "script": bundle("explorer_page.js"),
            "style": self._css,
            "state": json.dumps(state).replace("<", "\\u003c"),  # so that nothing in it can end the script element
            "game": base64.b64encode(self.game).decode("ascii"),
        }
        return Template(bundle("page.html")).substitute(parts)

    def save_html(self, path: str | Path) -> None:
        """Write `page` as a file."""
        write_atomically(path, self.page().encode())

    def close(self) -> None:
        """End the view, and forget the game."""
        super().close()
        self.records, self._imagined, self._source, self.game = [], None, None, b""

    def _frames(self) -> tuple[Frame, ...]:
        source: Any = self._source
        if not isinstance(source, Replay) and not callable(getattr(source, "replay", None)):
            raise BadInput(
                f"expected a Replay, or a live game (anything with replay()); got {type(source).__name__}. "
                "A file is loaded by Replay.load(path)"
            )
        replay = source if isinstance(source, Replay) else source.replay()
        return tuple(replay.play())

    def _send_game(self) -> None:
        index, data = viz.pack_record(self.records)
        networks = [
            {"name": name, "layers": [*map(asdict, layers_of(record))], "note": _note(record)}
            for name, record in zip(self.names, self.records, strict=True)
        ]
        with self.hold_sync():
            self.about = {"index": index, "networks": networks}
            self.game = zlib.compress(data, 1)

    @traitlets.validate("layers", "heads", "tokens")
    def _check_choices(self, proposal) -> list[Any]:
        trait, chosen = proposal["trait"].name, proposal["value"]
        if len(chosen) != len(self.records):
            raise BadInput(f"{trait} has one entry for each of {len(self.records)} networks; got {shown(chosen)}")
        for each, record in zip(chosen, self.records, strict=True):
            heads = max((weights.shape[1] for weights in record.attention.values() if weights.ndim == 4), default=0)
            if trait == "layers" and record.attention and each not in (*record.attention, *RELEVANCE):
                raise BadInput(f"the network has no layer called {each}; there is {', '.join(record.attention)}")
            if trait == "heads" and each != MEAN and not 0 <= each < heads:
                raise BadInput(f"head is -1 (the mean of all) or one of at most {heads}, from 0; got {each}")
        return chosen

    @traitlets.validate("step")
    def _check_step(self, proposal) -> int:
        return whole("step", proposal["value"], 0, len(self.record.frames) - 1) if self.records else 0

    @traitlets.validate("cell")
    def _check_cell(self, proposal) -> list[int]:
        cell = proposal["value"]
        if cell and self.records:
            height, width = self.record.frames[0].owner.shape
            if len(cell) != 2 or not (0 <= cell[0] < height and 0 <= cell[1] < width):
                raise BadInput(f"cell is row and column of a tile of {height} x {width}, or empty; got {cell}")
        return cell

    def _forget(self, change: Any) -> None:
        if change["name"] != "step" or change["new"] != self._imagined_at:  # played on, it hears of a step later
            self._imagined = None

    def _view_of(self, number: int) -> viz.View:
        record = self.records[number]
        moment, at = (self._imagined[number], 0) if self._imagined else (record, self.step)
        policy, value, over = moment.probabilities[at], float(moment.values[at]), self._overlay(number, moment, at)
        return viz.View(self.names[number], moment.frames[at], policy, record.values, self.step, value, *over)

    def _overlay(self, number: int, moment: ReplayRecord, at: int) -> tuple[np.ndarray | None, dict[str, Any]]:
        """What lies over the board, (h, w), and how `viz.plot_attention` is to draw it."""
        name, frame = self.layers[number], moment.frames[at]
        title, grid, ends = name, None, None
        layer = next((each for each in layers_of(self.records[number]) if each.name == name), None)
        if name in RELEVANCE:
            grid = self._relevance_of(number, name, frame, self.ablation if self._imagined else ())
        elif layer is not None:
            grid, ends = self._grid(number, layer, moment.attention[name][at]), (layer.low, layer.high)
            title += f": {_STATS[self.stat]}" if "stats" in (layer.queries, layer.keys) else ""
        if grid is None:
            return None, {}
        low, high = ends if ends and self.scale == "game" else (float(grid.min()), float(grid.max()))
        look = {"strength": self.strength, "palette": self.palette, "owners": self.owners}
        return grid, {"title": f"{title}, step {frame.step}", "low": low, "high": high, **look}

    def _grid(self, number: int, layer: Layer, weights: np.ndarray) -> np.ndarray | None:
        height, width = self.record.frames[0].owner.shape
        cell = None
        if layer.grid is not None and self.cell:
            cell = self.cell[0] * layer.grid[0] // height, self.cell[1] * layer.grid[1] // width
        head = self.heads[number] if self.heads[number] < max(layer.heads, 1) else MEAN
        return overlay(layer, weights, head, self.stat, cell, self.tokens[number])

    def _page_file(self) -> Answer:
        return {"file": "explorer.html"}, [self.page().encode()]

    def _picture_file(self) -> Answer:
        return {"file": f"explorer-step-{self.step}.png"}, [self.static_png()]

    def _imagined_frame(self, step: int, buffers: Sequence[memoryview]) -> Frame:
        """The frame that the browser describes: a recorded one, with what the buffers change of it."""
        frames = self.record.frames
        frame = frames[whole("step", step, 0, len(frames) - 1)]
        if not buffers:
            return frame
        stats = np.frombuffer(buffers[0], "<f4")
        owner, city, density = (np.frombuffer(each, np.uint8).reshape(frame.owner.shape) for each in buffers[1:])
        return imagine(frame, stats, owner, city, density)

    def _look(self, frames: Sequence[Frame], changes: Sequence[Mapping[str, Any] | None] = (None, None)) -> list:
        no_cells = self.records or self._no_cells  # of these networks it is known by now
        asked = zip(self.agents, changes, self._chosen, no_cells, strict=False)  # there may be no second network
        return [look(agent, frames, cut, chosen, unplaced) for agent, cut, chosen, unplaced in asked]

    def _imagine(self, step: int, ablation: Ablation = (), buffers: Sequence[memoryview] = ()) -> Answer:
        """Run the networks on the state that the browser describes, and send what they make of it."""
        frame, ablation = self._imagined_frame(step, buffers), ablation or [{}] * len(self.agents)
        changes = [changes_of(cut, record.attention) for cut, record in zip(ablation, self.records, strict=True)]
        looks = self._look((frame,), changes)
        moved = [
            f"{name}: {total_variation(look.probabilities[0], record.probabilities[step]):.0%}"
            for name, look, record in zip(self.names, looks, self.records, strict=True)
        ]
        self._imagined, self._imagined_at = looks, step
        index, data = viz.pack_moment(looks)
        return {"index": index, "moved": f"of the policy moved, {', '.join(moved)}"}, [data]

    def _relevance(
        self, network: int, method: str, step: int, ablation: Ablation = (), buffers: Sequence[memoryview] = ()
    ) -> Answer:
        """One of `RELEVANCE` for one network and the state that the browser describes."""
        grid = self._relevance_of(network, method, self._imagined_frame(step, buffers), ablation)
        return {"size": grid.shape}, [grid.astype("<f4").tobytes()]

    def _relevance_of(self, network: int, method: str, frame: Frame, ablation: Ablation) -> np.ndarray:
        model = self.models[network]
        changes = changes_of(ablation[network], self.records[network].attention) if ablation else {}
        with interpret.intervene(model, changes, self._chosen[network]) if changes else nullcontext():
            return relevance_map(model, method, frame)


def _note(record: ReplayRecord) -> str:
    """What a network has no layer for to show."""
    hidden = f"Seen and not read: {interpret.unread_words(record.unread)}. {_TO_READ}" if record.unread else ""
    return hidden if record.attention else f"{_NO_ATTENTION} {hidden}".strip()


def _an_own_tile(frame: Frame) -> list[int]:
    """A tile of the agent's next to the middle of its land, so that no panel is empty; none where it owns nothing."""
    own = np.argwhere(frame.owner == 1)
    if not len(own):
        return []
    return own[np.square(own - own.mean(axis=0)).sum(axis=1).argmin()].tolist()


def _names(models: list[nn.Module], given: Sequence[str] | None) -> list[str]:
    given = [given] if isinstance(given, str) else given
    if given is not None and not lists(given, len(models)):
        raise BadInput(f"expected a name for each of {len(models)} networks; got {shown(given)}")
    names = [str(name) for name in given or (getattr(model, "name", type(model).__name__) for model in models)]
    return [f"{name} {number}" for number, name in enumerate(names, 1)] if len({*names}) < len(names) else names


def _words(players: int, live: bool) -> dict[str, Any]:
    """Names, sentences and colours, in the order of what they describe."""
    return {
        "stats": [(name, viz.STAT_SENTENCES[stat]) for name, stat in zip(_STATS, Stat, strict=True)],
        "shares": [f"{share:.0%}" for share in INTENSITIES],
        "actions": [describe(action) for action in range(NUM_ACTIONS)],
        "players": ["nobody", *(viz.player_name(player) for player in range(1, players))],
        "colours": player_colours()[:players].tolist(),
        "palettes": {name: viz.colour_table(name).tolist() for name in viz.PALETTES},
        "relevance": [*RELEVANCE.items()],
        "live": live,
        "standalone": False,
    }
