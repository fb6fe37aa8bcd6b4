"""The terminal as a screen (boards in half blocks, two map rows to a line; single keys), and one game on it.

A game is watched, replayed, or played by hand.
"""

import os
import re
import select
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from territory.cli.streams import has_colours
from territory.envs.common import everyones_orders
from territory.world.actions import INTENSITIES, NUM_INTENSITIES, SCRIPTED, Direction, describe, encode
from territory.world.picture import board_of, render_board
from territory.world.replay import Replay
from territory.world.world import AGENT, World

OPEN, CLOSE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"  # the other screen without a cursor, and back
HOME, PLAIN, TO_END, BELOW = "\x1b[H", "\x1b[0m", "\x1b[K", "\x1b[J"
ESCAPE, END = "\x1b", "\x04"  # Ctrl-D, or a terminal that went away
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_KEY = re.compile(r"\x1b[\[O]([A-D])|\x1b\[[0-9;]*[~A-Za-z]|.", re.DOTALL)  # an arrow, another special key, a letter
_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_STEPS = np.array([0, 95, 135, 175, 215, 255])  # of each channel in the 216 colours of 256 that form a cube


class Screen:
    """Draws games until it is left, however that happens, and then leaves the terminal as it was.

    Where the output is no terminal nothing is drawn and every key is None; where the input is none, there are no keys.
    """

    def __enter__(self) -> "Screen":
        self.live = sys.stdout.isatty()
        self.has_keys = self.live and sys.stdin.isatty() and os.name == "posix"
        self._size: Any = None
        self._typed: deque[str] = deque()
        if self.has_keys:
            import termios
            import tty

            self._restore = partial(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, termios.tcgetattr(sys.stdin))
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        if self.live:
            _write(OPEN)
        return self

    def __exit__(self, *_error: object) -> None:
        if self.live:
            _write(CLOSE)
        if self.has_keys:
            self._restore()

    def draw(self, world: World, *lines: str) -> None:
        """Show a game, as large as fits, and some lines of text below it."""
        if self.live:
            columns, rows = size = shutil.get_terminal_size()
            board = board_text(world, columns, rows - len(lines), has_colours())
            self.write(board + "\n" + "\n".join(line[: columns - 1] + TO_END for line in lines), size)

    def write(self, text: str, size: Any = None) -> None:
        """Show a text in place of what was there."""
        clear = "\x1b[2J" if size != self._size else ""  # resized, or something else was shown
        self._size = size
        _write(clear + HOME + text + BELOW)

    def key(self, seconds: float | None = None) -> str | None:
        """The next key, as a character or "up", "down", "left", "right"; None where none comes within some time."""
        if not self.has_keys:
            if self.live and seconds:
                time.sleep(seconds)
            return None
        if not self._typed and select.select([sys.stdin], [], [], seconds)[0]:
            typed = os.read(sys.stdin.fileno(), 1024)
            self._typed.extend(keys_of(typed.decode(errors="replace")) if typed else [END])
        return self._typed.popleft() if self._typed else None


def keys_of(typed: str) -> list[str]:
    """What a terminal sends, as keys; special ones that mean nothing here are left out."""
    found = [(match[1], match[0]) for match in _KEY.finditer(typed)]
    return [_ARROWS[arrow] if arrow else key for arrow, key in found if arrow or len(key) == 1]


def _write(text: str) -> None:
    if os.environ.get("TERM") == "dumb":  # it has no cursor to move: what comes stands below what was there
        text = _CODE.sub("", text) + "\n"
    sys.stdout.write(text)
    sys.stdout.flush()


def board_text(world: World, columns: int, rows: int, coloured: bool = True) -> str:
    """The first game of a world as text of at most `columns` x `rows` characters; ``coloured``, or in letters."""
    columns, rows = max(1, columns), max(1, rows)
    if not coloured:
        return letters(world, columns, rows)
    share = min(columns / world.params.width, 2 * rows / world.params.height)
    owner, terrain, city, fronts = _fitted(world, share, share)  # before it is drawn, so that lines stay lines
    terminal = os.environ.get("COLORTERM", ""), os.environ.get("TERM", "")
    all_colours = terminal[0] in ("truecolor", "24bit") or "direct" in terminal[1]  # as it says itself
    return half_blocks(render_board(owner, terrain, city, fronts=fronts), all_colours)


