"""The board, what a network is given of it, what lies over it, and pictures as PNG bytes."""

import io
import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from territory.errors import BadInput
from territory.interpret import to_tiles
from territory.viz import style
from territory.world import picture as pixels
from territory.world.actions import NUM_DIRECTIONS, Direction
from territory.world.layout import NUM_PLANES, Plane
from territory.world.replay import Frame
from territory.world.world import AGENT

COLUMNS = 4  # of `plot_relevance`
GREY = (128, 128, 128)  # behind weights: one everywhere, so that one weight is one colour
PLANE_NAMES = {
    Plane.OWN: "own land",
    Plane.ENEMY: "enemy land",
    Plane.UNCLAIMED: "unclaimed land\n(brighter: cheaper)",
    Plane.TROOPS: "troop density\n(log scale)",
    Plane.CITIES: "cities\n(own 255, enemy 128)",
}


def board_picture(frame: Frame, scale: int = 1) -> np.ndarray:
    """A frame's board, uint8 (H * scale, W * scale, 3)."""
    fronts = pixels.find_fronts(frame.owner, frame.terrain, frame.attacks)
    return pixels.render_board(frame.owner, frame.terrain, frame.city, scale, fronts)


def plot_board(frame: Frame, ax: Axes | None = None, legend: bool = True) -> Axes:
    """The board of a frame, with each living player's share of the land beside it."""
    ax = style.axes(ax, 6.2, 4.6)
    ax.imshow(board_picture(frame, 4), interpolation="nearest")
    if legend:
        colours, land = pixels.player_colours() / 255, np.count_nonzero(frame.terrain)
        alive = [player for player in range(1, len(frame.tiles)) if frame.tiles[player]]
        patches = [
            Patch(color=colours[player], label=f"{player_name(player)}  {frame.tiles[player] / land:.0%}")
            for player in sorted(alive, key=lambda player: -frame.tiles[player])[:12]
        ]
        style.legend(ax, handles=patches, loc="upper left", bbox_to_anchor=(1.01, 1))
    return style.bare(ax, f"step {frame.step}")


def player_name(player: int) -> str:
    """ "agent" for 1, "bot 1" for 2, ..."""
    return "agent" if player == 1 else f"bot {player - 1}"


