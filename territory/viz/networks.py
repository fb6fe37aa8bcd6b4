"""Pictures of networks: their parts, where parameters, MACs and time go, memory to train, the roofline."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import nn

from territory.errors import BadInput
from territory.guests.call import name_of
from territory.guests.modes import inference
from territory.models.blocks import ConvBlock
from territory.models.cross_attention import CrossAttention
from territory.profiling import Machine, ParameterRecord, PartRecord, RooflineRecord, example_inputs
from territory.viz import style

UNITS = (ConvBlock, CrossAttention, nn.Conv2d, nn.Linear, nn.MultiheadAttention)  # what gets a line of its own
LINE, GAP = 0.2, 0.34  # inches: a line of text, the space between two boxes
ARROWS = ((), (4.15,), (3.2, 5.1))  # where arrows end in a level of no, one or two boxes
BARS = 0.78  # of a row's height, for all its bars together
LARGEST = 900  # points squared, of a layer that takes all the time
NAMED = 0.05  # share of the time from which a layer's name is written beside it


def plot_architecture(model: nn.Module, inputs: tuple[torch.Tensor, ...] | None = None, ax: Axes | None = None) -> Axes:
    """The parts of a network with their layers, parameters, and the shape (without batch) that leaves each.

    Read from the modules and from one forward pass, so the picture can't disagree with the code. Parts named as this
    course names them stand beside each other: the map to the left, the statistics to the right.
    """
    parts = _parts(model, inputs)
    levels = _levels([name for name, *_ in parts])
    boxes = {name: [f"{name} · {count:,} parameters", *rows] for name, count, rows in parts}
    heights = [max(LINE * (len(boxes[name]) + 0.7) for name in level) for level in levels]
    total = sum(heights) + GAP * (len(levels) - 1)
    ax = style.axes(ax, 8.4, total + 0.5)
    top, arrow = total, {"arrowstyle": "->", "color": style.FAINT, "linewidth": 1.2}
    for level, height, below in zip(levels, heights, [*levels[1:], []], strict=True):
        for place, name in enumerate(level):
            left, width = (0.02 + 4.2 * place, 4.05) if len(level) == 2 else (1.6, 5.1)
            _box(ax, left, top, width, height, boxes[name])
            for x in ARROWS[len(below)]:
                start = left + width / 2 if len(level) == 2 else x
                ax.annotate("", (x, top - height - GAP), (start, top - height), arrowprops=arrow)
        top -= height + GAP
    ax.set_xlim(0, 8.4)
    ax.set_ylim(-0.05, total + 0.05)
    count = sum(parameter.numel() for parameter in model.parameters())
    return style.bare(ax, f"{name_of(model)}: {count:,} parameters")


def _box(ax: Axes, left: float, top: float, width: float, height: float, rows: list[str]) -> None:
    look: dict[str, Any] = {"facecolor": "#f3f6f8", "edgecolor": style.FAINT, "linewidth": 1}
    corner = (left, top - height)
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.06", **look))
    for line, row in enumerate(rows):
        weight = "bold" if line == 0 else "normal"
        place = top - LINE * (line + 0.85)
        ax.text(left + 0.1, place, row, fontsize=style.SMALL_SIZE, color=style.TEXT, weight=weight, va="center")


def _levels(names: list[str]) -> list[list[str]]:
    """The parts from top to bottom, two beside each other where the course's names say so."""
    left_of = {"global_branch": "map_branch", "critic": "actor"}
    levels: list[list[str]] = []
    for name in names:
        if name in left_of and levels[-1:] == [[left_of[name]]]:
            levels[-1].append(name)
        else:
            levels.append([name])
    return levels