def letters(world: World, columns: int, rows: int) -> str:
    """The first game of a world in letters: # is the agent's land, a to z the others', . nobody's, * a city."""
    share = min(columns / world.params.width, 2 * rows / world.params.height, 1)  # a character is twice as high as wide
    owner, terrain, city, _ = _fitted(world, share / 2, share)
    signs = np.frombuffer(b".#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
    lines = np.where(city > 0, ord("*"), np.where(terrain > 0, signs[owner], ord(" "))).astype(np.uint8)
    return "\n".join(line.tobytes().decode() for line in lines)


def _fitted(world: World, down: float, across: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Owner, terrain, cities and fronts in another size: tiles are left out or repeated, cities are not."""
    owner, terrain, city, fronts = board_of(world)
    height, width = max(1, int(owner.shape[0] * down)), max(1, int(owner.shape[1] * across))
    shown = zip((height, width), owner.shape, strict=True)
    tiles = np.ix_(*(np.arange(places) * side // places for places, side in shown))
    towers = np.zeros((height, width), np.uint8)
    row, column = np.nonzero(city)
    towers[row * height // owner.shape[0], column * width // owner.shape[1]] = 1
    return owner[tiles], terrain[tiles], towers, fronts[tiles]


def half_blocks(picture: np.ndarray, all_colours: bool = True) -> str:
    """A picture uint8 (H, W, 3) as lines of W characters: ▀ has one pixel's colour, its background the one below's.

    In ``all_colours``, or the nearest of 256.
    """
    if len(picture) % 2:
        picture = np.concatenate([picture, picture[-1:]])
    pixels = picture if all_colours else nearest_of_256(picture)[..., None]
    colours = "\x1b[38;2;{};{};{};48;2;{};{};{}m" if all_colours else "\x1b[38;5;{};48;5;{}m"
    lines = []
    for pairs in np.concatenate([pixels[::2], pixels[1::2]], axis=2).tolist():
        cells, last = [], None
        for pair in pairs:
            if pair != last:  # colours hold until changed: a third of the text
                cells.append(colours.format(*pair))
                last = pair
            cells.append("▀")
        lines.append("".join(cells) + PLAIN)
    return "\n".join(lines)


def nearest_of_256(picture: np.ndarray) -> np.ndarray:
    """int (H, W): which of a terminal's 256 colours comes nearest, among its cube of 216 and its 24 greys."""
    steps = np.abs(picture[..., None].astype(int) - _STEPS).argmin(axis=-1)
    grey = np.clip((picture.mean(axis=-1) - 8).round() // 10, 0, 23).astype(int)
    to_cube = np.abs(_STEPS[steps] - picture).sum(axis=-1)
    to_grey = np.abs((8 + 10 * grey)[..., None] - picture.astype(int)).sum(axis=-1)
    return np.where(to_grey < to_cube, 232 + grey, 16 + steps @ np.array([36, 6, 1]))


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

    ``world``: one game, reset; ``opponent``: the policy that plays everyone but the agent, unless they are scripts.
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

    def played_by(self, decide: Callable[[World], int]) -> Iterator[tuple[World, int]]:
        """Play on: each state with the action that is decided on there, which is carried out after it."""
        while not self.over:
            action = decide(self.world)
            yield self.world, action
            self.step(action)

    def replay(self) -> Replay:
        """The game so far."""
        return Replay.of(self.world, self.orders)


def watch(screen: Screen, moments: Iterable[tuple[World, Any]], fps: float) -> World:
    """Show a game and return it as its viewer left it; Space pauses.

    ``moments``: each state, and what is ordered in it: the agent's action, everyone's, or None.
    """
    for world, orders in moments:
        action = SCRIPTED if orders is None else int(orders[AGENT] if np.ndim(orders) else orders)
        ordered = "" if action == SCRIPTED else describe(action)
        screen.draw(world, f"{standing(world)}  {ordered}", "space pauses   Q leaves" if screen.has_keys else "")
        key = screen.key(1 / fps)
        if key == " ":
            key = screen.key()
        if key in (*QUIT, "q"):
            break
    return world


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
            direction = _DIRECTIONS[key]
            action, builds = encode(direction, 0 if direction is Direction.WAIT else share, builds), False
            if masks[0, action]:
                game.step(action)
            said = describe(action) if masks[0, action] else f"nothing to take in the {direction.name}"


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
