"""Pictures of networks: their parts, where parameters, MACs and time go, memory to train, the roofline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import nn

from territory.errors import BadInput
from territory.guests.call import Inputs, name_of, paths_of, shape_of
from territory.guests.contents import tensors_of
from territory.guests.modes import slow_path, untouched
from territory.guests.owners import Owners
from territory.models.blocks import ConvBlock
from territory.models.cross_attention import CrossAttention
from territory.profiling import Machine, ParameterRecord, PartRecord, RooflineRecord, part_table
from territory.profiling.inputs import names_of, prepare
from territory.viz import style

UNITS = (ConvBlock, CrossAttention, nn.MultiheadAttention)  # what gets a line of its own, whatever it is made of
MOST = 16  # lines of a part
LINE, GAP = 0.2, 0.34  # inches: a line of text, the space between two boxes
ARROWS = ((), (4.15,), (3.2, 5.1))  # where arrows end in a level of no, one or two boxes
BARS = 0.78  # of a row's height, for all its bars together
LARGEST = 900  # points squared, of a layer that takes all the time
NAMED, NAMES = 0.05, 8  # share of the time from which a layer's name is written beside it; names at most
LETTER = 5.0  # points: a letter's width


def plot_architecture(model: nn.Module, inputs: Inputs = None, ax: Axes | None = None) -> Axes:
    """The parts of any network with their layers, parameters, and the shape (without batch) that leaves each.

    Read from the modules and from one forward pass, so the picture can't disagree with the code; ``inputs`` are what
    the profilers take, by default a blank observation. Parts named as this course names them stand beside each other:
    the map to the left, the statistics to the right. Raises BadInput where the network can't be called or watched.
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
    count = sum(count for _, count, _ in parts)
    return style.bare(ax, f"{name_of(model)}: {count:,} parameters")


def _box(ax: Axes, left: float, top: float, width: float, height: float, rows: list[str]) -> None:
    look: dict[str, Any] = {"facecolor": "#f3f6f8", "edgecolor": style.FAINT, "linewidth": 1}
    corner = (left, top - height)
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.06", **look))
    for line, row in enumerate(rows):
        weight = "bold" if line == 0 else "normal"
        place = top - LINE * (line + 0.85)
        ax.text(left + 0.1, place, row, **style.SMALL, weight=weight, va="center")


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


def _parts(model: nn.Module, inputs: Inputs) -> list[tuple[str, int, list[str]]]:
    """Name, parameters and lines of each part of the network, in the order in which data passes them.

    Weights that the network holds itself are a part too.
    """
    call = prepare(model, inputs)
    counts = {record.part: record.parameters for record in part_table(model)}
    names, paths = names_of(model), paths_of(model)
    part_of = {module: names[path][0] for module, path in paths.items()}
    roots: dict[str, nn.Module] = {}
    for module, path in paths.items():
        if path or len(paths) == 1:
            roots.setdefault(part_of[module], module)
    units = {unit for root in roots.values() for unit in _units(root) or [root]}
    lines: dict[str, list[str]] = {part: [] for part in counts if part not in roots}
    lines.update((part, []) for part in roots)
    for name, weight in model.named_parameters(recurse=False):
        lines[part_of[model]].append(f"{name}  {_size(weight.shape)}")
    batch = next((tensor.shape[0] for tensor in call.tensors if tensor.dim() > 1), None)

    def note(_path: str, module: nn.Module, _args: tuple, _kwargs: dict, output: object) -> None:
        if module in units:
            shape = next((shape_of(tensor) for tensor in tensors_of(output)), None)
            lines[part_of[module]].append(f"{_words(module)}  →  {_size(shape, batch)}")

    with untouched(call), slow_path(), torch.enable_grad(), Owners(model, left=note).watching():
        call.training(False)
        call()
    order = dict.fromkeys(part for part in ("map_branch", "global_branch", *lines) if part in lines)
    return [(part, counts.get(part, 0), _shortened(lines[part])) for part in order]


def _size(shape: Sequence[int] | None, batch: int | None = None) -> str:
    """Without the batch, where it comes first."""
    if shape is None:
        return "?"
    return " x ".join(map(str, shape[1:] if batch is not None and shape[:1] == (batch,) else shape)) or "1"


