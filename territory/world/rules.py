"""The real game's formulas, one small function a rule, checked in the tests against values that its engine printed.

The first half is what the kernels compile; it works on NumPy arrays as well as on scalars. The second half is
the same rulebook for people: kinds and terrains by name, unclaimed land as ``None``.

Units: troops and gold in the game's own units, land in tiles, time in ticks of 0.1 s.
"""

import math

import numpy as np
from numba.extending import register_jitable

from territory.errors import BadInput, as_array, one_of, shown

KINDS = ("human", "bot", "nation")
HUMAN, BOT, NATION = range(3)
TERRAINS = ("water", "plains", "highland", "mountain")
WATER, PLAINS, HIGHLAND, MOUNTAIN = range(4)


def _constants(*numbers: float) -> np.ndarray:
    """That can't be written to: games would go on with the numbers that were compiled."""
    array = np.array(numbers)
    array.flags.writeable = False
    return array


# By kind. A nation is the real game's at medium difficulty.
START_TROOPS = _constants(25_000.0, 10_000.0, 18_750.0)
CAP_FACTOR = _constants(1.0, 1 / 3, 0.75)
GROWTH_FACTOR = _constants(1.0, 0.5, 0.95)
GOLD_PER_TICK = _constants(100.0, 50.0, 100.0)
EXPANSION_LOSS_FACTOR = _constants(1 / 5, 1 / 10, 1 / 5)
# By terrain. Water can't be walked on.
MAGNITUDE = _constants(0.0, 80.0, 100.0, 120.0)
SPEED = _constants(0.0, 16.5, 20.0, 25.0)

LAND_POWER = 0.6  # twice the land feeds 1.5 times the troops
CITY_TROOPS = 250_000.0  # what a city adds to the troop cap
LOSS_AGAINST_BOT = 0.7  # the share of the usual loss where the defender is a bot and the attacker is not
BEST_TROOP_RATIO = 0.42  # the share of the cap at which troops grow fastest


@register_jitable
def within(value, low, high):
    """`value` clamped to [low, high]."""
    return np.minimum(np.maximum(value, low), high)


@register_jitable
def cap(tiles, cities, cap_factor):
    """The most troops that a player's land and cities feed."""
    return cap_fed(tiles**LAND_POWER, cities, cap_factor)


@register_jitable
def cap_fed(land_power, cities, cap_factor):
    """`cap` from tiles^0.6, where that is known already."""
    return cap_factor * (2 * (1000 * land_power + 50_000) + CITY_TROOPS * cities)


@register_jitable
def growth(troops, troop_cap, growth_factor):
    """Troops gained in one tick; negative above the cap."""
    return (10 + troops**0.73 / 4) * (1 - troops / troop_cap) * growth_factor


@register_jitable
def budget_unclaimed(front_tiles):
    """What an attack may spend in a tick on land that nobody owns."""
    return 2.0 * front_tiles


@register_jitable
def budget_player(front_tiles, attack_troops, defender_troops):
    """What an attack may spend in a tick on a player's land."""
    return 3.0 * front_tiles * within(10 * attack_troops / np.maximum(defender_troops, 1e-9), 0.01, 0.5)


@register_jitable
def use_unclaimed(speed, attack_troops):
    """What one unclaimed tile takes from the budget."""
    return within(2000 * speed / attack_troops, 5.0, 100.0)


@register_jitable
def large_defender(defender_tiles):
    """Defenders of 150,000 tiles and more lose tiles faster: 0.7 for the largest, 0.96 to 0.97 on our maps."""
    sigmoid = 1 / (1 + np.exp(-(defender_tiles - 150_000) * (math.log(2) / 50_000)))
    return 0.7 + 0.3 * (1 - sigmoid)


@register_jitable
def use_player(speed, attack_troops, defender_troops, defender_tiles):
    """What one tile of a player takes from the budget."""
    return within(defender_troops / (5 * attack_troops), 0.2, 1.5) * speed * large_defender(defender_tiles)


@register_jitable
def loss_player(magnitude, attack_troops, defender_troops, defender_tiles):
    """Troops the attacker loses for one tile of a player."""
    by_ratio = within(defender_troops / attack_troops, 0.6, 2.0) * 0.8 * magnitude * large_defender(defender_tiles)
    by_density = 1.3 * (defender_troops / defender_tiles) * magnitude / 100
    return 0.6 * by_ratio + 0.4 * by_density


@register_jitable
def city_price(cities, first_price, limit):
    """Gold for the next city: doubles with each one owned, up to a limit."""
    return np.minimum(limit, first_price * 2.0**cities)


def troop_cap(tiles, cities, kind: str):
    """Troop cap of a player of this kind. Scalars or arrays."""
    return cap(_numbers("tiles", tiles), _numbers("cities", cities), CAP_FACTOR[_kind(kind)])


def troop_growth(troops, cap, kind: str):
    """Troops gained per tick, before the cap is applied. Scalars or arrays."""
    return growth(_numbers("troops", troops), _numbers("cap", cap), GROWTH_FACTOR[_kind(kind)])


def attack_budget(front_tiles, attack_troops, defender_troops=None):
    """The budget per tick of an attack on a front; `defender_troops` None stands for unclaimed land."""
    front, attack = _numbers("front_tiles", front_tiles), _numbers("attack_troops", attack_troops)
    if defender_troops is None:
        return budget_unclaimed(front)
    return budget_player(front, attack, _numbers("defender_troops", defender_troops))


def tile_price(
    terrain: str, attack_troops, attacker_kind: str, defender_troops=None, defender_tiles=None, defender_kind=None
):
    """What one tile costs: ``(attacker_loss, defender_loss, budget_used)``.

    The three defender arguments are given together, or none of them for unclaimed land.
    """
    index = TERRAINS.index(one_of("terrain", terrain, TERRAINS[1:]))
    attacker, attack = _kind(attacker_kind), _numbers("attack_troops", attack_troops)
    given = [value is not None for value in (defender_troops, defender_tiles, defender_kind)]
    if not any(given):
        loss = MAGNITUDE[index] * EXPANSION_LOSS_FACTOR[attacker] + 0 * attack
        return loss, 0 * attack, use_unclaimed(SPEED[index], attack)
    if defender_kind is None or not all(given):
        raise BadInput("give defender_troops, defender_tiles and defender_kind together, or none for unclaimed land")
    troops, tiles = _numbers("defender_troops", defender_troops), _numbers("defender_tiles", defender_tiles)
    defender = _kind(defender_kind)
    loss = loss_player(MAGNITUDE[index], attack, troops, tiles)
    if defender == BOT and attacker != BOT:
        loss = loss * LOSS_AGAINST_BOT
    return loss, troops / tiles, use_player(SPEED[index], attack, troops, tiles)


def _numbers(name: str, value):
    given = as_array(name, value)
    if given.dtype.kind in "iuf" and np.isfinite(given).all() and (given >= 0).all():
        return given.astype(np.float64)[()]
    raise BadInput(f"{name} must be finite numbers of 0 or more, got {shown(value)}")


def _kind(kind: str) -> int:
    return KINDS.index(one_of("kind", kind, KINDS))
