"""A run while it goes: its curves, a game of the agent it trains, and a hand on the switch. `js/monitor` draws it."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import traitlets
from tqdm import tqdm

from territory import viz
from territory.agent import Agent
from territory.errors import BadInput, shown
from territory.training.live import RESTING, LiveTraining, WatchedGame
from territory.training.ppo import PPO
from territory.training.rollout import Update
from territory.training.run import LOG, Run, read_log
from territory.widgets.base import Instrument, Whole, bundle
from territory.world.actions import describe
from territory.world.params import MAX_BOTS
from territory.world.picture import player_colours, render_world

MOST_OFTEN = 0.1  # seconds between two messages: quicker than eyes follow, slower than a small run's updates
LOOK_AGAIN = 0.05  # seconds, while waiting
FIELDS = ("step", *viz.UPDATE_SENTENCES)  # rows of `history`


_BY_NAME: WeakValueDictionary[str, "TrainingMonitor"] = WeakValueDictionary()


class TrainingMonitor(Instrument):
    """Trains in the background and shows it: curves, rate, time left, and the agent's game; pause, go on, stop.

    Cells can be run meanwhile. ``await monitor.wait()`` waits until training rests, and leaves the picture of that
    moment in the notebook and in pages made from it. A new monitor of the same name stops the one before it.

    Args:
        trainer: a `PPO`; or a `territory.training.run.Run`, which a dead kernel takes nothing from that was saved:
            when paused, when stopped, and every ``checkpoint_every`` updates. None: only to look at finished runs.
        until: ends training where it is true of an update's record, for instance at a win rate.
        compare: folders of runs (or their names in ``runs``) whose curves are drawn beside this one's.
        name: what the run is called; two monitors that are to train at once need two names.
    """

    alt = "learning curves of a training run, and a game of the agent that is trained"
    _esm = bundle("monitor.js")
    _css = bundle("monitor.css")
    questions = {name: name for name in ("start", "pause", "stop")} | dict.fromkeys(("watching", "speed"))
    live: LiveTraining | None = None  # the training; None where there are only finished runs to see
    _starts = 0  # how often it was started: the watched game of an earlier start ends
    # What is shown. The browser sets nothing itself: it asks (`questions`), since training sets these from its thread.
    history = traitlets.Bytes().tag(sync=True)  # float64 (len(FIELDS), updates)
    status = traitlets.Dict().tag(sync=True)  # state, step, rate, ... in numbers and in words
    board = traitlets.Bytes().tag(sync=True)  # see `viz.pack_board`
    game = traitlets.Dict().tag(sync=True)  # what stands below the board
    watching = traitlets.Bool(True).tag(sync=True)  # whether the game goes on
    speed = Whole(5, min=1, max=20).tag(sync=True)  # its steps a second
    compared = traitlets.Bytes().tag(sync=True)  # of the runs beside this one: as `history`, one after another
    others = traitlets.Dict().tag(sync=True)  # their names, and how many updates each has
    words = traitlets.Dict().tag(sync=True)  # what never changes: names and sentences

    def __init__(
        self,
        trainer: PPO | Run | None = None,
        until: Callable[[Update], bool] = lambda update: False,
        compare: Sequence[str | Path] = (),
        name: str = "this run",
    ):
        if trainer is None and not compare:
            raise BadInput("expected a PPO or a Run to train, or folders of runs to compare; got neither")
        folders = [_folder(each) for each in ([compare] if isinstance(compare, str | Path) else compare)]
        logs = dict(zip(_names(folders), map(read_log, folders), strict=True))
        runs = {name: records for name, (records, _) in logs.items()}
        live = None if trainer is None else LiveTraining(trainer, until, tell=self._show)
        super().__init__()
        self._lock, self._told = threading.RLock(), 0.0
        self.words = {
            "fields": FIELDS,
            "sentences": viz.UPDATE_SENTENCES,
            "panels": [*viz.TRAINING_PANELS.items()],
            "name": name,
            "colours": player_colours()[: MAX_BOTS + 2].tolist(),
        }
        self.others = {"names": [*runs], "lengths": [len(records) for records in runs.values()]}
        self.compared = b"".join(map(_columns, runs.values()))
        self.runs, self._cut = runs, [name for name, (_, cut) in logs.items() if cut]
        if live is not None:
            self.watched = WatchedGame(live.ppo)
            if (earlier := _BY_NAME.get(name)) is not None:
                earlier.stop()  # else both would share the cores, and the first could no longer be reached
            _BY_NAME[name], self.live = self, live
            self._show_game()
        self._show()

    @property
    def records(self) -> list[Update]:
        """The `Update` records so far; without a training, those of the first run."""
        return self.live.records if self.live else next(iter(self.runs.values()))

    @property
    def state(self) -> str:
        """Of `LiveTraining`: "running", "paused", ..."""
        return self.live.state if self.live else "finished"

    def agent(self) -> Agent:
        """The agent after the last update: a copy, so it may be used while training goes on."""
        return self._training().agent

    def start(self) -> None:
        """Begin, or go on."""
        self._training().start()
        self._starts += 1
        threading.Thread(target=self._play, args=(self._starts,), daemon=True).start()

    def pause(self) -> None:
        """Rest after this update, until `start`."""
        self._training().pause()

    def stop(self) -> None:
        """End after this update."""
        self._training().stop()

    async def wait(self) -> str:
        """Wait until training rests (paused, or over), then put the picture of it into the notebook; the state.

        To be awaited: so the kernel hears the buttons meanwhile, where it knows how (ipykernel from 7 on).
        """
        live = self._training()
        while live.state not in RESTING:
            await asyncio.sleep(LOOK_AGAIN)
        state = live.wait()
        if hasattr(self, "_display_id"):  # it is shown somewhere
            self._publish_picture()
        return state

    def close(self) -> None:
        """End the view, and the training with it: after the update under way, which a `Run` saves."""
        self._starts += 1  # the watched game ends
        super().close()
        if self.live:
            self.live.stop()

    def _training(self) -> LiveTraining:
        if self.live is None:
            raise BadInput("this monitor shows finished runs: there is nothing to train")
        return self.live

    def static_png(self) -> bytes:
        """The view as PNG bytes: what exported pages show."""
        board, caption = np.full((8, 8, 3), 255, np.uint8), ""
        if self.live is not None:
            with self._lock:
                board, caption = render_world(self.watched.world, scale=4), self.game["line"]
        return viz.figure_png(viz.training_figure(self.records, board, self.status["line"], caption))

    def _show(self) -> None:
        """Send how training goes; called in its thread after each change."""
        state, now = self.state, time.monotonic()
        with self._lock:
            if state == self.status.get("state") == "running" and now - self._told < MOST_OFTEN:
                return
            self._told = now
            with self.hold_sync():
                self.history = _columns(self.live.records) if self.live else b""
                self.status = self._status(state)

    def _status(self, state: str) -> dict:
        if self.live is None:
            steps = max((records[-1].step for records in self.runs.values() if records), default=0)
            many = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
            line = f"{many} read from {'its folder' if len(self.runs) == 1 else 'their folders'}, up to {steps:,} steps"
            empty = [name for name, records in self.runs.items() if not records]
            for what, names in (("no update logged yet", empty), ("the log's last line is cut off", self._cut)):
                line += f" · {what}: {', '.join(names)}" if names else ""
            return {"state": state, "resting": True, "live": False, "step": steps, "total": steps, "line": line}
        ppo, rate, left = self.live.ppo, self.live.steps_per_second, self.live.seconds_left
        total = ppo.config.num_updates * ppo.config.batch_size
        parts = [f"{state} · {ppo.step:,} of {total:,} steps"]
        if self.records:
            parts += [f"{rate:,.0f} steps/s", f"{tqdm.format_interval(left)} left at this rate"]
        failure = f"failed after {ppo.step:,} steps: {self.live.error}"
        return {
            "state": state,
            "resting": state in RESTING,
            "live": True,
            "step": ppo.step,
            "total": total,
            "updates": len(self.records),
            "rate": None if math.isnan(rate) else rate,
            "left": None if math.isnan(left) else left,
            "line": failure if state == "failed" else " · ".join(parts),
        }

    def _play(self, start: int) -> None:
        """Go on with the watched game while training goes on, until the next `start`."""
        live, watched = self.live, self.watched
        assert live is not None and watched is not None  # started by `start`, which needs them
        while start == self._starts and live.state not in RESTING:
            begun = time.monotonic()
            if self.watching:
                with self._lock:
                    watched.step(live.agent)
                    self._show_game()
            time.sleep(max(0.0, begun + 1 / self.speed - time.monotonic()))

    def _show_game(self) -> None:
        world, done, action = self.watched.world, self.watched.results, self.watched.action
        share, rank = world.land_share()[0], world.rank()[0]
        order = "a new game" if action is None else f"ordered {describe(action)}"
        line = (
            f"step {self.watched.steps}: {order} · {share:.0%} of the land, rank {rank} of {world.params.num_players}"
        )
        with self.hold_sync():
            self.board = viz.pack_board(world)
            self.game = {
                "line": line,
                "results": [{"won": bool(each["win"]), "line": _verdict(each)} for each in done[-20:]],
                "number": len(done) + 1,
                "size": (world.params.height, world.params.width),
                "step": self.watched.steps,
            }


def _columns(records: Sequence[Update]) -> bytes:
    """float64 (len(FIELDS), updates)."""
    rows = np.array([[getattr(record, name) for name in FIELDS] for record in records], np.float64)
    return rows.reshape(-1, len(FIELDS)).T.tobytes()


def _folder(run: str | Path) -> Path:
    """The folder of a run, by its path or its name in ``runs``."""
    paths = (Path(run), Path("runs") / run) if isinstance(run, str | Path) else ()
    path = next((each for each in paths if each.is_dir()), None)
    if path is None:
        raise BadInput(f"expected the folder of a run, or its name in runs/; got {shown(run)}, which is no folder")
    if not (path / LOG).is_file() and not (path / "config.json").is_file():
        raise BadInput(f"expected the folder of a run; {path} holds neither {LOG} nor config.json")
    return path


def _names(folders: Sequence[Path]) -> list[str]:
    """What to call runs: their folders' names, with as much of the path as tells them apart."""
    names = [folder.name for folder in folders]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]


def _verdict(result: dict[str, float]) -> str:
    how = "won" if result["win"] else "not won"
    return f"{how} after {result['length']:.0f} steps, {result['land_share']:.0%} of the land"
