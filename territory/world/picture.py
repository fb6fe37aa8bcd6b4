"""The board as a picture: who owns what on which terrain, and where attacks stand. NumPy only, so environments can
render too.

Colours are told apart with every kind of colour blindness: a search took them one by one, each as far (CIEDE2000) from
those before as normal sight, protanopia, deuteranopia and tritanopia all allow, and at least 16 from the agent's blue
on any terrain. `tests/world/test_palette.py` measures that. The agent's land has a white edge besides, everyone else's
a dark one, so it is found without colour at all.
"""

import numpy as np

from territory.errors import BadInput, whole
from territory.world.actions import NUM_DIRECTIONS, one_step_back

AGENT_COLOUR = (20, 70, 210)  # the only blue
_BOTS = """
eb9b00 009e73 b49cfc 6c6000 9cf0f0 cce4a8 a8789c f00048 904860 fce400 6cc0b4 fc6078 6c7848
9ccc6c d8c0fc c08400 c09ccc fcb4cc 787800 9c6078 c0f084 f0c000 cc5460 cc849c c09c54 00a8b4
a84830 78d8cc b4cc90 3c903c a85460 b46c84 c0d860 fc3c54 c0b448 cca8f0 cc5400 c00018 c084b4
d86030 d89000 849c60 78c06c 606c3c b43c6c 78f0fc c04878 e4b4e4 788424 b4d884
"""
BOT_COLOURS = tuple(tuple(bytes.fromhex(colour)) for colour in _BOTS.split())
TERRAIN_COLOURS = ((38, 52, 66), (232, 228, 216), (205, 197, 180), (170, 160, 144))  # water, plains, highland, mountain
TERRAIN_SHADE = (1.0, 1.0, 0.92, 0.84)  # what terrain leaves of a player's colour
WHITE, INK = (255, 255, 255), (20, 24, 28)
FEW_PIXELS = 3  # per tile: with fewer, relief would be noise
FRONT_SHARE = 0.5  # of the attacker's colour on the tiles it is about to take

NUM_OWNERS = 256  # an owner is a uint8
_FLAT, _LIT, _SHADED, _EDGE = range(4)  # what a pixel is, beside its owner and terrain


def player_colours() -> np.ndarray:
    """uint8 (256, 3): the colour of each player; 0 is nobody's, 1 the agent's, 2.. the bots' (repeated after 50)."""
    colours = np.zeros((NUM_OWNERS, 3), np.uint8)
    colours[1] = AGENT_COLOUR
    colours[2:] = np.resize(np.array(BOT_COLOURS, np.uint8), (NUM_OWNERS - 2, 3))
    return colours


def _pixel_colours() -> np.ndarray:
    """uint32 (4 * 256 * 4,): a pixel by what it is, its owner and its terrain, its bytes red, green, blue and nothing.

    Looked up as one number it is found many times faster than as three.
    """
    flat = player_colours()[:, None] * np.array(TERRAIN_SHADE)[:, None]
    flat[0] = TERRAIN_COLOURS
    flat[:, 0] = TERRAIN_COLOURS[0]  # water is nobody's
    table = np.stack([flat, 0.86 * flat + 0.14 * np.array(WHITE), 0.86 * flat, 0.55 * flat])
    table[_EDGE, 1] = 0.2 * flat[1] + 0.8 * np.array(WHITE)
    table[_EDGE, :, 0], table[_EDGE, 0] = flat[:, 0], flat[0]
    colours = table.round().astype(np.uint8).reshape(-1, 3)
    return np.pad(colours, ((0, 0), (0, 1))).view(np.uint32).reshape(-1)


_PIXELS = _pixel_colours()


def find_edges(owner: np.ndarray, reach: int = 1) -> np.ndarray:
    """bool (H, W): owned cells with another owner `reach` cells north, south, east or west; the rim is no edge."""
    padded = np.pad(owner, reach, mode="edge")
    near, far = slice(reach, -reach), slice(2 * reach, None)
    centre = padded[near, near]
    differs = (centre != padded[: -2 * reach, near]) | (centre != padded[far, near])
    differs |= (centre != padded[near, : -2 * reach]) | (centre != padded[near, far])
    return differs & (owner > 0)


