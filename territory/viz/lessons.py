"""Pictures that notebooks explain with: an architecture, growth by troop ratio, memory by batch, seeds apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.pyplot import figure as new_figure
from torch import nn

from territory.errors import BadInput
from territory.models.blocks import ConvBlock
from territory.models.cross_attention import CrossAttention
from territory.models.modes import evaluation_mode
from territory.profiling import example_inputs
from territory.stats import interquartile_mean
from territory.viz import curves, style
from territory.world import rules

UNITS = (ConvBlock, CrossAttention, nn.Conv2d, nn.Linear, nn.MultiheadAttention)  # what gets a line of its own
LINE, GAP = 0.2, 0.34  # inches: a line of text, the space between two boxes
MIDDLE = 4.15


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
    top = total
    for depth, (level, height) in enumerate(zip(levels, heights, strict=True)):
        for place, name in enumerate(level):
            left, width = (0.02 + 4.2 * place, 4.05) if len(level) == 2 else (1.6, 5.1)
            _box(ax, left, top, width, height, boxes[name])
            for x in _centres(levels[depth + 1]) if depth + 1 < len(levels) else ():
                start = left + width / 2 if len(level) == 2 else x if len(levels[depth + 1]) == 2 else MIDDLE
                arrow = {"arrowstyle": "->", "color": style.FAINT, "linewidth": 1.2}
                ax.annotate("", (x, top - height - GAP), (start, top - height), arrowprops=arrow)
        top -= height + GAP
    ax.set_xlim(0, 8.4)
    ax.set_ylim(-0.05, total + 0.05)
    count = sum(parameter.numel() for parameter in model.parameters())
    return style.bare(ax, f"{getattr(model, 'name', type(model).__name__)}: {count:,} parameters")


def _centres(level: list[str]) -> tuple[float, ...]:
    """Where arrows into a level end."""
    return (MIDDLE,) if len(level) == 1 else (3.2, 5.1)


def _box(ax: Axes, left: float, top: float, width: float, height: float, rows: list[str]) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (left, top - height),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="#f3f6f8",
            edgecolor=style.FAINT,
            linewidth=1,
        )
    )
    for line, row in enumerate(rows):
        weight = "bold" if line == 0 else "normal"
        place = top - LINE * (line + 0.85)
        ax.text(left + 0.1, place, row, fontsize=style.SMALL_SIZE, color=style.TEXT, weight=weight, va="center")


def _levels(names: list[str]) -> list[list[str]]:
    """The parts from top to bottom, two beside each other where the course's names say so."""
    pairs = (("map_branch", "global_branch"), ("actor", "critic"))
    levels: list[list[str]] = []
    for name in names:
        partner = next((first for first, second in pairs if name == second and first in names), None)
        if partner and levels and levels[-1] == [partner]:
            levels[-1].append(name)
        else:
            levels.append([name])
    return levels


def _parts(model: nn.Module, inputs: tuple[torch.Tensor, ...] | None) -> list[tuple[str, int, list[str]]]:
    """Name, parameters and lines of each child of the network, in the order in which data passes them."""
    children = dict(model.named_children())
    seen: dict[str, list[str]] = {}
    handles = []
    for part, child in children.items():
        for module in _units(child) or [child]:
            handles.append(module.register_forward_hook(_note(seen.setdefault(part, []), module)))
    try:
        with torch.inference_mode(), evaluation_mode(model):
            model(*(inputs or example_inputs(1)))
    finally:
        for handle in handles:
            handle.remove()
    order = [name for name in ("map_branch", "global_branch") if name in children]
    order += [name for name in children if name not in order]
    return [(name, sum(p.numel() for p in children[name].parameters()), seen.get(name, [])) for name in order]


