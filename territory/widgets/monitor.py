"""A run while it goes: its curves, a game of the agent it trains, and a hand on the switch. `monitor.js` draws it."""

import asyncio
import math
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import anywidget
import numpy as np
import traitlets
from IPython.display import publish_display_data

from territory import viz
from territory.agent.agent import Agent
from territory.training.live import RESTING, LiveTraining, WatchedGame
from territory.training.ppo import PPO
from territory.training.rollout import Update
from territory.training.run import Run
from territory.widgets.base import LeavesPicture, bundle
from territory.world.actions import describe
from territory.world.picture import render_world

BOARD_PIXELS = 384  # the board's longer side, about
MOST_OFTEN = 0.1  # seconds between two messages: quicker than eyes follow, slower than a small run's updates
LOOK_AGAIN = 0.05  # seconds, while waiting
FIELDS = ("step", *viz.UPDATE_SENTENCES)  # rows of `history`


class TrainingMonitor(LeavesPicture, anywidget.AnyWidget):
    """Trains in the background and shows it: curves, rate, time left, and the agent's game; pause, go on, stop.

    Cells can be run meanwhile. ``await monitor.wait()`` waits until training rests, and leaves the picture of that
    moment in the notebook and in pages made from it.

    Args:
        trainer: a `PPO`; or a `territory.training.run.Run`, which a dead kernel takes nothing from that was saved:
            when paused, when stopped, and every ``checkpoint_every`` updates.
        until: ends training where it is true of an update's record, for instance at a win rate.
        seconds: of training, pauses not counted, after which it ends.
        game_envs: the vector environment of one game that is watched; by default one like those of the run.
    """

    _esm = bundle("monitor.js")
    _css = bundle("monitor.css")
    # What is shown. The browser sets nothing itself: it asks (`_answer`), since training sets these from its thread.
    history = traitlets.Bytes().tag(sync=True)  # float64 (len(FIELDS), updates)
    status = traitlets.Dict().tag(sync=True)  # state, step, rate, ... in numbers and in words
    board = traitlets.Bytes().tag(sync=True)  # PNG
    game = traitlets.Dict().tag(sync=True)  # what stands below the board
    watching = traitlets.Bool(True).tag(sync=True)  # whether the game goes on
    speed = traitlets.Int(5, min=1, max=20).tag(sync=True)  # its steps a second
    words = traitlets.Dict().tag(sync=True)  # what never changes: names and sentences

    def __init__(
        self,
        trainer: PPO | Run,
        until: Callable[[Update], bool] = lambda update: False,
        seconds: float = float("inf"),
        game_envs: Any = None,
    ):
        super().__init__()
        self._display_id = uuid.uuid4().hex
        self._lock, self._told, self._starts = threading.RLock(), 0.0, 0
        self.live = LiveTraining(trainer, until, seconds, self._show)
        self.watched = WatchedGame(self.live.ppo, game_envs)
        self.words = {"fields": FIELDS, "sentences": viz.UPDATE_SENTENCES, "panels": [*viz.TRAINING_PANELS.items()]}
        self.on_msg(self._answer)
        self._show()
        self._show_game()

    @property
    def records(self) -> list[Update]:
        """The `Update` records so far."""
        return self.live.records

    @property
    def state(self) -> str:
        """Of `LiveTraining`: "running", "paused", ..."""
        return self.live.state

    def agent(self) -> Agent:
        """The agent after the last update: a copy, so it may be used while training goes on."""
        return self.live.agent

    def start(self) -> None:
        """Begin, or go on."""
        self.live.start()
        self._starts += 1
        threading.Thread(target=self._play, args=(self._starts,), daemon=True).start()

    def pause(self) -> None:
        """Rest after this update, until `start`."""
        self.live.pause()

    def stop(self) -> None:
        """End after this update."""
        self.live.stop()

    async def wait(self) -> str:
        """Wait until training rests (paused, or over), then put the picture of it into the notebook; the state.

        To be awaited: so the kernel hears the buttons meanwhile, where it knows how (ipykernel from 7 on).
        """
        while self.live.state not in RESTING:
            await asyncio.sleep(LOOK_AGAIN)
        state = self.live.wait()
        self._publish(update=True)
        return state

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        with self._lock:
            board = render_world(self.watched.world, scale=self._scale())
            caption = self.game["line"]
        return viz.figure_png(viz.training_figure(self.records, board, self.status["line"], caption))

    def _ipython_display_(self) -> None:
        self._publish(update=False)

    def _publish(self, update: bool) -> None:
        data, metadata = self._repr_mimebundle_()
        publish_display_data(data, metadata, transient={"display_id": self._display_id}, update=update)

    def _answer(self, _widget, message: dict, _buffers) -> None:
        """What the browser asks for; the one place that its messages come in."""
        match message["ask"]:
            case "start":
                self.start()
            case "pause":
                self.pause()
            case "stop":
                self.stop()
            case "watching" | "speed":
                self.set_trait(message["ask"], message["value"])

    def _show(self) -> None:
        """Send how training goes; called in its thread after each change."""
        state, now = self.live.state, time.monotonic()
        with self._lock:
            if state == self.status.get("state") == "running" and now - self._told < MOST_OFTEN:
                return
            self._told = now
            rows = np.array([[getattr(record, name) for name in FIELDS] for record in self.records], np.float64)
            self.history = rows.T.tobytes()
            self.status = self._status(state)

    def _status(self, state: str) -> dict:
        ppo, rate, left = self.live.ppo, self.live.steps_per_second, self.live.seconds_left
        total = ppo.config.num_updates * ppo.config.batch_size
        return {
            "state": state,
            "resting": state in RESTING,
            "step": ppo.step,
            "total": total,
            "updates": len(self.records),
            "rate": None if math.isnan(rate) else rate,
            "left": None if math.isnan(left) else left,
            "line": _line(state, ppo, total, self.records, rate, left, self.live.error),
        }

    def _play(self, start: int) -> None:
        """Go on with the watched game while training goes on, until the next `start`."""
        while start == self._starts and self.live.state not in RESTING:
            begun = time.monotonic()
            if self.watching:
                with self._lock:
                    self.watched.step(self.live.agent)
                    self._show_game()
            time.sleep(max(0.0, begun + 1 / self.speed - time.monotonic()))

    def _show_game(self) -> None:
        world, done, action = self.watched.world, self.watched.results, self.watched.action
        share, rank = world.land_share()[0], world.rank()[0]
        order = "a new game" if action is None else f"ordered {describe(action)}"
        line = (
            f"step {self.watched.steps}: {order} · {share:.0%} of the land, rank {rank} of {world.params.num_players}"
        )
        self.board = viz.to_png(render_world(world, scale=self._scale()))
        self.game = {
            "line": line,
            "results": [{"won": bool(each["win"]), "line": _verdict(each)} for each in done[-20:]],
            "number": len(done) + 1,
        }

    def _scale(self) -> int:
        params = self.watched.world.params
        return max(1, BOARD_PIXELS // max(params.height, params.width))


def _verdict(result: dict[str, float]) -> str:
    how = "won" if result["win"] else "not won"
    return f"{how} after {result['length']:.0f} steps, {result['land_share']:.0%} of the land"


def _line(state: str, ppo: PPO, total: int, records: list, rate: float, left: float, error: Exception | None) -> str:
    """The state in words."""
    if state == "failed":
        return f"failed: {error}"
    parts = [f"{state} · {ppo.step:,} of {total:,} steps"]
    if records:
        parts += [f"{rate:,.0f} steps/s", f"{_duration(left)} left at this rate"]
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
