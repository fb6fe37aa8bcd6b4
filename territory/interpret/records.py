"""What a network computed over a whole recorded game, and its attention layer by layer and head by head.

A gate says how open each cell of a grid is. A cross-attention has queries and keys; each side is the map's cells, the
statistics, or one vector. Where one side is the cells, a grid of weights can be cut out of it and laid over the map.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.guests.call import check_model, device_of, explained
from territory.guests.modes import inference
from territory.interpret.capture import Chosen, Record, capture
from territory.interpret.measures import entropy
from territory.models.policy import checked_output, masked_softmax
from territory.world.layout import NUM_STATS
from territory.world.replay import Frame, Replay

BATCH = 64  # frames that go through the network together


@dataclass(frozen=True)
class ReplayRecord:
    """A whole game as a network saw it: T frames, and what it computed at each."""

    frames: tuple[Frame, ...]
    probabilities: np.ndarray  # float32 (T, 90), 0 where masked
    values: np.ndarray  # float32 (T,)
    attention: dict[str, np.ndarray]  # float32 (T, h, w) or (T, heads, Tq, Tk), by name
    windowed: frozenset[str] = frozenset()  # of these, weights over parts of the map, see `capture`
    no_cells: frozenset[str] = frozenset()  # and those that somebody said are of no cells
    unread: tuple[tuple[str, str], ...] = ()  # modules whose attention can't be read, and where it hides

    def followed_by(self, more: "ReplayRecord", keep: int) -> "ReplayRecord":
        """The first ``keep`` frames of this record, and then those of another of the same network and map."""
        attention = {
            name: np.concatenate([weights[:keep], more.attention[name]]) for name, weights in self.attention.items()
        }
        return replace(
            self,
            frames=self.frames[:keep] + more.frames,
            probabilities=np.concatenate([self.probabilities[:keep], more.probabilities]),
            values=np.concatenate([self.values[:keep], more.values]),
            attention=attention,
        )


def capture_replay(model: nn.Module, replay: Replay, attention: Chosen = None) -> ReplayRecord:
    """Play a replay again and run the network, in evaluation mode, on every frame of it."""
    return capture_frames(model, tuple(replay.play()), attention)


def capture_frames(
    model: nn.Module, frames: Sequence[Frame], attention: Chosen = None, no_cells: Collection[str] | ReplayRecord = ()
) -> ReplayRecord:
    """Run the network, in evaluation mode, on some frames: one or more, of one game or not.

    Any network that takes maps uint8 (B, 5, H, W) and statistics (B, 16) and gives logits (B, 90) and values (B,).
    ``attention`` names modules of it whose attention `capture` doesn't find by itself, ``no_cells`` what was captured
    of tokens that are no cells of the map, though as many as cells could be; a record of the same network: as there.
    """
    check_model(model)
    frames = tuple(frames)
    if not frames:
        raise BadInput("expected one frame or more; got none")
    with inference(model):
        runs = [_run(model, frames[start : start + BATCH], attention) for start in range(0, len(frames), BATCH)]
        if any(len(weights) != len(values) for _, values, record in runs for weights in record.values()):
            # made of parameters alone, or of one frame: the network goes through them by itself
            runs = [_run(model, (frame,), attention) for frame in frames]
    probabilities, values, records = zip(*runs, strict=True)
    joined = {name: np.concatenate([record[name].float().cpu().numpy() for record in records]) for name in records[0]}
    windowed = frozenset().union(*(record.windowed for record in records))
    known = isinstance(no_cells, ReplayRecord)  # or an ablated layer would be one that no map changes
    no_cells = no_cells.no_cells if isinstance(no_cells, ReplayRecord) else no_cells
    if isinstance(no_cells, str) or not {*no_cells} <= {*joined}:
        have = ", ".join(joined) or "no attention that can be read"
        raise BadInput(f"no_cells: expected a list of names of captured attention; got {no_cells!r}; there is {have}")
    named = frozenset(no_cells) | (frozenset() if known else _of_no_map(model, frames[:1], attention, joined))
    policy, value, unread = np.concatenate(probabilities), np.concatenate(values), (*records[0].unread.items(),)
    return ReplayRecord(frames, policy, value, joined, windowed, named, unread)


def _of_no_map(
    model: nn.Module, frame: Sequence[Frame], attention: Chosen, found: Mapping[str, np.ndarray]
) -> frozenset[str]:
    """Weights of a guest's 16 tokens that any map leaves as they are: those are the statistics, and not 4 x 4 cells."""
    sizes = {NUM_STATS, NUM_STATS + 1}  # perhaps behind a class token
    doubtful = [name for name, each in found.items() if sizes & {*each.shape[2:]} and not name.startswith("cross.")]
    if not doubtful:
        return frozenset()
    noise = np.random.default_rng(0).integers(0, 256, frame[0].obs["map"].shape, np.uint8)
    other = [replace(each, obs={**each.obs, "map": noise}) for each in frame]
    with inference(model):
        here, there = (_run(model, each, attention)[2] for each in (frame, other))
    return frozenset(name for name in doubtful if torch.equal(here[name], there[name]))


