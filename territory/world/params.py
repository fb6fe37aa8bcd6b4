"""Every number of a game that can be chosen, each with its unit and its reason."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from territory.errors import BadInput
from territory.world.actions import OFFSETS

HELD_OUT_SEED = 1_000_000  # maps drawn while training have seeds below this; those of evaluation begin here
OPPONENTS = ("bot", "nation", "mixed")
MAX_BOTS = 50
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
        for name in ("height", "width"):
            _check_side(name, getattr(self, name))
        _check_whole("num_bots", self.num_bots, 1, MAX_BOTS)
        _check_whole("max_steps", self.max_steps, 1, 2**30)
        _check_whole("ticks_per_step", self.ticks_per_step, 1, 1000)
        if self.opponents not in OPPONENTS:
            raise BadInput(f"opponents must be one of {', '.join(OPPONENTS)}; got {self.opponents!r}")
        if not 0 <= self.water_share <= 0.6:
            raise BadInput(f"water_share is a share of the map from 0 to 0.6, got {self.water_share}")
        if min(self.mountain_share, self.highland_share) < 0 or self.mountain_share + self.highland_share > 1:
            raise BadInput(
                "mountain_share and highland_share are shares of the land, together at most 1; "
                f"got {self.mountain_share} and {self.highland_share}"
            )
        self.check_room(self.height * self.width * (1 - self.water_share))

    def check_room(self, land_tiles: float) -> None:
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

    def settings(self) -> "Settings":
        """The same numbers as the kernels take them."""
        from territory.world.rules import LAND_POWER  # here, so that the command line's help need not wait for Numba

        offsets = (OFFSETS[:, 0] * (self.width + 2) + OFFSETS[:, 1]).astype(np.int64)
        return Settings(
            height=int(self.height),
            width=int(self.width),
            margin=self.board_margin,
            offsets=offsets,
            ticks_per_step=int(self.ticks_per_step),
            max_steps=int(self.max_steps),
            win_share=float(self.win_share),
            spawn_spacing=float(self.spawn_spacing),
            collapse_tiles=int(self.collapse_tiles),
            city_price=float(self.city_price),
            city_price_limit=float(self.city_price_limit),
            city_spacing=int(self.city_spacing),
            rewards=np.array([self.land_reward, self.win_reward, self.speed_reward, self.elimination_reward]),
            shares=np.array([self.water_share, self.highland_share, self.mountain_share]),
            land_power=np.array([tiles**LAND_POWER for tiles in range(self.height * self.width + 1)]),
        )


class Settings(NamedTuple):
    """`WorldParams` for the compiled kernels; maps inside them have a border of water one tile wide."""

    height: int
    width: int
    margin: int  # empty words at each end of a board
    offsets: np.ndarray  # int64 (8,): what to add to a flat tile index to go one step in each direction
    ticks_per_step: int
    max_steps: int
    win_share: float
    spawn_spacing: float
    collapse_tiles: int
    city_price: float
    city_price_limit: float
    city_spacing: int
    rewards: np.ndarray  # float64 (4,): land, win, speed, elimination
    shares: np.ndarray  # float64 (3,): water, highland, mountain
    land_power: np.ndarray  # float64 (H*W+1,): tiles^0.6, which a tick needs of every player, by tiles


def _check_side(name: str, value: int) -> None:
    if not isinstance(value, int | np.integer) or value < SIDE_STEP or value % SIDE_STEP:
        raise BadInput(f"{name} must be a multiple of {SIDE_STEP} tiles, {SIDE_STEP} or more; got {value!r}")


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise BadInput(f"{name} must be a whole number from {low} to {high}, got {value!r}")
