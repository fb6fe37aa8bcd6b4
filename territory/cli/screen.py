"""The terminal as a screen: boards in half blocks, two map rows to a line, and single keys."""

import os
import re
import select
import shutil
import sys
import time
from collections import deque
from typing import Any

import numpy as np

from territory.cli.streams import has_colours
from territory.world.picture import find_fronts, render_board
from territory.world.world import World

OPEN, CLOSE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"  # the other screen without a cursor, and back
HOME, PLAIN, TO_END, BELOW = "\x1b[H", "\x1b[0m", "\x1b[K", "\x1b[J"
ESCAPE, END = "\x1b", "\x04"  # Ctrl-D, or a terminal that went away
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_KEY = re.compile(r"\x1b[\[O]([A-D])|\x1b\[[0-9;]*[~A-Za-z]|.", re.DOTALL)  # an arrow, another special key, a letter
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

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        if self.live:
            _write(OPEN)
        return self

    def __exit__(self, *_error: object) -> None:
        if self.live:
            _write(CLOSE)
        if self.has_keys:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

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
    sys.stdout.write(text)
    sys.stdout.flush()


def board_text(world: World, columns: int, rows: int, coloured: bool = True) -> str:
    """The first game of a world as text of at most `columns` x `rows` characters; ``coloured``, or in letters."""
    columns, rows = max(1, columns), max(1, rows)
    if not coloured:
        return letters(world, columns, rows)
    return half_blocks(_fitted(world, columns, rows), has_all_colours())


def letters(world: World, columns: int, rows: int) -> str:
    """The first game of a world in letters: # is the agent's land, a to z the others', . nobody's, * a city."""
    owner, terrain, city = (world.map_of(field)[0] for field in ("owner", "terrain", "city"))
    share = min(columns / owner.shape[1], 2 * rows / owner.shape[0], 1)  # a character is twice as high as wide
    height, width = max(1, int(owner.shape[0] * share / 2)), max(1, int(owner.shape[1] * share))
    lines = np.full((height, width), ord(" "), np.uint8)
    signs = np.frombuffer(b".#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
    tiles = np.ix_(np.arange(height) * owner.shape[0] // height, np.arange(width) * owner.shape[1] // width)
    lines[terrain[tiles] > 0] = signs[owner[tiles]][terrain[tiles] > 0]
    row, column = np.nonzero(city)
    lines[row * height // owner.shape[0], column * width // owner.shape[1]] = ord("*")
    return "\n".join(line.tobytes().decode() for line in lines)


def _fitted(world: World, columns: int, rows: int) -> np.ndarray:
    """Its picture in the size of the screen: tiles are left out or repeated first, so that lines stay lines."""
    owner, terrain, city = (world.map_of(field)[0] for field in ("owner", "terrain", "city"))
    fronts = find_fronts(owner, terrain, world.state.attacks[0])
    share = min(columns / owner.shape[1], 2 * rows / owner.shape[0])
    height, width = (max(1, int(side * share)) for side in owner.shape)
    tiles = np.ix_(
        *(np.arange(shown) * side // shown for shown, side in zip((height, width), owner.shape, strict=True))
    )
    towers = np.zeros((height, width), np.uint8)
    row, column = np.nonzero(city)
    towers[row * height // owner.shape[0], column * width // owner.shape[1]] = 1
    return render_board(owner[tiles], terrain[tiles], towers, fronts=fronts[tiles])


def has_all_colours() -> bool:
    """Whether the terminal says that it shows 24-bit colours; others get the nearest of 256."""
    return os.environ.get("COLORTERM", "") in ("truecolor", "24bit") or "direct" in os.environ.get("TERM", "")


def half_blocks(picture: np.ndarray, all_colours: bool = True) -> str:
    """A picture uint8 (H, W, 3) as lines of W characters: ▀ has one pixel's colour, its background the one below's."""
    if len(picture) % 2:
        picture = np.concatenate([picture, picture[-1:]])
    if all_colours:
        return _lines(picture, "\x1b[38;2;{};{};{};48;2;{};{};{}m")
    return _lines(nearest_of_256(picture)[..., None], "\x1b[38;5;{};48;5;{}m")


def _lines(pixels: np.ndarray, colours: str) -> str:
    return "\n".join(_line(above, below, colours) for above, below in zip(pixels[::2], pixels[1::2], strict=True))


def _line(above: np.ndarray, below: np.ndarray, colours: str) -> str:
    cells, last = [], None
    for pair in np.concatenate([above, below], axis=1).tolist():
        if pair != last:  # colours hold until changed: a third of the text
            cells.append(colours.format(*pair))
            last = pair
        cells.append("▀")
    return "".join(cells) + PLAIN


def nearest_of_256(picture: np.ndarray) -> np.ndarray:
    """int (H, W): which of a terminal's 256 colours comes nearest, among its cube of 216 and its 24 greys."""
    steps = np.abs(picture[..., None].astype(int) - _STEPS).argmin(axis=-1)
    grey = np.clip((picture.mean(axis=-1) - 8).round() // 10, 0, 23).astype(int)
    to_cube = np.abs(_STEPS[steps] - picture).sum(axis=-1)
    to_grey = np.abs((8 + 10 * grey)[..., None] - picture.astype(int)).sum(axis=-1)
    return np.where(to_grey < to_cube, 232 + grey, 16 + steps @ np.array([36, 6, 1]))
