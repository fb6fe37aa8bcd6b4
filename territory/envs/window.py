"""A window on the desktop: what `render_mode="human"` shows."""

import os
from typing import Any

import numpy as np

from territory.errors import BadInput


class Window:
    """Opens with the first picture. Whoever closes it goes on playing without.

    Args:
        title: in its frame.
        fps: the most pictures a second; `show` waits for the rest of the time.
    """

    def __init__(self, title: str, fps: float):
        self._title, self._fps = title, fps
        self._pygame: Any = _import_pygame()
        self._clock = self._pygame.time.Clock()
        self.is_open, self._closed_by_hand = False, False

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
        self.is_open = True

    def close(self) -> None:
        """Close it; does nothing where it is closed."""
        if self.is_open:
            self._pygame.display.quit()
            self.is_open = False


def _import_pygame():
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it greets on standard output otherwise
    try:
        import pygame
    except ImportError as error:
        raise BadInput('render_mode="human" needs pygame-ce: pip install pygame-ce') from error
    return pygame