def find_fronts(owner: np.ndarray, terrain: np.ndarray, attacks: np.ndarray) -> np.ndarray:
    """Whose attack is about to take a tile, of several the largest: uint8 (H, W), 0 where there is none.

    ``owner``, ``terrain``: uint8 (H, W); ``attacks``: float64 (P+1, 9+P), troops under way by player and slot, as in
    `State`.
    """
    land = terrain > 0
    fronts, strongest = np.zeros_like(owner), np.ones(owner.shape)
    borders = attacks[:, NUM_DIRECTIONS:]
    for direction, behind in enumerate(one_step_back(owner)):
        troops = attacks[:, direction][behind]
        if direction % 2 == 0:  # a border attack crosses sides, not corners
            troops = np.maximum(troops, borders[behind, owner])
        attacked = land & (behind != owner) & (troops >= strongest)
        fronts[attacked], strongest[attacked] = behind[attacked], troops[attacked]
    return fronts


def render_world(world, game: int = 0, scale: int = 1) -> np.ndarray:
    """Draw one game of a `World` as it is now: uint8 (H * scale, W * scale, 3)."""
    owner, terrain, city, fronts = board_of(world, game)
    return render_board(owner, terrain, city, scale, fronts)


def board_of(world, game: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is drawn of one game of a `World`, (H, W) each: owners, terrain, cities and fronts."""
    owner, terrain, city = (world.map_of(field)[game] for field in ("owner", "terrain", "city"))
    return owner, terrain, city, find_fronts(owner, terrain, world.state.attacks[game])


def render_board(
    owner: np.ndarray,
    terrain: np.ndarray,
    city: np.ndarray | None = None,
    scale: int = 1,
    fronts: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a board: uint8 (H * scale, W * scale, 3), red green blue, with ``scale`` pixels per side of a tile.

    ``owner``: uint8 (H, W), 0 nobody, 1 the agent, 2.. bots; ``terrain``: uint8 (H, W), 0 water, 1 plains, 2 highland,
    3 mountain; ``city``: (H, W), not 0 where a city stands; ``fronts``: uint8 (H, W), from `find_fronts`.
    """
    owner, terrain = np.asarray(owner), np.asarray(terrain)
    if owner.ndim != 2 or owner.shape != terrain.shape:
        raise BadInput(
            f"owner and terrain must be maps (height, width) of one shape, got {owner.shape} and {terrain.shape}. "
            "Is a batch dimension left over (take [0])?"
        )
    scale = whole("scale, in pixels per tile,", scale, 1)
    owner, terrain = enlarge(owner, scale), enlarge(terrain, scale)
    ground = _relief(terrain) if scale >= FEW_PIXELS else np.uint16(_FLAT)
    part = np.where(find_edges(owner, (scale + 5) // 6), np.uint16(_EDGE), ground)
    pixels = _PIXELS[(part * NUM_OWNERS + owner) * len(TERRAIN_COLOURS) + terrain]
    picture = pixels.view(np.uint8).reshape(*owner.shape, 4)[..., :3].copy()
    if fronts is not None:
        fronts = enlarge(np.asarray(fronts), scale)
        where = np.nonzero(fronts)
        attacker = player_colours()[fronts[where]]
        picture[where] = (FRONT_SHARE * attacker + (1 - FRONT_SHARE) * picture[where]).round()
    if city is not None:
        draw_cities(picture, np.asarray(city), scale)
    return picture


def enlarge(cells: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, ...) to (H * scale, W * scale, ...), each cell a square."""
    return cells.repeat(scale, axis=0).repeat(scale, axis=1)


def _relief(terrain: np.ndarray) -> np.ndarray:
    """Light from the north-west: steps up are lit, steps down in shadow."""
    height = np.pad(terrain.astype(np.int8), ((1, 0), (1, 0)), mode="edge")
    rise = 2 * height[1:, 1:] - height[:-1, 1:] - height[1:, :-1]
    return (rise > 0) * np.uint16(_LIT) + (rise < 0) * np.uint16(_SHADED)


def draw_cities(picture: np.ndarray, city: np.ndarray, scale: int) -> None:
    """A white disc in a dark ring, three tiles across, the same for every owner: the land around says whose it is."""
    across = (np.arange(3 * scale) + 0.5) / scale - 1.5
    distance = np.hypot(across[:, None], across)
    for row, column in (np.argwhere(city) - 1) * scale:
        top, left = max(0, -row), max(0, -column)
        spot = picture[row + top : row + 3 * scale, column + left : column + 3 * scale]
        inside = distance[top:, left:][: len(spot), : spot.shape[1]]
        spot[inside <= 1.5] = INK
        spot[inside <= 0.8] = WHITE
