"""Attention of many states at once, by layer and head: as maps, as shares of the statistics, and how spread it is."""

from collections.abc import Iterator

import numpy as np

from territory.interpret.layers import Layer, layers_of
from territory.interpret.measures import entropy
from territory.interpret.replays import ReplayRecord


def attention_maps(record: ReplayRecord) -> dict[str, np.ndarray]:
    """What is laid over the map, by name: (T, h, w), a grid of cells for each frame.

    Gates as they are; of a cross-attention that asks the map's cells, each head's weights, meant over the queries.
    One that only asks *from* the cells has none: every cell hands out the same total.
    """
    return {
        _name(layer, head): weights[:, head].mean(axis=1).reshape(len(weights), *layer.grid) if layer.heads else weights
        for layer, weights, head in _heads(record)
        if layer.heads == 0 or layer.keys == "cells"
    }


def stat_shares(record: ReplayRecord) -> dict[str, np.ndarray]:
    """How much each statistic is asked, by head, for cross-attentions over them: (T, 16), each row summing to 1."""
    return {
        _name(layer, head): weights[:, head].mean(axis=1)
        for layer, weights, head in _heads(record)
        if layer.keys == "stats"
    }


def spread(record: ReplayRecord) -> dict[str, np.ndarray]:
    """Entropy of each query's weights over what it could be, log2 of the keys: (T,), 1 is even, 0 a single key.

    By head, meant over the queries; of a gate's grid, as if its gates were weights.
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
