"""States of games: sampled, imagined, masked by region, and with a part of the map removed.

Tiles are removed without showing the network something it has never seen. A tile is five numbers that belong together,
nearly one-hot: to set them to a mean or to grey would make a tile that no game has. What stands in place of a removed
tile is the **baseline** of the removal:

- ``unclaimed``: its land, of the same terrain, owned by nobody; water stays water. Every game begins so.
- ``water``: all five planes 0. Also a tile that the network knows, but it changes the coast.
- ``other_game``: the tile of the same position in another of the frames; give frames of several games.

Statistics and mask stay: one input is moved alone. Baselines have the shape of the planes, uint8 (T, 5, H, W).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from territory.errors import BadInput
from territory.interpret.measures import as_mask, beside, border_mask, to_tiles
from territory.stats import Interval, bootstrap_interval, means_by_game
from territory.world.actions import INTENSITIES, NUM_ACTIONS, NUM_BUILDS, Direction, encode, one_step_back
from territory.world.layout import CITY_ENEMY, CITY_OWN, NUM_STATS, UNCLAIMED_BRIGHTNESS, Plane
from territory.world.picture import find_fronts
from territory.world.replay import Frame, Replay
from territory.world.world import AGENT


@dataclass(frozen=True)
class Sample:
    """T frames and the games they are from: frames of one game are alike, so intervals are over games."""

    frames: tuple[Frame, ...]
    games: np.ndarray  # int (T,), from 0

    @classmethod
    def of(cls, replays: Sequence[Replay], states: int) -> "Sample":
        """That many frames of each game, spread evenly over it.

        Raises BadInput for fewer than two games: neither an interval nor another game's frame could be had.
        """
        if len(replays) < 2 or states < 1:
            raise BadInput(f"expected two games or more and a state of each, got {len(replays)} and {states}")
        frames, games = [], []
        for game, replay in enumerate(replays):
            played = list(replay.play())[:-1]  # in the last nothing is chosen
            places = np.unique(((np.arange(states) + 0.5) * len(played) / states).astype(int))
            frames += [played[place] for place in places]
            games += [game] * len(places)
        return cls(tuple(frames), np.array(games))

    def by_game(self, values: np.ndarray) -> np.ndarray:
        """The mean of each game's values (T,), those that are nan left out; nan where none is left."""
        return means_by_game(values, self.games)

    def mean(self, values: np.ndarray) -> Interval:
        """The mean of values (T,) over games with its 95 % interval; all nan unless two games have a value."""
        by_game = self.by_game(values)
        if np.isfinite(by_game).sum() < 2:
            return Interval(np.nan, np.nan, np.nan)
        return bootstrap_interval(by_game)


def imagine(
    frame: Frame,
    stats: np.ndarray | None = None,
    owner: np.ndarray | None = None,
    city: np.ndarray | None = None,
    density: np.ndarray | None = None,
) -> Frame:
    """The frame with some of it changed; what is not given stays.

    Land, cities and troops change the planes and the mask, statistics only themselves: what a painted map would do to
    the statistics is left to whoever imagines it, so that each input can be moved alone. Nobody owns water, and cities
    stand on owned land only.

    ``stats``: float32 (16,), clipped to [-1, 1]; ``owner``: uint8 (H, W), 0 nobody, 1 the agent, 2.. the others;
    ``city``: (H, W), not 0 where a city stands; ``density``: uint8 (H, W), the plane of troops, 255 * log2(1 + troops
    per tile) / 12, by default that of each tile's owner.
    """
    shape = frame.owner.shape
    owner = np.where(frame.terrain > 0, frame.owner if owner is None else _checked("owner", owner, shape), 0)
    city = (frame.city if city is None else _checked("city", city, shape)) * (owner > 0)
    density = density_by_player(frame)[owner] if density is None else _checked("density", density, shape)
    stats = frame.obs["global"] if stats is None else _checked("stats", stats, (NUM_STATS,))
    planes = _planes(frame.terrain, owner, city, density)
    obs = {"map": planes, "global": np.clip(stats, -1, 1).astype(np.float32)}
    return replace(frame, obs=obs, owner=owner.astype(np.uint8), city=city, mask=_mask(frame, owner))


def density_by_player(frame: Frame) -> np.ndarray:
    """uint8 (256,): what the plane of troops holds on the tiles of each player; 0 for those without land."""
    density = np.zeros(256, np.uint8)
    density[frame.owner] = frame.obs["map"][Plane.TROOPS]
    return density