def _parts(model: nn.Module, inputs: tuple[torch.Tensor, ...] | None) -> list[tuple[str, int, list[str]]]:
    """Name, parameters and lines of each child of the network, in the order in which data passes them."""
    children = dict(model.named_children())
    seen: dict[str, list[str]] = {}
    with ExitStack() as stack:
        for part, child in children.items():
            for module in _units(child) or [child]:
                note = partial(_note, seen.setdefault(part, []))
                stack.enter_context(module.register_forward_hook(note))
        stack.enter_context(inference(model))
        model(*(inputs or example_inputs(1)))
    order = [name for name in ("map_branch", "global_branch") if name in children]
    order += [name for name in children if name not in order]
    return [(name, sum(p.numel() for p in children[name].parameters()), seen.get(name, [])) for name in order]


def _units(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that get a line of their own."""
    if isinstance(module, UNITS):
        return [module]
    return [unit for child in module.children() for unit in _units(child)]


def _note(lines: list[str], module: nn.Module, _inputs: tuple, output: object) -> None:
    first = output[0] if isinstance(output, tuple) else output
    shape = " x ".join(map(str, first.shape[1:])) if isinstance(first, torch.Tensor) else "?"
    lines.append(f"{_words(module)}  →  {shape or '1'}")


def _words(module: nn.Module) -> str:
    if isinstance(module, ConvBlock):
        more = [
            word
            for word, part in (("norm", module.norm), ("gate", module.attention))
            if not isinstance(part, nn.Identity)
        ]
        return ", ".join([_words(module.conv), *more])
    if isinstance(module, nn.Conv2d):
        return f"conv {'x'.join(map(str, module.kernel_size))}, stride {module.stride[0]}"
    if isinstance(module, nn.Linear):
        return f"linear {module.in_features} to {module.out_features}"
    if isinstance(module, CrossAttention):
        return f"attention, {module.heads} head{'s' * (module.heads > 1)}"
    return type(module).__name__


def plot_memory(lines: Mapping[str, tuple[float, float]], largest: int, ax: Axes | None = None) -> Axes:
    """Megabytes to train over the batch, a straight line each: ``{name: (at an empty batch, for each example)}``."""
    ax = style.axes(ax, 6, 3.2)
    batches = np.array([0, largest])
    for colour, (name, (start, slope)) in zip(style.colours_of(lines), lines.items(), strict=True):
        ax.plot(batches, start + slope * batches, color=colour, linewidth=2, label=name)
    style.legend(ax)
    return style.steps(style.tidy(ax, "memory to train", "batch", "MB"))


def plot_parameter_shares(records: Sequence[ParameterRecord | PartRecord], ax: Axes | None = None) -> Axes:
    """One bar per layer (or part), in the network's order, with its parameters and their share of the whole."""
    _refuse_nothing(records)
    ax = style.axes(ax, 7, 0.8 + 0.28 * len(records))
    bars = ax.barh(range(len(records)), [100 * record.share for record in records], color=style.LINE_COLOURS[0])
    told = [f"{record.parameters:,}  ({record.share:.1%})" for record in records]
    ax.bar_label(bars, told, padding=4, fontsize=style.SMALL_SIZE, color=style.TEXT)
    names = [_label(record) for record in records]
    return _rows(ax, names, "parameters by layer", "share of all parameters (%)", room=1.45)


def plot_shares(tables: Mapping[str, Sequence[Any]], ax: Axes | None = None, smallest: float = 0.02) -> Axes:
    """Per layer, its share of one thing above its share of the next: ``{"parameters": parameter_table(...), ...}``.

    Any records with ``part``, ``layer`` and ``share`` will do. Layers whose shares are all below ``smallest`` are drawn
    together as the last row.
    """
    for records in tables.values() or [[]]:
        _refuse_nothing(records)
    shares = _shares(list(tables.values()))
    shown = {name: row for name, row in shares.items() if max(row) >= smallest}
    rest = [row for name, row in shares.items() if name not in shown]
    if rest:
        shown[f"{len(rest)} smaller layers"] = [*map(sum, zip(*rest, strict=True))]
    height = BARS / len(tables)
    ax = style.axes(ax, 7, 1.0 + 0.21 * len(tables) * len(shown))
    for index, name in enumerate(tables):
        at = np.arange(len(shown)) + (index + 0.5) * height - BARS / 2
        values = [100 * row[index] for row in shown.values()]
        bars = ax.barh(at, values, height=height, color=style.line_colour(index), label=name)
        ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=style.SMALL_SIZE, color=style.TEXT)
    style.legend(ax, loc="lower right")
    return _rows(ax, list(shown), ", ".join(tables) + " by layer", "share of the network (%)", room=1.15)


