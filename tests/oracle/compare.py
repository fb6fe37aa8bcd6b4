"""The engine and the rulebook play the same random games side by side; the first difference is an error."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from territory.world import World, WorldParams
from territory.world.actions import NUM_ACTIONS

from . import eyes, rulebook

SIDES = (32, 64, 96, 128, 160)
COPIED = ("kind", "alive", "troops", "gold", "attacks", "tiles_before")
COUNTED = ("games", "steps", "ticks", "players", "eliminated", "tiles taken", "cities built", "steps won")
PER_PLAYER = (*COPIED, "tiles", "cities", "rewards")


class Disagreement(AssertionError):
    """Engine and rulebook went different ways."""


@dataclass(frozen=True)
class Setup:
    """One random game, drawn from its number."""

    number: int
    params: WorldParams
    steps: int
    rich: bool  # everyone starts with troops and gold at random, so that wars and cities come early
    driven: np.ndarray  # bool (P+1,): who gets random actions; the others follow their scripts
    terrain: np.ndarray | None = None  # uint8 (H, W): a map of its own, islands and all


def setup_of(number: int) -> Setup:
    """Small, short games mostly; every tenth may be large, every tenth is long, every fifth has a map of its own."""
    dice, is_long = np.random.default_rng(number), number % 10 == 7
    sides = SIDES if number % 10 == 0 else SIDES[:2]
    height, width = (int(side) for side in dice.choice(sides, 2, p=_falling(len(sides))))
    water = float(dice.choice([0.0, 0.2, 0.4]))
    terrain = _patches(dice, height, width) if number % 5 == 3 else None
    land = height * width * (1 - water) if terrain is None else min(height * width * 0.6, np.count_nonzero(terrain))
    room = min(50, int(land / 60) - 1)
    bots = int(dice.integers(1, room + 1)) if number % 3 else min(room, int(dice.integers(1, 4)))
    params = WorldParams(
        height=height,
        width=width,
        num_bots=bots,
        opponents=str(dice.choice(["bot", "nation", "mixed"])),
        max_steps=int(dice.choice([10, 40, 500])),
        ticks_per_step=10 if is_long else int(dice.choice([1, 3, 10])),
        water_share=water,
        win_share=float(dice.choice([0.3, 0.8])),
        collapse_tiles=int(dice.choice([0, 30, 100])),
        city_price=float(dice.choice([150.0, 2_000.0, 25_000.0])),
        city_price_limit=float(dice.choice([2_000.0, 200_000.0])),
        city_spacing=int(dice.choice([3, 15])),
    )
    steps = 60 if is_long else int(dice.integers(5, 16))
    driven = dice.random(bots + 2) < dice.choice([0.0, 0.3, 1.0])
    driven[1] |= number % 4 > 0
    return Setup(number, params, steps, bool(dice.random() < 0.5), driven, terrain)


def begin(setup: Setup, games: int = 1) -> tuple[World, list[np.random.Generator]]:
    """Games that start as `setup` says (their seeds count up from its number), and dice for each one's actions."""
    seeds = [setup.number + n for n in range(games)]
    world = World(games, setup.params, setup.terrain)
    dice = [np.random.default_rng((1, seed)) for seed in seeds]
    world.reset(seeds)
    if setup.rich:
        for n in range(games):
            world.state.troops[n, 1:] = np.exp(dice[n].uniform(np.log(5), np.log(500_000), world.params.num_players))
            world.state.gold[n, 1:] = dice[n].uniform(0, 60_000, world.params.num_players)
    return world, dice