def _units(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that get a line of their own."""
    if isinstance(module, UNITS):
        return [module]
    return [unit for child in module.children() for unit in _units(child)]


def _note(lines: list[str], module: nn.Module):
    def hook(_module: nn.Module, _inputs: tuple, output: object) -> None:
        first = output[0] if isinstance(output, tuple) else output
        shape = " x ".join(map(str, first.shape[1:])) if isinstance(first, torch.Tensor) else "?"
        lines.append(f"{_words(module)}  →  {shape or '1'}")

    return hook


def _words(module: nn.Module) -> str:
    if isinstance(module, ConvBlock):
        more = [word for word, part in (("norm", module.norm), ("gate", module.attention)) if not _passes(part)]
        return ", ".join([_words(module.conv), *more])
    if isinstance(module, nn.Conv2d):
        return f"conv {'x'.join(map(str, module.kernel_size))}, stride {module.stride[0]}"
    if isinstance(module, nn.Linear):
        return f"linear {module.in_features} to {module.out_features}"
    if isinstance(module, CrossAttention):
        return f"attention, {module.heads} head{'s' * (module.heads > 1)}"
    return type(module).__name__


def _passes(module: nn.Module) -> bool:
    return isinstance(module, nn.Identity)


def plot_growth(measured: Mapping[str, float], tiles: int = 1000, ax: Axes | None = None) -> Axes:
    """Troop growth per tick over the troop ratio, with a line where each player was measured (its median ratio)."""
    ax = style.axes(ax, 6.6, 3.2)
    cap = float(rules.troop_cap(tiles=tiles, cities=0, kind="human"))
    ratios = np.linspace(0, 1, 201)
    growth = np.array([float(rules.troop_growth(ratio * cap, cap, kind="human")) for ratio in ratios])
    ax.plot(ratios, growth, color=style.TEXT, linewidth=1.8)
    colours = dict(zip(measured, curves.colours_of(measured), strict=False))
    low = high = 0
    for name, ratio in sorted(measured.items(), key=lambda pair: pair[1]):
        height = float(np.interp(ratio, ratios, growth))
        ax.plot([ratio], [height], "o", color=colours[name], markersize=7)
        if height < 0.2 * growth.max():  # near the axis names stand on top of each other
            above, low = 7 + 13 * low, low + 1
        else:  # below the curve and above it in turn
            above, high = (7 if high % 2 else -14), high + 1
        ax.annotate(
            f"{name} {ratio:.1%}", (ratio, height), xytext=(8, above), textcoords="offset points",
            fontsize=style.SMALL_SIZE, color=colours[name],
        )  # fmt: skip
    ax.set_ylim(0, 1.35 * growth.max())
    ax.set_xlim(-0.01, 1.05)
    return style.tidy(ax, f"growth on {tiles:,} tiles", "troop ratio: troops over cap", "troops per tick")


def plot_memory(lines: Mapping[str, tuple[float, float]], largest: int, ax: Axes | None = None) -> Axes:
    """Megabytes to train over the batch, a straight line each: ``{name: (at an empty batch, for each example)}``."""
    ax = style.axes(ax, 6, 3.2)
    batches = np.array([0, largest])
    for colour, (name, (start, slope)) in zip(curves.colours_of(lines), lines.items(), strict=False):
        ax.plot(batches, start + slope * batches, color=colour, linewidth=2, label=name)
    ax.legend(frameon=False, fontsize=style.SMALL_SIZE)
    return style.steps(style.tidy(ax, "memory to train", "batch", "MB"))


def plot_seed_panels(
    runs: Mapping[str, Sequence[Sequence[tuple[float, float]]]], goal: float | None = None, label: str = ""
) -> Figure:
    """A panel for each name: its seeds thin, their interquartile mean thick, the other names' means in grey.

    A curve is pairs of step and value; the curves of one name have the same steps.
    """
    if not runs:
        raise BadInput("expected curves by name; got none")
    columns = min(4, len(runs))
    rows = -(-len(runs) // columns)
    sheet = new_figure(figsize=(2.9 * columns, 2.1 * rows + 0.4), facecolor=style.PAPER, layout="constrained")
    panels = sheet.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    means = {name: _mean_curve(seeds) for name, seeds in runs.items()}
    for ax, colour, (name, seeds) in zip(panels, curves.colours_of(runs), runs.items(), strict=False):
        for other in means:
            ax.plot(*means[other], color=style.FAINT, linewidth=1, alpha=0.45)
        for seed in seeds:
            ax.plot(*np.array(seed, float).T, color=colour, linewidth=0.9, alpha=0.55)
        ax.plot(*means[name], color=colour, linewidth=2.4)
        if goal is not None:
            ax.axhline(goal, color=style.FAINT, linestyle="--", linewidth=1)
        style.steps(style.tidy(ax, name, "environment steps"), 4)
    for place, ax in enumerate(sheet.axes):
        ax.set_visible(place < len(runs))
        ax.tick_params(labelbottom=place + columns >= len(runs))  # nothing stands below it
        if place + columns < len(runs):
            ax.set_xlabel("")
    sheet.axes[0].set_ylabel(label, fontsize=style.LABEL_SIZE, color=style.TEXT)
    return sheet


def _mean_curve(seeds: Sequence[Sequence[tuple[float, float]]]) -> tuple[np.ndarray, np.ndarray]:
    steps, values = np.moveaxis(np.array(seeds, float), 2, 0)
    return steps[0], interquartile_mean(values)
