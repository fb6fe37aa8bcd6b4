"""Training in the background: it can be paused, watched, stopped and resumed, with the same result as undisturbed.

It goes on in a thread. An update takes a fraction of a second here and many seconds elsewhere; a task between updates
would hold up everything else for so long. The thread doesn't, since torch lets go of the interpreter while it computes.
What others may touch is not the network that learns but a copy, made between updates.
"""

import atexit
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from territory.agent.agent import Agent
from territory.errors import BadInput
from territory.guests.contents import copy_of
from territory.training.build import make_watched_env
from territory.training.ppo import PPO
from territory.training.rollout import Update
from territory.training.run import Run
from territory.world.params import HELD_OUT_SEED

RATE_WINDOW = 10  # updates that the rate is taken over
RESTING = ("ready", "paused", "stopped", "reached", "finished", "failed")  # no step is played in these


class LiveTraining:
    """Trains a `PPO` (in memory) or a `Run` (in its folder) in the background.

    ``state``: "ready"; "running"; "pausing" and "stopping", until the update is through; "paused"; and the ends:
    "stopped" when asked to, "reached" where ``until`` said so, "finished" at the end of the run, "failed" with
    ``error``. All but the last two can be taken up again.

    ``records``: the `Update` records, those of a resumed run's log included. ``agent``: the network after the last
    update; a copy, so it may be used while training goes on.
    """

    def __init__(
        self,
        trainer: PPO | Run,
        until: Callable[[Update], bool] = lambda update: False,
        tell: Callable[[], object] = lambda: None,
    ):
        """``tell``: called in the thread after each change. Both may be changed while training rests."""
        if not isinstance(trainer, PPO | Run):
            raise BadInput(f"expected a PPO or a Run (territory.training.run.start), got {type(trainer).__name__}")
        self.ppo = trainer.ppo if isinstance(trainer, Run) else trainer
        self.records: list[Update] = trainer.log() if isinstance(trainer, Run) else []
        self.state, self.error = "ready", None
        self._trainer, self.until, self.tell = trainer, until, tell
        self._threads = torch.get_num_threads()
        self._change = threading.Condition()
        self._copy()

    def start(self) -> None:
        """Begin, or go on: after a pause, a stop, or the goal."""
        with self._change:
            if self.state in ("pausing", "paused"):
                self._enter("running")
            elif self.state in ("ready", "stopped", "reached"):
                self._enter("running")
                self._thread = threading.Thread(target=self._train, daemon=True)
                self._thread.start()
                atexit.register(self._leave)

    def pause(self) -> None:
        """Rest after this update, until `start`. A run is saved then."""
        with self._change:
            if self.state == "running":
                self._enter("pausing")

    def stop(self) -> None:
        """End after this update. A run is saved then."""
        with self._change:
            if self.state in ("running", "pausing", "paused"):
                self._enter("stopping")

    def wait(self) -> str:
        """Wait until training rests, and return the state; raises what made it fail."""
        with self._change:
            self._change.wait_for(lambda: self.state in RESTING)
        if self.error is not None:
            raise self.error
        return self.state

    @property
    def steps_per_second(self) -> float:
        """Of the last updates; NaN before the first."""
        latest = self.records[-RATE_WINDOW:]
        return float(1 / np.mean([1 / update.steps_per_second for update in latest])) if latest else float("nan")

    @property
    def seconds_left(self) -> float:
        """Until the end of the run at this rate; NaN before the first update."""
        total = self.ppo.config.num_updates * self.ppo.config.batch_size
        return (total - self.ppo.step) / self.steps_per_second

    def _train(self) -> None:
        torch.set_num_threads(self._threads)  # a new thread would begin with its own number
        try:
            end = self._follow()
        except Exception as error:
            self.error, end = error, "failed"
        atexit.unregister(self._leave)
        with self._change:
            self._enter(end)

    def _leave(self) -> None:
        """End before the process does: a thread cut off in torch's hands would take it down, and a run be unsaved."""
        self.stop()
        self._thread.join()

    def _follow(self) -> str:
        """Train until something ends it; returns what."""
        for update in self._trainer.updates():
            self.records.append(update)
            self._copy()
            self.tell()
            if self.ppo.finished_updates == self.ppo.config.num_updates:
                break
            if self.until(update):
                return self._kept("reached")
            with self._change:  # heed what was asked for during the update
                if self.state == "pausing":
                    self._enter(self._kept("paused"))
                    self._change.wait_for(lambda: self.state != "paused")
                stops = self.state == "stopping"
            if stops:
                return self._kept("stopped")
        return "finished"

    def _kept(self, state: str) -> str:
        """The state, once a run's checkpoint is written: from here on the process may die."""
        if isinstance(self._trainer, Run):
            self._trainer.save()
        return state

    def _copy(self) -> None:
        progress = self.ppo.last.as_dict() if self.ppo.last else {}
        self.agent = Agent(copy_of(self.ppo.model), self.ppo.config.as_dict(), progress)

    def _enter(self, state: str) -> None:
        self.state = state
        self._change.notify_all()
        self.tell()


class WatchedGame:
    """Games played to be looked at, one after another, by an agent that may change on the way.

    They have an environment of their own, like those of the run, on unseen maps: training doesn't notice.
    """

    def __init__(self, ppo: PPO):
        self.envs = make_watched_env(ppo.config)
        self.obs, info = self.envs.reset(seed=HELD_OUT_SEED + ppo.config.seed)
        self.mask = info["action_mask"]
        self.steps, self.action = 0, None  # of the game that is on, and its last action
        self.results: list[dict[str, float]] = []  # win, land_share, length, ... of each game that is over

    @property
    def world(self) -> Any:
        """The `World` of one game, to be drawn."""
        return self.envs.unwrapped.world

    def step(self, agent: Agent) -> None:
        """One step, sampled from the policy as in training."""
        actions = agent.act(self.obs, self.mask, deterministic=False)
        self.obs, _, terminated, truncated, info = self.envs.step(actions)
        self.mask, self.action = info["action_mask"], int(actions[0])
        self.steps += 1
        if terminated[0] or truncated[0]:
            self.results.append({name: float(info["final_info"][name][0]) for name in ("win", "land_share", "length")})
            self.steps, self.action = 0, None
