"""The game in your own hands: one button per direction."""

import gymnasium
import ipywidgets as widgets
import numpy as np

from territory import viz
from territory.errors import BadInput
from territory.widgets.static import LeavesPicture
from territory.world.actions import INTENSITIES, Direction, describe, encode
from territory.world.picture import render_board
from territory.world.replay import Replay, digest_of

BOARD_PIXELS = 512  # the board's longer side, about
_PLACES = (Direction.NW, Direction.N, Direction.NE, Direction.W, Direction.WAIT, Direction.E)
_COMPASS = (*_PLACES, Direction.SW, Direction.S, Direction.SE)  # row by row, north up


class GamePlayer(LeavesPicture, widgets.HBox):
    """Play `Territory-v0` by hand: a compass of buttons, how many troops, whether to build.

    A direction without a front, and a city that can't be paid, are greyed out: that is the action mask.

    Args:
        env: from ``gymnasium.make("Territory-v0", ...)``.
        seed: of the first game's map.
    """

    def __init__(self, env: gymnasium.Env, seed: int = 7):
        self.env = env
        self._pixels = max(1, BOARD_PIXELS // max(env.observation_space["map"].shape[1:]))
        self.board = widgets.Image(format="png")
        self.planes = widgets.Image(format="png", layout=widgets.Layout(width="420px"))
        self.status = widgets.HTML()
        self._make_controls(seed)
        caption = widgets.HTML("what the agent is given: own, enemy, unclaimed, troops, cities")
        left = widgets.VBox([self._compass, self.intensity, self.build, self._begin, self.status])
        super().__init__([self.board, widgets.VBox([left, caption, self.planes])])
        self.layout.flex_flow = "row wrap"
        self.restart()

    def _make_controls(self, seed: int) -> None:
        small = widgets.Layout(width="64px", height="40px")
        self.buttons = {d: widgets.Button(description=d.name, layout=small) for d in _COMPASS}
        for direction, button in self.buttons.items():
            button.on_click(lambda _button, direction=direction: self.order(direction))
        grid = widgets.Layout(grid_template_columns="repeat(3, 68px)")
        self._compass = widgets.GridBox(list(self.buttons.values()), layout=grid)
        shares = [(f"{share:.0%} of the troops", index) for index, share in enumerate(INTENSITIES)]
        self.intensity = widgets.Dropdown(options=shares, value=1, description="send")
        self.build = widgets.Checkbox(value=False, description="build a city as well", indent=False)
        self.seed = widgets.BoundedIntText(value=seed, min=0, max=2**31 - 1, description="map seed")
        self.again = widgets.Button(description="new game", layout=widgets.Layout(width="100px"))
        self.again.on_click(lambda _button: self.restart())
        self._begin = widgets.HBox([self.seed, self.again])

    def restart(self) -> None:
        """Begin a new game on the chosen seed."""
        self.obs, info = self.env.reset(seed=self.seed.value)
        self.mask, self.actions, self.over, self._returned = info["action_mask"], [], False, 0.0
        self._playing = self.seed.value  # the seed field may change while a game goes on
        self._show("Your land is blue with a white edge. Where will you go?")

    def order(self, direction: Direction) -> None:
        """What a button does: one step with the chosen share and build flag."""
        waits = direction is Direction.WAIT
        action = encode(direction, 0 if waits else self.intensity.value, self.build.value)
        self.step(action)

    def step(self, action: int) -> None:
        """Play any of the 90 actions."""
        if self.over:
            raise BadInput("the game is over: restart() begins another")
        self.obs, reward, terminated, truncated, info = self.env.step(action)
        self.mask, self.over = info["action_mask"], terminated or truncated
        self.actions.append(int(action))
        self._returned += reward
        self._show(_summary(info) if self.over else f"you ordered: {describe(action)} (reward {reward:+.3f})")

    def replay(self) -> Replay:
        """The game so far, to save or to open in the explorer."""
        world = self.env.unwrapped.world
        fixed = self.env.spec.kwargs.get("map")
        return Replay(world.params, self._playing, np.array(self.actions, np.int32), fixed, digest_of(world))

    def _show(self, line: str) -> None:
        self.board.value = self._picture()
        planes = self.obs["map"]
        strip = np.concatenate([np.pad(plane, ((0, 0), (0, 4)), constant_values=128) for plane in planes], axis=1)
        self.planes.value = viz.to_png(np.repeat(strip[..., None], 3, axis=2))
        self.status.value = f"<b>step {len(self.actions)}</b> · {self._standing()}<br>{line}"
        self._grey_out()

    def _picture(self) -> bytes:
        world = self.env.unwrapped.world
        owner, terrain, city = (world.map_of(field)[0] for field in ("owner", "terrain", "city"))
        return viz.to_png(render_board(owner, terrain, city, self._pixels))

    def _standing(self) -> str:
        world = self.env.unwrapped.world
        troops, gold = world.state.troops[0, 1], world.state.gold[0, 1]
        share, rank = world.land_share()[0], world.rank()[0]
        return (
            f"{share:.1%} of the land, rank {rank} of {world.params.num_players} · {troops:,.0f} troops at home · "
            f"{gold:,.0f} gold · return {self._returned:+.2f}"
        )

    def _grey_out(self) -> None:
        can_build = any(self.mask[encode(direction, build=True)] for direction in Direction)
        self.build.disabled = self.over or not can_build
        if not can_build:
            self.build.value = False
        for direction, button in self.buttons.items():
            button.disabled = self.over or not self.mask[encode(direction)]

    def static_png(self) -> bytes:
        """The board as it is now."""
        return self._picture()


def _summary(info: dict) -> str:
    verdict = "You won." if info["win"] else "You did not win."
    return f"<b>{verdict}</b> Land {info['land_share']:.0%}, rank {info['rank']}, {info['length']} steps."