def plot_planes(obs_map: np.ndarray, ax: Axes | None = None) -> Axes:
    """The five planes uint8 (5, H, W) of an observation side by side, black 0 to white 255."""
    ax = style.axes(ax, 10, 2.7)
    style.bare(ax)
    for plane in Plane:
        inset = ax.inset_axes((plane / NUM_PLANES, 0, 0.96 / NUM_PLANES, 1))
        inset.imshow(obs_map[plane], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        style.bare(inset)
        inset.spines[:].set(visible=True, color=style.FAINT)  # a white plane ends somewhere on white paper
        inset.set_title(PLANE_NAMES[plane], **style.SMALL)
    return ax


def attention_picture(
    frame: Frame,
    attention: np.ndarray,
    low: float,
    high: float,
    strength: float = 1.0,
    scale: int = 1,
    borders: bool = True,
    palette: str = style.ATTENTION_MAP,
    owners: bool = False,
) -> np.ndarray:
    """A frame's board under its attention: one weight is one colour, that of the scale.

    Args:
        frame: the board (H, W).
        attention: (h, w), its cells dividing the board evenly.
        low, high: the attention that is shown darkest and brightest.
        strength: 1 the exact colours of the scale, 0 only what lies behind.
        scale: pixels per side of a tile.
        borders: draw on top where owners meet (each in its colour, the agent's white), coasts and cities.
        palette: one of `style.PALETTES`.
        owners: what lies behind is the board in its owners' colours, so that where strength is below 1 a weight has
            several; otherwise one grey.

    Returns:
        uint8 (H * scale, W * scale, 3).
    """
    board = board_picture(frame, scale)
    share = (attention - low) / (high - low) if high > low else np.zeros_like(attention)
    levels = (np.clip(share, 0, 1) * 255).astype(np.uint8)
    heat = style.colour_table(palette)[to_tiles(levels, *board.shape[:2])]
    behind = board if owners else np.array(GREY)
    weight = min(1.0, max(0.0, strength))
    mixed = ((1 - weight) * behind + weight * heat).round().astype(np.uint8)
    if borders and owners:
        on_top = pixels.find_edges(pixels.enlarge(frame.owner, scale)) | (pixels.enlarge(frame.city, scale) != 0)
        mixed[on_top] = board[on_top]
    elif borders:
        _draw_outlines(mixed, frame, scale)
    return mixed


def _draw_outlines(picture: np.ndarray, frame: Frame, scale: int) -> None:
    """Where owners meet, in their colours; the coast in a dark line; cities as on the board."""
    reach = -(-scale // 3)
    owner, land = pixels.enlarge(frame.owner, scale), pixels.enlarge(frame.terrain > 0, scale)
    colours = pixels.player_colours()
    colours[AGENT] = pixels.WHITE  # as the board's edge of the agent
    coast = pixels.find_edges((~land).astype(np.uint8), reach) & (owner == 0)
    picture[coast] = pixels.INK
    edges = pixels.find_edges(owner, reach)
    picture[edges] = colours[owner[edges]]
    pixels.draw_cities(picture, np.asarray(frame.city), scale)


def blended(palette: str, strength: float, ground: tuple[int, int, int] = GREY) -> np.ndarray:
    """uint8 (256, 3): a palette as it is seen at a strength over one colour."""
    return ((1 - strength) * np.array(ground) + strength * style.colour_table(palette)).round().astype(np.uint8)


def plot_attention(
    frame: Frame,
    attention: np.ndarray,
    ax: Axes | None = None,
    strength: float = 1.0,
    low: float | None = None,
    high: float | None = None,
    title: str = "",
    borders: bool = True,
    palette: str = style.ATTENTION_MAP,
    owners: bool = False,
) -> Axes:
    """A gate (h, w) laid over the frame's board, with its scale beside it, in exactly the colours of the board.

    ``low`` and ``high`` are the ends of the scale; give them to compare frames, or each picture has its own.
    Borders, coasts and cities are drawn on top unless ``borders`` is False. ``owners`` brings the owners' colours back
    behind the weights; the scale is then that over the agent's land.
    """
    ax = style.axes(ax, 5.4, 4.6)
    low = float(attention.min()) if low is None else low
    high = float(attention.max()) if high is None else high
    look = {"borders": borders, "palette": palette, "owners": owners}
    ax.imshow(attention_picture(frame, attention, low, high, strength, 4, **look), interpolation="nearest")
    seen = blended(palette, strength, pixels.AGENT_COLOUR if owners else GREY)
    scale = ScalarMappable(Normalize(low, high), ListedColormap(seen / 255))
    bar = ax.figure.colorbar(scale, ax=ax, fraction=0.045, pad=0.02)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE, colors=style.TEXT)
    bar.outline.set_visible(False)
    return style.bare(ax, title or f"step {frame.step}")


def plot_relevance(frame: Frame, maps: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """The board, and beside it each map of relevance (h, w) laid over it, under its name and with its bar.

    A method's numbers have its own unit, so each map has a scale of its own. A map with signs gets two hues that meet
    at zero, as far in both directions; one without begins at its least.
    """
    if not maps:
        raise BadInput("expected one map of relevance or more; got none")
    rows = -(-(len(maps) + 1) // COLUMNS)
    ax = style.bare(style.axes(ax, 10, 2.9 * rows))
    for place, name in enumerate(("the board", *maps)):
        row, column = divmod(place, COLUMNS)
        inset = ax.inset_axes((column / COLUMNS, 1 - (row + 0.9) / rows, 0.95 / COLUMNS, 0.8 / rows))
        inset.set_title(name, **style.SMALL)
        if place == 0:
            inset.imshow(board_picture(frame, 2), interpolation="nearest")
        else:
            _lay_over(inset, frame, np.asarray(maps[name]))
        style.bare(inset)
    return ax


def _lay_over(ax: Axes, frame: Frame, grid: np.ndarray) -> None:
    """One map on its own scale: around zero where it has signs."""
    low, high, palette, ends = float(grid.min()), float(grid.max()), style.ATTENTION_MAP, [0, 1]
    if low < 0:
        high = max(high, -low)
        low, palette, ends = -high, style.SIGNED_MAP, [0, 0.5, 1]
    ax.imshow(attention_picture(frame, grid, low, high, scale=2, palette=palette), interpolation="nearest")
    bar = ax.inset_axes((0, -0.07, 1, 0.04))
    bar.imshow(style.colour_table(palette)[None] / 255, aspect="auto", extent=(0, 1, 0, 1))
    bar.set_xticks(ends, [f"{low + (high - low) * end:.2g}" for end in ends])
    bar.tick_params(labelsize=style.SMALL_SIZE - 1, colors=style.TEXT, length=2, pad=1)
    first, *_, last = bar.get_xticklabels()
    first.set_horizontalalignment("left")  # or the ends of neighbouring bars lie on each other
    last.set_horizontalalignment("right")
    bar.set_yticks([])


def direction_towards(owner: np.ndarray, row: int, column: int, player: int = 1) -> tuple[Direction, tuple[int, int]]:
    """The direction from a player's land to a tile, and the tile of the land that it leads from.

    Outside the land it leads from the nearest own tile, since that is where an attack would set out; inside it,
    from the own tile next to the middle. ``WAIT`` where these are one and the same. ``owner``: uint8 (H, W), who owns
    each tile. Raises BadInput: the tile is not on the board, or the player owns nothing.
    """
    height, width = owner.shape
    if not (0 <= row < height and 0 <= column < width):
        raise BadInput(f"row and column must lie on the board of {height} x {width} tiles, got {row}, {column}")
    own = np.argwhere(owner == player)
    if not len(own):
        raise BadInput(f"player {player} owns no land to point from: has it lost?")
    anchor = own.mean(axis=0) if owner[row, column] == player else (row, column)
    start = own[np.square(own - anchor).sum(axis=1).argmin()]
    down, right = int(row - start[0]), int(column - start[1])
    eighth = round(math.atan2(right, -down) / (2 * math.pi) * NUM_DIRECTIONS)  # clockwise from north
    direction = Direction(eighth % NUM_DIRECTIONS) if down or right else Direction.WAIT
    return direction, (int(start[0]), int(start[1]))


def figure_png(figure: Figure) -> bytes:
    """A figure as PNG, the same bytes every time (no date or version inside)."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a $ in somebody's name for a network begins no formula
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
