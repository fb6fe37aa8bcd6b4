"""`Territory-v0`: one game as a gymnasium.Env; and how a game is shown: as a picture, in a window, as a replay."""

import os
from typing import Any, ClassVar

import gymnasium
import numpy as np

from territory.envs import common
from territory.errors import BadInput
from territory.world.actions import NUM_ACTIONS, checked_actions
from territory.world.params import HELD_OUT_SEED
from territory.world.picture import render_world
from territory.world.replay import Replay
from territory.world.threads import Unbroken
from territory.world.world import AGENT, World


class ShownGame:
    """What every environment of one game has: `render`, `close` and `replay`. Its ``world`` holds the game."""

    metadata: dict[str, Any]
    world: World

    def _prepare_drawing(self, render_mode: Any, render_scale: Any) -> None:
        self.render_mode, self._scale = common.checked_render(render_mode, render_scale, self.metadata["render_modes"])
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


class TerritoryEnv(ShownGame, gymnasium.Env):
    """Conquer 80 % of the land, or outlive everyone.

    Args:
        render_mode: None, "rgb_array", or "human": a window that shows every step (needs pygame-ce).
        map: an image or the path of one (see `maps.map_from_image`), or uint8 (height, width) of 0 water, 1 plains,
            2 highland, 3 mountain; by default a new map from each seed.
        render_scale: pixels per side of a tile.
        opponents: "bot", "nation", "mixed", or an agent or function that plays all of them (see
            `opponents.as_policy`), or the name or path of a checkpoint.
        **options: any other field of `territory.world.WorldParams`: num_bots, height, width, max_steps, ...

    Planes of ``obs["map"]``, uint8 (5, height, width):
        0 OWN: 255 on the observer's tiles
        1 ENEMY: 255 on any other player's tiles
        2 UNCLAIMED: on land nobody owns: 255 plains, 170 highland, 85 mountain (brighter = cheaper)
        3 TROOPS: troops per tile of the tile's owner: 255 * log2(1 + density) / 12
        4 CITIES: 255 the observer's city, 128 another player's
    Entries of ``obs["global"]``, float32 (16,), each within [-1, 1]:
        0 TROOPS_OVER_CAP: troops over cap
        1 LOG_CAP: log10(cap / 100,000) / 1.5
        2 GROWTH: growth now over the growth at the best troop ratio of the same cap
        3 LAND_SHARE: land share
        4 LAND_SHARE_CHANGE: 20 times the change over the last step
        5 RANK: by tiles: 0 the largest player, 1 the smallest (or dead)
        6 PLAYERS_ALIVE: over players at the start
        7 TIME: steps taken over max_steps
        8 GOLD_OVER_CITY_COST: gold over city cost
        9 CITIES: over 8
        10 COMMITTED: troops in attacks over all troops
        11 LOG_DENSITY: log2(1 + troops at home per tile) / 12
        12 BORDER_ENEMY_SHARE: enemy tiles among the land tiles that touch ours
        13 STRONGEST_NEIGHBOUR: log2(its troops / ours) / 4; -1 where there is no neighbour
        14 WEAKEST_NEIGHBOUR: likewise; 1 where there is no neighbour
        15 ACTIVE_FRONTS: attacks under way over 8
    Actions, Discrete(90): direction * 10 + intensity * 2 + build, with
        direction: N, NE, E, SE, S, SW, W, NW, WAIT
        intensity: 15%, 30%, 45%, 60%, 75% of the troops
        build: a city, 0 or 1

    ``reset(seed=s)`` plays the map of seed s; without a seed, a random one below 1,000,000.
    ``info["action_mask"]`` (bool (90,)) says which actions have an effect.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012 (gymnasium's own convention)

    def __init__(self, render_mode: str | None = None, map: Any = None, render_scale: int = 4, **options):
        self._prepare_drawing(render_mode, render_scale)
        self.world, self._opponent = common.make_world(type(self), 1, map, options)
        self.params = self.world.params
        self.observation_space = common.observation_space(self.params)
        self.action_space = common.Actions()
        self._episodes = common.Episodes(1)
        self._mask = np.zeros(NUM_ACTIONS, np.bool_)
        self._running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start a game; returns the first observation and ``{"action_mask": ...}``."""
        seed, _ = common.checked_seed(seed), common.checked_options(options)
        super().reset(seed=seed)
        map_seed = seed if seed is not None else int(self.np_random.integers(HELD_OUT_SEED))
        with Unbroken():
            self.world.reset([map_seed])
            self._episodes.clear(np.array([0]))
            self._played.clear()
            self._running = True
            obs, info = self._look()
        self._show()
        return obs, info

    def step(self, action: int):
        """Play ten ticks. The last ``info`` of an episode also holds its summary (win, land_share, rank, ...)."""
        if not self._running:
            raise BadInput("the game is over or has not begun: call reset() before step()")
        actions = checked_actions("an action", action, ()).reshape(1)
        orders = common.everyones_orders(self.world, self._opponent, actions)
        with Unbroken():
            rewards, terminated, truncated = self.world.step(orders)
            self._played.append(orders[0])
            self._episodes.add(rewards[:, AGENT], actions)
            obs, info = self._look()
            if terminated[0] or truncated[0]:
                self._running = False
                info |= {name: value[0].item() for name, value in self._episodes.summary([self.world]).items()}
        self._show()
        return obs, float(rewards[0, AGENT]), bool(terminated[0]), bool(truncated[0]), info

    def _look(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Observation and info of the game as it is now."""
        obs, masks = self.world.observe()
        self._mask = masks[0]
        return {name: value[0] for name, value in obs.items()}, {"action_mask": self._mask.copy()}

    def action_masks(self) -> np.ndarray:
        """bool (90,): which actions have an effect now."""
        return self._mask.copy()


class Window:
    """Opens with the first picture. Whoever closes it goes on playing without.

    ``title``: in its frame; ``fps``: the most pictures a second, `show` waits for the rest of the time.
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
