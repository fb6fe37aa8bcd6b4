"""The board as a picture: who owns what, on which ground. NumPy only, so environments can render too.

Player colours are those of Okabe and Ito (2008), told apart with every common kind of colour blindness. The agent's
land has a white edge besides, so it is found without colour at all.
"""

import numpy as np

from territory.errors import BadInput

AGENT_COLOUR = (0, 114, 178)  # blue
BOT_COLOURS = (  # orange, purple, green, yellow, vermilion; repeated paler and darker for more than five bots
    (230, 159, 0),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
)
TERRAIN_COLOURS = ((38, 52, 66), (232, 228, 216), (205, 197, 180), (170, 160, 144))  # water, plains, highland, mountain
TERRAIN_SHADE = (1.0, 1.0, 0.86, 0.72)  # what terrain leaves of a player's colour
WHITE, INK = (255, 255, 255), (20, 24, 28)

NUM_OWNERS = 256  # an owner is a uint8
_INNER, _EDGE = 0, 1


def player_colours() -> np.ndarray:
    """uint8 (256, 3): the colour of each player; 0 is nobody's, 1 the agent's, 2.. the bots'."""
    colours = np.zeros((NUM_OWNERS, 3))
    colours[1] = AGENT_COLOUR
    for player in range(2, NUM_OWNERS):
        turn, index = divmod(player - 2, len(BOT_COLOURS))
        towards = np.array(WHITE if turn % 2 else INK)
        share = min(0.8, 0.15 * ((turn + 1) // 2))
        colours[player] = (1 - share) * np.array(BOT_COLOURS[index]) + share * towards
    return colours.round().astype(np.uint8)


def _tile_colours() -> np.ndarray:
    """uint8 (2, 256, 4, 3): the colour of a tile by inner/edge, owner and terrain."""
    table = np.zeros((2, NUM_OWNERS, 4, 3))
    shade = np.array(TERRAIN_SHADE)[:, None]
    table[_INNER] = player_colours()[:, None] * shade
    table[_EDGE] = 0.62 * table[_INNER]
    table[_EDGE, 1] = 0.25 * table[_INNER, 1] + 0.75 * np.array(WHITE)
    table[:, 0] = TERRAIN_COLOURS
    table[:, :, 0] = TERRAIN_COLOURS[0]  # water is nobody's
    return table.round().astype(np.uint8)


_TILES = _tile_colours()


def find_edges(owner: np.ndarray) -> np.ndarray:
    """bool (H, W): owned tiles beside a tile (4-connected) of another owner; the map's rim is no edge."""
    padded = np.pad(owner, 1, mode="edge")
    centre = padded[1:-1, 1:-1]
    differs = (centre != padded[:-2, 1:-1]) | (centre != padded[2:, 1:-1])
    differs |= (centre != padded[1:-1, :-2]) | (centre != padded[1:-1, 2:])
    return differs & (owner > 0)


def render_board(owner: np.ndarray, terrain: np.ndarray, city: np.ndarray | None = None, scale: int = 1) -> np.ndarray:
    """Draw a board.

    Args:
        owner: uint8 (H, W), 0 nobody, 1 the agent, 2.. bots.
        terrain: uint8 (H, W), 0 water, 1 plains, 2 highland, 3 mountain.
        city: (H, W), not 0 where a city stands.
        scale: pixels per side of a tile.

    Returns:
        uint8 (H * scale, W * scale, 3), red green blue.
    """
    owner, terrain = np.asarray(owner), np.asarray(terrain)
    if owner.ndim != 2 or owner.shape != terrain.shape:
        raise BadInput(
            f"owner and terrain must be maps (height, width) of one shape, got {owner.shape} and {terrain.shape}. "
            "Is a batch dimension left over (take [0])?"
        )
    if not (isinstance(scale, int | np.integer) and scale >= 1):
        raise BadInput(f"scale is a whole number of pixels per tile, at least 1; got {scale!r}")
    picture = _TILES[find_edges(owner).astype(np.intp), owner, terrain]
    if city is not None:
        _draw_cities(picture, np.asarray(city))
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _draw_cities(picture: np.ndarray, city: np.ndarray) -> None:
    """A white tile in a dark ring, the same for every owner: the land around says whose it is."""
    for row, column in np.argwhere(city):
        picture[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = INK
    picture[city != 0] = WHITE
