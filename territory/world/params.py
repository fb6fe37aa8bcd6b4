"""Every number of a game that can be chosen, each with its unit and its reason."""

from dataclasses import asdict, dataclass

import numpy as np

from territory.errors import BadInput, one_of, real, whole
from territory.world.actions import NUM_DIRECTIONS, OFFSETS

HELD_OUT_SEED = 1_000_000  # maps drawn while training have seeds below this; those of evaluation begin here
OPPONENTS = ("bot", "nation", "mixed")
MAX_BOTS = 50
LONGEST_SIDE = 1024  # tiles: beyond, nobody waits for a game
SIDE_STEP = 32  # map sides are multiples of this: the networks shrink a map 32-fold
TILES_PER_PLAYER = 60  # a start takes 52 tiles, so fewer land tiles a player leave no room to start


@dataclass(frozen=True)
class WorldParams:
    """What a game is played with. Refuses combinations that can't be played."""

    height: int = 128  # tiles, a multiple of 32
    width: int = 128  # tiles, a multiple of 32
    num_bots: int = 5  # scripted opponents, 1 to 50
    opponents: str = "bot"  # "bot" (weak), "nation" (strong) or "mixed" (every other one a nation)
    max_steps: int = 500  # environment steps until truncation: 5,000 ticks, the length of the reference matches
    ticks_per_step: int = 10  # a tick is 0.1 s of the real game; ten make one decision a second
    water_share: float = 0.2  # of all tiles; connected land remains up to about 0.4
    mountain_share: float = 0.1  # of the land, its highest part
    highland_share: float = 0.25  # of the land, below the mountains
    win_share: float = 0.8  # of the land: the real game's victory
    spawn_spacing: int = 30  # tiles (Manhattan) between starts; shrinks where the map is too small for it
    collapse_tiles: int = 30  # a player that lost a tile and has fewer falls whole; the real 100 would end starts of 52
    city_price: float = 25_000.0  # gold for the first city, doubling; the real 125,000 would come at tick 1,250
    city_price_limit: float = 200_000.0  # gold; the real 1,000,000 scaled alike
    city_spacing: int = 15  # tiles (Euclidean) between any two cities, as in the real game
    land_reward: float = 10.0  # times the change of land share
    win_reward: float = 5.0  # for a win at the last moment
    speed_reward: float = 5.0  # added for a win, times the share of time left
    elimination_reward: float = -1.0  # for being eliminated

    def __post_init__(self):
        for name, (low, high) in _WHOLE.items():
            step = SIDE_STEP if name in ("height", "width") else 1
            object.__setattr__(self, name, whole(name, getattr(self, name), low, high, step))
        for name, (low, high) in _REAL.items():
            object.__setattr__(self, name, real(name, getattr(self, name), low, high))
        one_of("opponents", self.opponents, OPPONENTS)
        if self.mountain_share + self.highland_share > 1:
            raise BadInput(
                "mountain_share and highland_share are shares of the land, together at most 1; "
                f"got {self.mountain_share} and {self.highland_share}"
            )
        self.check_room(self.height * self.width * (1 - self.water_share))

    def check_room(self, land_tiles: float | np.integer) -> None:
        """Refuse a map on which the players would start on top of each other."""
        if land_tiles < TILES_PER_PLAYER * self.num_players:
            raise BadInput(
                f"{self.num_players} players need {TILES_PER_PLAYER * self.num_players} land tiles to start on, "
                f"this map has about {land_tiles:.0f}: take fewer bots, a larger map or less water"
            )

    @property
    def num_players(self) -> int:
        """The agent and its opponents."""
        return 1 + self.num_bots

    @property
    def board_margin(self) -> int:
        """Empty words at each end of a board of bits: more than the longest step, a row and a cell."""
        return (self.width + 3) // 64 + 2

    def as_dict(self) -> dict:
        """All fields, ready for JSON."""
        return asdict(self)

    def settings(self) -> np.ndarray:
        """The same numbers as the kernels take them: SETTINGS (1,)."""
        numbers = np.zeros(1, SETTINGS)
        for name in (*_WHOLE, *_REAL):
            numbers[name] = getattr(self, name)
        numbers["margin"] = self.board_margin
        numbers["offsets"] = OFFSETS @ (self.width + 2, 1)
        return numbers


# From and to: beyond, a game can't be played, or says nothing.
_WHOLE = {
    "height": (SIDE_STEP, LONGEST_SIDE),
    "width": (SIDE_STEP, LONGEST_SIDE),
    "num_bots": (1, MAX_BOTS),
    "max_steps": (1, 2**30),
    "ticks_per_step": (1, 1000),
    "spawn_spacing": (0, 2 * LONGEST_SIDE),
    "collapse_tiles": (0, LONGEST_SIDE**2),
    "city_spacing": (0, 2 * LONGEST_SIDE),
}
_REAL = {
    "water_share": (0, 0.6),
    "mountain_share": (0, 1),
    "highland_share": (0, 1),
    "win_share": (1e-6, 1),
    "city_price": (1, 1e12),
    "city_price_limit": (1, 1e12),
    "land_reward": (-1e6, 1e6),
    "win_reward": (-1e6, 1e6),
    "speed_reward": (-1e6, 1e6),
    "elimination_reward": (-1e6, 1e6),
}

# `WorldParams` for the compiled kernels; maps inside them have a border of water one tile wide.
SETTINGS = np.dtype(
    [
        ("offsets", "i8", (NUM_DIRECTIONS,)),  # what to add to a flat cell to go one step in each direction
        ("margin", "i8"),  # empty words at each end of a bitboard
        *((name, "i8") for name in _WHOLE),
        *((name, "f8") for name in _REAL),
    ]
)