def shares_figure(tables: Mapping[str, Sequence[Any]], title: str) -> Figure:
    """`plot_shares` in one size, outside pyplot: for widgets, which redraw it."""
    figure = style.sheet(7.2, 4.2)
    style.titled(plot_shares(tables, figure.add_subplot()), title)
    return figure


def _shares(tables: Sequence[Sequence[Any]]) -> dict[str, list[float]]:
    """The share of each table by layer; 0 where a table hasn't got the layer."""
    rows: dict[str, list[float]] = {}
    for index, records in enumerate(tables):
        for record in records:
            rows.setdefault(_label(record), [0.0] * len(tables))[index] = record.share
    return rows


def _label(record: Any) -> str:
    layer = getattr(record, "layer", record.part)
    return record.part if layer == record.part else f"{record.part} · {layer}"


def _refuse_nothing(records: Sequence[Any]) -> None:
    if not records:
        raise BadInput("expected records of a table; got none. Has the network no parameters?")


def _rows(ax: Axes, names: list[str], title: str, x: str, room: float) -> Axes:
    """Names beside the rows, first row on top, and so many times the longest bar of room for the labels of the bars."""
    ax.set_xlim(0, room * max(bar.get_width() for bars in ax.containers for bar in bars))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    return style.tidy(ax, title, x, grid="")


def plot_roofline(records: Sequence[RooflineRecord], machine: Machine, ax: Axes | None = None) -> Axes:
    """Each layer at its intensity and its achieved FLOP/s, as large as its time, under the machine's roof."""
    if not records:
        raise BadInput("expected records of a roofline; got none. Does no layer of the network multiply?")
    ax = style.axes(ax, 7, 4.2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _draw_roof(ax, machine, [record.intensity for record in records])
    total = sum(record.seconds for record in records)
    x, y = [record.intensity for record in records], [record.achieved for record in records]
    sizes = [LARGEST * record.seconds / total for record in records]
    ax.scatter(x, y, s=sizes, color=style.LINE_COLOURS[0], alpha=0.7, linewidths=0)
    named = [record for record in records if record.seconds >= NAMED * total]
    for depth, record in enumerate(sorted(named, key=lambda record: record.intensity)):
        _name(ax, record, depth)
    style.tidy(ax, "what bounds each layer", "FLOPs per byte that must be moved", "FLOP/s")
    ax.grid(True, which="major", axis="both", color=style.FAINT, alpha=0.25)
    return ax


def _draw_roof(ax: Axes, machine: Machine, intensities: list[float]) -> None:
    """Memory's slope, arithmetic's ceiling, and the ridge where they meet, over twice the range of the layers."""
    ridge = machine.flops / machine.bandwidth
    x = np.array([min(*intensities, ridge) / 2, ridge, max(*intensities, ridge) * 2])
    ax.plot(x, [machine.roof(each) for each in x], color=style.TEXT, linewidth=1.5)
    words = {"color": style.TEXT, "fontsize": style.SMALL_SIZE, "textcoords": "offset points", "ha": "left"}
    ax.annotate("arithmetic", (ridge, machine.flops), xytext=(4, 5), **words)
    ax.annotate("memory", (x[0], machine.roof(x[0])), xytext=(0, 30), **words)


def _name(ax: Axes, record: RooflineRecord, depth: int) -> None:
    """Below the dot and led to it, each name deeper than the one before, so that none lies on another."""
    ax.annotate(
        _label(record),
        (record.intensity, record.achieved),
        xytext=(0, -28 - 16 * depth),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=style.SMALL_SIZE,
        color=style.TEXT,
        arrowprops={"arrowstyle": "-", "color": style.FAINT, "linewidth": 0.8},
    )