def _checked(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if np.shape(values) != shape:
        raise BadInput(f"{name}: expected {shape}, as in the frame; got {np.shape(values)}")
    return np.asarray(values)


def _planes(terrain: np.ndarray, owner: np.ndarray, city: np.ndarray, density: np.ndarray) -> np.ndarray:
    """uint8 (5, H, W), as `observe` writes them."""
    planes = np.zeros((len(Plane), *terrain.shape), np.uint8)
    planes[Plane.OWN] = 255 * (owner == AGENT)
    planes[Plane.ENEMY] = 255 * (owner > AGENT)
    planes[Plane.UNCLAIMED] = np.where(owner == 0, np.array(UNCLAIMED_BRIGHTNESS, np.uint8)[terrain], 0)
    planes[Plane.TROOPS] = np.where(owner > 0, density, 0)
    planes[Plane.CITIES] = np.where(city > 0, np.where(owner == AGENT, CITY_OWN, CITY_ENEMY), 0)
    return planes


def _mask(frame: Frame, owner: np.ndarray) -> np.ndarray:
    """bool (90,): directions that have a front on this map; building and waiting as they were."""
    can_commit = INTENSITIES[0] * frame.troops[AGENT] >= 1
    takeable = (frame.terrain > 0) & (owner != AGENT)
    mask = np.zeros((len(Direction), NUM_ACTIONS // len(Direction)), np.bool_)
    for direction, behind in enumerate(one_step_back(owner == AGENT)):
        mask[direction] = can_commit and (takeable & behind).any()
    mask[Direction.WAIT] = frame.mask.reshape(mask.shape)[Direction.WAIT]
    mask[:, 1::NUM_BUILDS] &= frame.mask[encode(Direction.WAIT, build=True)]
    return mask.reshape(-1)


Region = Callable[[Sequence[Frame]], np.ndarray]


def planes_of(frames: Sequence[Frame]) -> np.ndarray:
    """uint8 (T, 5, H, W): the maps that the network was given."""
    return np.stack([frame.obs["map"] for frame in frames])


def own_land(frames: Sequence[Frame]) -> np.ndarray:
    """The agent's tiles: the plain rival of every other explanation, since most of what matters happens there."""
    return planes_of(frames)[:, Plane.OWN] > 0


REGIONS: Mapping[str, Region] = {
    # Own tiles that touch land of others or of nobody.
    "border": lambda frames: border_mask(planes_of(frames)),
    "own land": own_land,
    # Enemy tiles that touch own land: from where the agent can be attacked next.
    "threats": lambda frames: (planes_of(frames)[:, Plane.ENEMY] > 0) & beside(own_land(frames)),
    # Tiles that an attack under way, anyone's, is about to take. The planes don't show them: only troops out do.
    "fronts": lambda frames: np.stack([find_fronts(each.owner, each.terrain, each.attacks) > 0 for each in frames]),
    "cities": lambda frames: planes_of(frames)[:, Plane.CITIES] > 0,  # anyone's
}


Baseline = Callable[[Sequence[Frame]], np.ndarray]


def unclaimed(frames: Sequence[Frame]) -> np.ndarray:
    """Nobody's land everywhere."""
    baseline = np.zeros_like(planes_of(frames))
    terrain = np.stack([frame.terrain for frame in frames])
    baseline[:, Plane.UNCLAIMED] = np.array(UNCLAIMED_BRIGHTNESS, np.uint8)[terrain]
    return baseline


def water(frames: Sequence[Frame]) -> np.ndarray:
    """Water everywhere."""
    return np.zeros_like(planes_of(frames))


def other_game(frames: Sequence[Frame]) -> np.ndarray:
    """The map of the frame half of them further on."""
    return np.roll(planes_of(frames), len(frames) // 2, axis=0)


REMOVAL_BASELINES: Mapping[str, Baseline] = {"unclaimed": unclaimed, "water": water, "other_game": other_game}


def without(planes: np.ndarray, baseline: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Planes uint8 (T, 5, H, W) with the cells bool (T, h, w) taken from the baseline."""
    cells = as_mask(cells)
    if planes.shape != baseline.shape:
        raise BadInput(f"expected a baseline of the planes' shape {planes.shape}, got {baseline.shape}")
    return np.where(to_tiles(cells, *planes.shape[-2:])[:, None], baseline, planes)
