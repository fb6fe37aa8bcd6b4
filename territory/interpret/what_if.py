"""A state that never was: a recorded one with other statistics, other land, other troops or other cities."""

from dataclasses import replace

import numpy as np

from territory.errors import BadInput
from territory.world.actions import INTENSITIES, NUM_ACTIONS, NUM_BUILDS, Direction, encode, one_step_back
from territory.world.layout import CITY_ENEMY, CITY_OWN, NUM_STATS, UNCLAIMED_BRIGHTNESS, Plane
from territory.world.replay import Frame
from territory.world.world import AGENT


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

    Args:
        frame: the state to begin from.
        stats: float32 (16,), clipped to [-1, 1].
        owner: uint8 (H, W), 0 nobody, 1 the agent, 2.. the others.
        city: (H, W), not 0 where a city stands.
        density: uint8 (H, W), the plane of troops: 255 * log2(1 + troops per tile) / 12; by default each tile has
            that of its owner.
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
        raise BadInput(f"{name}: expected {shape}, as in the frame; came {np.shape(values)}")
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