def play(setup: Setup) -> Counter:
    """Both play the game, compared after every step. Returns what happened in it; raises Disagreement."""
    world, dice = begin(replace(setup, rich=False))
    compare_states(setup, world, rulebook.new_game(setup.params, setup.number, setup.terrain))
    world, dice = begin(setup)
    game, seen = game_of(world), Counter(dict.fromkeys(COUNTED, 0), games=1)
    for _ in range(setup.steps):
        tiles, cities = game.owner.copy(), game.city.copy()
        actions = random_actions(world, setup.driven, dice, seen)
        rewards, terminated, truncated = world.step(actions)
        wanted = rulebook.play_step(game, actions[0])
        compare_states(setup, world, game)
        same(setup, game, "rewards", rewards[0], wanted)
        won = rulebook.has_won(game, 1)
        same(setup, game, "terminated", terminated[0], won or not game.alive[1])
        same(setup, game, "truncated", truncated[0], bool(game.step >= game.params.max_steps and not terminated[0]))
        compare_views(setup, world, game, int(dice[0].integers(1, len(game.alive))))
        seen["steps"] += 1
        seen["ticks"] += game.params.ticks_per_step
        seen["tiles taken"] += np.count_nonzero(game.owner != tiles)
        seen["cities built"] += np.count_nonzero(game.city > cities)
        seen["steps won"] += won
    seen["players"] += len(game.players)
    seen["eliminated"] += np.count_nonzero(~game.alive[1:])
    return seen


def game_of(world: World, n: int = 0) -> rulebook.Game:
    """The rulebook's game in the state of game `n` of a world."""
    maps = {name: world.map_of(name)[n].copy() for name in ("terrain", "owner", "city")}
    rows = {name: getattr(world.state, name)[n].copy() for name in COPIED}
    tick, step = int(world.state.tick[n]), int(world.state.step[n])
    return rulebook.Game(world.params, int(world.state.seed[n]), **maps, **rows, tick=tick, step=step)


def random_actions(world: World, driven: np.ndarray, dice: list[np.random.Generator], seen: Counter) -> np.ndarray:
    """(N, P+1): for the driven, half the time any action and half the time an allowed one; -1 for all others."""
    actions = np.full((world.num_envs, driven.size), rulebook.SCRIPTED)
    for player in np.flatnonzero(driven[1:]) + 1:
        masks = world.observe(player=player)[1]
        for n, die in enumerate(dice):
            allowed = np.flatnonzero(masks[n])
            actions[n, player] = die.choice(allowed) if die.random() < 0.5 else die.integers(NUM_ACTIONS)
            seen["allowed actions" if masks[n, actions[n, player]] else "disallowed actions"] += 1
    return actions


def compare_states(setup: Setup, world: World, game: rulebook.Game) -> None:
    """Every field that makes a game."""
    for name in ("terrain", "owner", "city"):
        same(setup, game, name, world.map_of(name)[0], getattr(game, name))
    for name in (*COPIED, "tiles", "cities"):
        same(setup, game, name, getattr(world.state, name)[0], getattr(game, name))
    for name in ("tick", "step", "land"):
        same(setup, game, name, getattr(world.state, name)[0], getattr(game, name))


def compare_views(setup: Setup, world: World, game: rulebook.Game, player: int) -> None:
    """What one player sees."""
    obs, masks = world.observe(player=player)
    same(setup, game, f"planes of player {player}", obs["map"][0], eyes.planes(game, player))
    same(setup, game, f"statistics of player {player}", obs["global"][0], eyes.stats(game, player))
    same(setup, game, f"mask of player {player}", masks[0], eyes.mask(game, player))


def same(setup: Setup, game: rulebook.Game, name: str, engine, wanted) -> None:
    """Refuse any difference, to the last bit."""
    if not np.array_equal(engine, wanted):
        engine, wanted = np.atleast_1d(engine), np.atleast_1d(wanted)
        where = tuple(np.argwhere(engine != wanted)[0].tolist())
        place = f"of player {where[0]} differ {where[1:] or ''}" if name in PER_PLAYER else f"differ at {where}"
        raise Disagreement(
            f"seed {setup.number}, step {game.step}, tick {game.tick}: {name} {place}: "
            f"engine {engine[where]!r}, rulebook {wanted[where]!r}; {setup.params}"
        )


def _falling(count: int) -> np.ndarray:
    weights = 0.5 ** np.arange(count)
    return weights / weights.sum()


def _patches(dice: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A map of 4 x 4 patches of any terrain, water as well, whatever lies beside them."""
    patches = dice.choice(4, (height // 4, width // 4), p=[0.25, 0.35, 0.2, 0.2]).astype(np.uint8)
    return patches.repeat(4, axis=0).repeat(4, axis=1)
