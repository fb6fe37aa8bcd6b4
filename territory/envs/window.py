"""How an environment of one game shows it: as a picture, in a window on the desktop, as a replay."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from territory.errors import BadInput, shown, whole
from territory.world.picture import render_world
from territory.world.replay import Replay
from territory.world.world import World


def checked_render(render_mode: Any, render_scale: Any, modes: Sequence[str]) -> tuple[str | None, int]:
    """How to draw: one of the modes, or None, and the pixels per side of a tile."""
    if render_mode is not None and not (isinstance(render_mode, str) and render_mode in modes):
        raise BadInput(f"render_mode must be None or one of {list(modes)}, got {shown(render_mode)}")
    return render_mode, whole("render_scale", render_scale, 1, 64)


class ShownGame:
    """What every environment of one game has: `render`, `close` and `replay`. Its ``world`` holds the game."""

    metadata: dict[str, Any]
    world: World

    def _prepare_drawing(self, render_mode: Any, render_scale: Any) -> None:
        self.render_mode, self._scale = checked_render(render_mode, render_scale, self.metadata["render_modes"])
        self._window = Window("Territory", self.metadata["render_fps"]) if render_mode == "human" else None
        self._played: list[np.ndarray] = []  # what each step was ordered

    def render(self) -> np.ndarray | None:
        """The map as uint8 (height * render_scale, width * render_scale, 3), where ``render_mode="rgb_array"``."""
        if self.render_mode == "rgb_array":
            return render_world(self.world, scale=self._scale)
        self._show()
        return None

    def _show(self) -> None:
        if self._window:
            self._window.show(render_world(self.world, scale=self._scale))

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window:
            self._window.close()

    def replay(self) -> Replay:
        """The game so far, to keep: `Replay.save` writes it, `territory play` shows it."""
        return Replay.of(self.world, self._played)


class Window:
    """Opens with the first picture. Whoever closes it goes on playing without.

    Args:
        title: in its frame.
        fps: the most pictures a second; `show` waits for the rest of the time.
    """

    _on_screen: ClassVar["Window | None"] = None  # pygame has one window for all: who shows a picture takes it

    def __init__(self, title: str, fps: float):
        self._title, self._fps = title, fps
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it greets on standard output otherwise
        try:
            import pygame
        except ImportError as error:
            raise BadInput('render_mode="human" needs pygame-ce: pip install pygame-ce') from error
        self._pygame: Any = pygame
        self._clock = self._pygame.time.Clock()
        self._closed_by_hand = False

    @property
    def is_open(self) -> bool:
        """Whether it is the one that is on the screen."""
        return Window._on_screen is self and self._pygame.display.get_surface() is not None

    def __reduce__(self):  # a copy of an environment opens a window of its own
        return Window, (self._title, self._fps)

    def show(self, picture: np.ndarray) -> None:
        """Draw uint8 (H, W, 3), and attend to what happened to the window since."""
        if self.is_open and any(event.type == self._pygame.QUIT for event in self._pygame.event.get()):
            self._closed_by_hand = True
            self.close()
        if self._closed_by_hand:
            return
        if not self.is_open:
            self._open(picture)
        surface = self._pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        self._pygame.display.get_surface().blit(surface, (0, 0))
        self._pygame.display.flip()
        self._clock.tick(self._fps)

    def _open(self, picture: np.ndarray) -> None:
        try:
            self._pygame.display.init()
            self._pygame.display.set_mode(picture.shape[1::-1])
        except self._pygame.error as error:
            raise BadInput(
                f'render_mode="human" needs a screen to open a window on ({error}): '
                'without one, use render_mode="rgb_array" or `territory play`'
            ) from error
        self._pygame.display.set_caption(self._title)
        Window._on_screen = self

    def close(self) -> None:
        """Close it; does nothing where it is closed."""
        if self.is_open:
            self._pygame.display.quit()