def _shortened(lines: Sequence[str]) -> list[str]:
    """What comes again and again told once, and no more lines than a box should have."""
    told: list[str] = []
    rest = list(lines)
    while rest:
        repeated = [(length * times, length) for length in range(1, MOST) if (times := _times(rest, length)) > 1]
        covered, length = max(repeated, key=lambda each: (each[0], -each[1]), default=(1, 1))
        block, times = rest[:length], covered // length
        if len(block) > 1:
            told += [f"{times} times:", *(f"    {line}" for line in block)]
        else:
            told += [f"{block[0]}, {times} times" if times > 1 else block[0]]
        rest = rest[covered:]
    return told if len(told) <= MOST else [*told[: MOST - 1], f"… and {len(told) - MOST + 1} more"]


def _times(lines: Sequence[str], length: int) -> int:
    """How often the first so many lines come, one time after the other."""
    times = 1
    while lines[times * length : (times + 1) * length] == lines[:length]:
        times += 1
    return times


def _units(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that get a line of their own: those named here, and whatever holds a matrix."""
    matrix = any(weight is not None and weight.dim() > 1 for weight in module._parameters.values())
    if isinstance(module, UNITS) or (matrix and not module._modules):
        return [module]
    return [unit for child in module.children() for unit in _units(child)]


def _words(module: nn.Module) -> str:
    if isinstance(module, ConvBlock):
        more = [
            word
            for word, part in (("norm", module.norm), ("gate", module.attention))
            if not isinstance(part, nn.Identity)
        ]
        return ", ".join([_words(module.conv), *more])
    if isinstance(module, nn.modules.conv._ConvNd):
        back = "transposed " * module.transposed
        return f"{back}conv {'x'.join(map(str, module.kernel_size))}, stride {module.stride[0]}"
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
    ax.bar_label(bars, told, padding=4, **style.SMALL)
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
        ax.bar_label(bars, fmt="%.1f", padding=3, **style.SMALL)
    last = max(max(row) for row in list(shown.values())[-3:])
    style.legend(ax, loc="lower right" if 2 * last < max(map(max, shown.values())) else "best")
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
    style.tidy(ax, "what bounds each layer", "FLOPs per byte that must be moved", "FLOP/s")
    ax.grid(True, which="major", axis="both", color=style.FAINT, alpha=0.25)
    ax.set_ylim(bottom=min(y) / 10)  # room for names
    figure: Any = ax.figure.figure
    figure.draw_without_rendering()  # lays it out: now dots are where they will be
    named = sorted((r for r in records if r.seconds >= NAMED * total), key=lambda r: r.seconds)[-NAMES:]
    taken: list[tuple[float, float, float]] = []
    for record in sorted(named, key=lambda record: record.intensity):
        taken.append(_name(ax, record, taken))
    return ax


def _draw_roof(ax: Axes, machine: Machine, intensities: list[float]) -> None:
    """Memory's slope, arithmetic's ceiling, and the ridge where they meet, over twice the range of the layers."""
    ridge = machine.flops / machine.bandwidth
    x = np.array([min(*intensities, ridge) / 2, ridge, max(*intensities, ridge) * 2])
    ax.plot(x, [machine.roof(each) for each in x], color=style.TEXT, linewidth=1.5)
    for word, at, beside in (("arithmetic", ridge, (4, 5)), ("memory", x[0], (0, 30))):
        ax.annotate(word, (at, machine.roof(at)), beside, textcoords="offset points", ha="left", **style.SMALL)


def _name(ax: Axes, record: RooflineRecord, taken: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Below the dot and led to it, where no other name is taken to lie; where it lies: x, y and width in points."""
    dot = ax.transData.transform((record.intensity, record.achieved)) * 72 / ax.figure.dpi
    x, top, width = dot[0], dot[1] - 28, LETTER * len(_label(record))
    beside = [y for other, y, its in taken if abs(x - other) < (width + its) / 2]
    while any(abs(top - y) < 16 for y in beside):
        top -= 4
    place = {"xytext": (0, top - dot[1]), "textcoords": "offset points", "ha": "center", "va": "top"}
    line = {"arrowstyle": "-", "color": style.FAINT, "linewidth": 0.8}
    ax.annotate(_label(record), (record.intensity, record.achieved), **place, arrowprops=line, **style.SMALL)
    return x, top, width
