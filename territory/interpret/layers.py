"""What a captured layer looks from and at, so that its weights can be laid over the map.

A gate says how open each cell of a grid is. A cross-attention has queries and keys; each side is the map's cells, the
statistics, or one vector. Where one side is the cells, a grid of weights can be cut out of it.
"""

from dataclasses import dataclass

import numpy as np

from territory.interpret.replays import ReplayRecord
from territory.world.layout import NUM_STATS

MEAN = -1  # instead of a head: the mean over all of them


@dataclass(frozen=True)
class Layer:
    """One captured layer; sides are "cells", "stats", "one" or "other" (a gate has no sides)."""

    name: str
    heads: int  # 0: a gate
    queries: str
    keys: str
    grid: tuple[int, int] | None  # cells from north to south and from west to east; None: no grid to show
    low: float
    high: float  # the least and the greatest weight in the whole record


def layers_of(record: ReplayRecord) -> tuple[Layer, ...]:
    """Every layer of a record, in the order of the network."""
    height, width = record.frames[0].owner.shape
    return tuple(_layer(name, weights, height, width) for name, weights in record.attention.items())


def _layer(name: str, weights: np.ndarray, height: int, width: int) -> Layer:
    low, high = float(weights.min()), float(weights.max())
    if weights.ndim == 3:
        return Layer(name, 0, "", "", weights.shape[1:], low, high)
    heads, *sizes = weights.shape[1:]
    labels = name.removeprefix("cross.").split("_to_") if "_to_" in name else ("", "")
    grids = [_grid(size, height, width) for size in sizes]
    sides = [_side(label, size, grid) for label, size, grid in zip(labels, sizes, grids, strict=True)]
    grid = next((grid for side, grid in zip(sides, grids, strict=True) if side == "cells"), None)
    return Layer(name, heads, *sides, grid, low, high)


def _grid(cells: int, height: int, width: int) -> tuple[int, int] | None:
    """Rows and columns of square cells that cover the map, if so many can."""
    side = (height * width / cells) ** 0.5
    rows, columns = round(height / side), round(width / side)
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
    layer: Layer, weights: np.ndarray, head: int = MEAN, stat: int = 0, cell: tuple[int, int] | None = None
) -> np.ndarray | None:
    """The weights of one state as a grid over the map, (h, w); None where this layer has no grid to show.

    Args:
        weights: (h, w) of a gate, or (heads, queries, keys).
        head: which one, or MEAN.
        stat: if the other side is the statistics, which of the 16.
        cell: if both sides are cells, row and column of the one that asks; None: the mean of all of them.
    """
    if layer.heads == 0 or layer.grid is None:
        return weights if layer.heads == 0 else None
    shares = weights.mean(axis=0) if head == MEAN else weights[head]
    match layer.queries, layer.keys:
        case "cells", "stats":
            grid = shares[:, stat]
        case "stats", "cells":
            grid = shares[stat]
        case "cells", "cells":
            grid = shares.mean(axis=0) if cell is None else shares[cell[0] * layer.grid[1] + cell[1]]
        case _:
            return None
    return grid.reshape(layer.grid)
