"""One game in the terminal: watched, replayed, or played by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np

from territory.cli.screen import END, ESCAPE, Screen
from territory.envs.common import everyones_orders
from territory.world.actions import INTENSITIES, NUM_INTENSITIES, Direction, describe, encode
from territory.world.replay import Replay
from territory.world.world import AGENT, World

QUIT = ("Q", ESCAPE, END)
_DIRECTIONS = dict(zip("wedcxzaq", Direction, strict=False)) | {"s": Direction.WAIT, " ": Direction.WAIT}
_DIRECTIONS |= {"up": Direction.N, "right": Direction.E, "down": Direction.S, "left": Direction.W}
HELP = f"""
  Your land is blue with a white edge.
  Own 80 % of all land, or outlive everyone.

    q w e     attack that way: one step of the game (the arrow keys do too)
    a s d     s and the space bar only wait
    z x c

    1 to {NUM_INTENSITIES}    send {", ".join(f"{share:.0%}" for share in INTENSITIES)} of your troops at home
    b         build a city with the next order (gold buys room for troops)
    Q         leave, as Esc and Ctrl-C do; your game is kept

  Tinted tiles are under attack, by the player of that colour.
  White dots are cities. Darker land costs more troops.

  Any key goes back.
"""


class Game:
    """A game under way, and what has been ordered in it.

    Args:
        world: one game, reset.
        opponent: the policy that plays everyone but the agent, unless they are scripts.
    """

    def __init__(self, world: World, opponent: Any = None):
        self.world, self._opponent = world, opponent
        self.orders: list[Any] = []
        self.over = False

    def step(self, action: int) -> None:
        """Play one step; -1 leaves the agent's seat to its script."""
        orders = everyones_orders(self.world, self._opponent, np.array([action]))
        _, terminated, truncated = self.world.step(orders)
        self.orders.append(orders[0])
        self.over = bool(terminated[0] or truncated[0])

    def replay(self) -> Replay:
        """The game so far."""
        return Replay.of(self.world, self.orders)


def watch(screen: Screen, game: Game, decide: Callable[[World], int], fps: float) -> None:
    """Show a game whose agent is played by `decide`, until it is over or its viewer leaves."""
    leaves = False
    while not game.over and not leaves:
        action = decide(game.world)
        leaves = not _show(screen, game.world, action, fps)
        if not leaves:
            game.step(action)


def watch_replay(screen: Screen, replay: Replay, fps: float) -> World:
    """Show a recorded game; returns the world as its viewer left it. BadInput if it ends otherwise than recorded."""
    for world, orders, _ in replay.steps():
        action = -1 if orders is None else int(orders[AGENT] if orders.ndim else orders)
        if not _show(screen, world, action, fps):
            break
    return world


def _show(screen: Screen, world: World, action: int, fps: float) -> bool:
    """Show one step, however long its viewer pauses; False if it leaves."""
    ordered = describe(action) if action >= 0 else ""
    screen.draw(world, f"{standing(world)}  {ordered}", "space pauses   Q leaves" if screen.has_keys else "")
    key = screen.key(1 / fps)
    if key == " ":
        key = screen.key()
    return key not in (*QUIT, "q")


def play_by_hand(screen: Screen, game: Game) -> None:
    """Let the keyboard play, one step for each order."""
    share, builds, said = 1, False, "? explains the keys"
    while not game.over:
        _, masks = game.world.observe()
        can_build = bool(masks[0, 1::2].any())
        builds &= can_build
        city = "b city: " + ("next order" if builds else "no" if can_build else "not yet")
        screen.draw(game.world, standing(game.world), f"1-5 send {INTENSITIES[share]:.0%}   {city}   Q leaves   {said}")
        key, said = screen.key(), ""
        if key in QUIT:
            return
        if key == "?":
            screen.write(HELP)
            screen.key()
        elif key in set("12345"):
            share = int(key) - 1
        elif key == "b":
            builds, said = can_build and not builds, "" if can_build else "it needs gold and a place inland"
        elif key in _DIRECTIONS:
            said = _order(game, _DIRECTIONS[key], share, builds, masks[0])
            builds = False


def _order(game: Game, direction: Direction, share: int, builds: bool, mask: np.ndarray) -> str:
    action = encode(direction, 0 if direction is Direction.WAIT else share, builds)
    if not mask[action]:
        return f"nothing to take in the {direction.name}"
    game.step(action)
    return describe(action)


def standing(world: World) -> str:
    """How the agent stands, in a line."""
    state, players = world.state, world.params.num_players
    home, away = state.troops[0, AGENT], state.attacks[0, AGENT].sum()
    return (
        f"step {state.step[0]}  land {world.land_share()[0]:.0%}  rank {world.rank()[0]} of {players}  "
        f"troops {home:,.0f} + {away:,.0f} attacking  gold {state.gold[0, AGENT]:,.0f}"
    )


def ending(world: World) -> str:
    """How a game came out for the agent, in a line."""
    steps, alive = world.state.step[0], world.state.alive[0, AGENT]
    if world.has_won()[0]:
        verdict = "won"
    elif not alive:
        verdict = "eliminated"
    else:
        verdict = "time is up" if steps >= world.params.max_steps else "left"
    return f"{verdict} after {steps} steps: {world.land_share()[0]:.0%} of the land, rank {world.rank()[0]}"