def _run(model: nn.Module, frames: Sequence[Frame], chosen: Chosen) -> tuple[np.ndarray, np.ndarray, Record]:
    maps, stats, masks = to_tensors(frames, device_of(model))
    with capture(model, chosen) as record:
        logits, values = logits_and_value(model, maps, stats)
    return masked_softmax(logits, masks).cpu().numpy(), values.float().cpu().numpy(), record


def logits_and_value(model: nn.Module, maps: Tensor, stats: Tensor) -> tuple[Tensor, Tensor]:
    """What a network gives for ``maps`` (B, 5, H, W) and ``stats`` (B, 16): (B, 90) and (B,).

    Raises BadInput where it gives something else, or nothing: its own error, and the layer that it arose in.
    """
    with explained(model, (maps, stats), "cannot take maps and statistics of shapes"):
        output = model(maps, stats)
    return checked_output(output, len(maps))


def to_tensors(
    frames: Sequence[Frame], device: torch.device | str = "cpu", planes: np.ndarray | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Maps uint8 (B, 5, H, W), statistics float32 (B, 16) and masks bool (B, 90) of some frames; ``planes``: other
    maps for them."""
    arrays = (
        np.stack([frame.obs["map"] for frame in frames]) if planes is None else planes,
        np.stack([frame.obs["global"] for frame in frames]),
        np.stack([frame.mask for frame in frames]),
    )
    maps, stats, masks = (torch.from_numpy(array).to(device) for array in arrays)
    return maps, stats, masks


MEAN = -1  # instead of a head: the mean over all of them


@dataclass(frozen=True)
class Layer:
    """One captured layer; sides are "cells", "stats", "one", "windows" or "other" (a gate has no sides).

    Tokens that are the map's cells and one more (a class token, as vision transformers have it) are "cells" too, with
    that token first: ``extra`` is 1. ``others``: how many tokens there are beside cells that a grid can be of, queries
    that read the cells (that class token too), or keys that the cells read; 0 where they are the statistics.
    """

    name: str
    heads: int  # 0: a gate
    queries: str
    keys: str
    grid: tuple[int, int] | None  # cells from north to south and from west to east; None: no grid to show
    low: float
    high: float  # the least and the greatest weight in the whole record
    extra: int = 0  # tokens before those of the cells
    others: int = 0
    guess: str = ""  # what tokens of a guest's network were taken for, by their number alone

    def cells(self, weights: np.ndarray) -> np.ndarray:
        """Weights (..., queries, keys) without the tokens that come before cells, unless they ask cells."""
        if self.keys == "cells":
            return weights[..., self.extra :]
        return weights[..., self.extra :, :] if self.queries == "cells" else weights


def layers_of(record: ReplayRecord) -> tuple[Layer, ...]:
    """Every layer of a record, in the order of the network."""
    height, width = record.frames[0].owner.shape
    unplaced = dict.fromkeys(record.no_cells, "other") | dict.fromkeys(record.windowed, "windows")
    return tuple(_layer(name, weights, height, width, unplaced.get(name)) for name, weights in record.attention.items())


def _layer(name: str, weights: np.ndarray, height: int, width: int, unplaced: str | None) -> Layer:
    low, high = float(weights.min()), float(weights.max())
    if weights.ndim == 3:
        return Layer(name, 0, "", "", weights.shape[1:], low, high)
    heads, *sizes = weights.shape[1:]
    if unplaced:  # where windows lie on the map, nobody can see
        return Layer(name, heads, unplaced, unplaced, None, low, high)
    labels = name.removeprefix("cross.").split("_to_") if "_to_" in name else ("", "")
    most = max(sizes)  # of the cells, and so perhaps one more
    extra = int(_grid(most, height, width) is None and most - 1 not in sizes)
    grids = [_grid(size - extra, height, width) for size in sizes]
    sides = [_side(label, size, grid) for label, size, grid in zip(labels, sizes, grids, strict=True)]
    if sides == ["cells", "cells"] and sizes[0] != sizes[1]:
        sides[sizes.index(min(sizes))] = "other"  # the map has more cells than anything made of it
    grid = next((grid for side, grid in zip(sides, grids, strict=True) if side == "cells"), None)
    queries, keys = sides
    if grid is None:
        return Layer(name, heads, queries, keys, None, low, high)
    beside = [size for side, size in zip(sides, sizes, strict=True) if side not in ("cells", "stats")]
    guess = ""
    if not name.startswith("cross."):
        taken = f"{grid[0]} x {grid[1]} cells" + " behind a class token" * extra
        guess = f"Its {most} tokens are taken for {taken}; if they are something else: no_cells=[{name!r}]."
    return Layer(name, heads, queries, keys, grid, low, high, extra, sum(beside) if queries != keys else extra, guess)


def _grid(cells: int, height: int, width: int) -> tuple[int, int] | None:
    """Rows and columns of square cells that cover the map, if so many can; one alone is no grid."""
    if cells < 2:
        return None
    side = max(1, round((height * width / cells) ** 0.5))  # in tiles
    rows, columns = height // side, width // side
    fits = rows * columns == cells and rows * side == height and columns * side == width
    return (rows, columns) if fits else None


def _side(label: str, size: int, grid: tuple[int, int] | None) -> str:
    """Names decide where a size could mean both."""
    if size == 1:
        return "one"
    if size == NUM_STATS and (grid is None or label.startswith(("stat", "global"))):
        return "stats"
    return "other" if grid is None else "cells"


def overlay(
    layer: Layer,
    weights: np.ndarray,
    head: int = MEAN,
    stat: int = 0,
    cell: tuple[int, int] | None = None,
    token: int = MEAN,
) -> np.ndarray | None:
    """The weights of one state as a grid over the map, (h, w); None where this layer has no grid to show.

    Args:
        weights: (h, w) of a gate, or (heads, queries, keys).
        head: which one, or MEAN.
        stat: if the other side is the statistics, which of the 16.
        cell: if both sides are cells, row and column of the query; None: the mean of all of them.
        token: if there are ``others``, which of them reads or is read, the last if there are fewer; MEAN: the mean of
            those that read, but cells where they read too; of keys the first.
    """
    if layer.heads == 0 or layer.grid is None:
        return weights if layer.heads == 0 else None
    shares = layer.cells(weights.mean(axis=0) if head == MEAN else weights[head])
    chosen = stat if "stats" in (layer.queries, layer.keys) else min(token, layer.others - 1)
    if layer.keys != "cells":
        grid = shares[:, max(chosen, 0)]
    elif chosen >= 0:
        grid = shares[chosen]
    elif layer.queries == "cells":
        cells = shares[layer.extra :]
        grid = cells.mean(axis=0) if cell is None else cells[cell[0] * layer.grid[1] + cell[1]]
    else:
        grid = shares.mean(axis=0)
    return grid.reshape(layer.grid)


def attention_maps(record: ReplayRecord) -> dict[str, np.ndarray]:
    """What is laid over the map, by name: (T, h, w), a grid of cells for each frame.

    Gates as they are; of a cross-attention whose keys are the map's cells, each head's weights averaged over the
    queries. One with the cells as queries alone has none: the weights of every cell sum to 1.
    """
    found = {}
    for layer, weights, head in _heads(record):
        if layer.heads == 0:
            found[_name(layer, head)] = weights
        elif layer.keys == "cells" and layer.grid is not None:
            cells = weights[:, head].mean(axis=1)[:, layer.extra :]
            found[_name(layer, head)] = cells.reshape(len(weights), *layer.grid)
    return found


def stat_shares(record: ReplayRecord) -> dict[str, np.ndarray]:
    """How much attention each statistic gets, by head: (T, 16), each row summing to 1."""
    return {
        _name(layer, head): weights[:, head].mean(axis=1)
        for layer, weights, head in _heads(record)
        if layer.keys == "stats"
    }


def spread(record: ReplayRecord) -> dict[str, np.ndarray]:
    """Entropy of each query's weights over what it could be, log2 of the keys: (T,), 1 is uniform, 0 a single key.

    By head, averaged over the queries; of a gate's grid, as if its gates were weights.
    """
    found = {}
    for layer, weights, head in _heads(record):
        rows = weights[:, head] if layer.heads else weights.reshape(len(weights), 1, -1)
        most = np.log2(rows.shape[-1])
        found[_name(layer, head)] = entropy(rows).mean(axis=1) / most if most else np.zeros(len(rows))
    return found


def _heads(record: ReplayRecord) -> Iterator[tuple[Layer, np.ndarray, int]]:
    for layer in layers_of(record):
        for head in range(max(1, layer.heads)):
            yield layer, record.attention[layer.name], head


def _name(layer: Layer, head: int) -> str:
    name = layer.name.removeprefix("cross.")
    return f"{name} {head + 1}" if layer.heads > 1 else name
