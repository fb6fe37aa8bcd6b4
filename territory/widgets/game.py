"""The game in your own hands, beside everything an agent would be given: `js/game` draws it, this file plays it."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import traitlets

from territory import viz
from territory.agent import pretrained
from territory.envs.opponents import SCRIPTED, as_policy, find_policy
from territory.envs.single import TerritoryEnv
from territory.errors import BadInput, one_of, shown, whole
from territory.widgets.base import Answer, Instrument, Whole, bundle
from territory.widgets.looks import on_one_thread
from territory.world.actions import INTENSITIES, Direction, describe, encode
from territory.world.layout import Plane, Stat
from territory.world.params import MAX_BOTS, OPPONENTS
from territory.world.picture import player_colours, render_world
from territory.world.replay import Replay

_WELCOME = "Your land is blue with a white edge. Where will you go?"


class GamePlayer(Instrument):
    """Play `Territory-v0` by hand, with mouse and keyboard.

    Point at the map or at the compass; keys stand below it. Only what the action mask allows can be ordered. Beside
    the board: the mask, the five planes, the sixteen statistics and what the last step changed of them. A step can be
    undone; and an agent or a script can play instead of you, to be watched against others.

    Args:
        env: from ``gymnasium.make("Territory-v0", ...)``.
        seed: of the first game's map.
        agents: who else may play for you: names (see `territory.load_agent`) or policies by name; by default the
            scripted ones and the pretrained.
    """

    alt = "a game of Territory: the board, the action mask, the planes and the statistics"
    _esm = bundle("game.js")
    _css = bundle("game.css")
    questions = {name: name for name in ("order", "attack", "go", "undo", "restart")} | {
        "aim": "_aim",
        "save": "_replay_file",
    }
    # What the controls say.
    intensity = Whole(1, min=0, max=len(INTENSITIES) - 1).tag(sync=True)
    build = traitlets.Bool(False).tag(sync=True)
    seed = Whole(7, min=0, max=2**31 - 1).tag(sync=True)
    num_bots = Whole(5, min=1, max=MAX_BOTS).tag(sync=True)
    opponents = traitlets.Unicode("bot").tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)  # waits by itself, `speed` steps a second
    speed = Whole(5, min=1, max=20).tag(sync=True)
    player = traitlets.Unicode("you").tag(sync=True)  # who plays where it runs on: you (waiting), or one of the agents
    # What is shown.
    board = traitlets.Bytes().tag(sync=True)  # see `viz.pack_board`
    planes = traitlets.Bytes().tag(sync=True)  # uint8 (5, H, W), as the agent gets them
    scene = traitlets.Dict().tag(sync=True)  # the rest of what a step changes
    aim = traitlets.Dict().tag(sync=True)  # where the tile that is pointed at lies from here
    words = traitlets.Dict().tag(sync=True)  # what never changes: names and sentences

    def __init__(self, env: Any, seed: int = 7, agents: dict[str, Any] | None = None):
        if not isinstance(getattr(env, "unwrapped", None), TerritoryEnv):
            raise BadInput(f'expected one game, gymnasium.make("Territory-v0"); got {shown(env)}')
        if not isinstance(agents, dict | None):
            raise BadInput(f"agents: expected names or policies by name, a dictionary; got {shown(agents)}")
        super().__init__(seed=whole("seed", seed, 0, 2**31 - 1), num_bots=env.unwrapped.params.num_bots)
        self.env: Any = env
        self._serial, self._policies = 0, {}
        self._agents = {name: name for name in (*SCRIPTED, *pretrained())} if agents is None else agents
        given = env.spec.kwargs.get("opponents", "bot")
        self.opponents = given if isinstance(given, str) else type(given).__name__
        self._rivals = {name: name for name in OPPONENTS} | {self.opponents: given} | self._agents
        self.words = _words([*self._rivals], ["you", *self._agents])
        self.restart()

    def restart(self) -> None:
        """Begin a new game on the chosen seed, against the chosen opponents. Raises BadInput if they find no room."""
        rivals = self._rivals[one_of("opponents", self.opponents, self._rivals)]
        now = self.env.spec.kwargs.get("opponents", "bot"), self.env.unwrapped.params.num_bots
        if now != (rivals, self.num_bots):
            self.env = gymnasium.make(self.env.spec, num_bots=self.num_bots, opponents=rivals)
        self._begin(self.seed)
        self._show(_WELCOME)

    def order(self, direction: int) -> None:
        """One step in a `Direction` with the chosen share and build flag, if the mask allows it."""
        direction = Direction(direction)
        share = 0 if direction is Direction.WAIT else self.intensity
        action = encode(direction, share, self.build)
        if self.over or not self.mask[action]:
            return self._say(f"Masked: {describe(action)} would have no effect now.")
        self.step(action)

    def attack(self, row: int, column: int) -> None:
        """`order` towards a tile."""
        direction, _ = viz.direction_towards(self._owner(), row, column)
        self.order(direction)

    def step(self, action: int, who: str = "You") -> None:
        """Play any of the 90 actions; ``who`` is said to have ordered it."""
        if self.over:
            raise BadInput("the game is over: restart() begins another")
        reward, terminated, info = self._play(action)
        self._show(
            _verdict(info, terminated) if self.over else f"{who} ordered: {describe(action)}. Reward {reward:+.3f}."
        )

    def go(self, after: int | None = None) -> None:
        """One step by whoever is chosen in ``player``; none if another view has gone on since ``after`` steps."""
        if after not in (None, len(self.actions)):
            return None
        if self.player == "you":
            return self.order(Direction.WAIT)
        who = self._agents[one_of("player", self.player, ("you", *self._agents))]
        if self.player not in self._policies:
            self._policies[self.player] = as_policy(find_policy(who) if isinstance(who, str) else who)
        batch = {name: values[None] for name, values in self.obs.items()}
        with on_one_thread():
            action = int(self._policies[self.player](batch, self.mask[None])[0])
        self.step(action, self.player)

    def undo(self) -> None:
        """Take the last step back: the game is played again up to there, from its seed.

        Raises BadInput: nothing was played, or this game does not go the same way twice (opponents that act at random).
        """
        if not self.actions:
            raise BadInput("there is no step to undo: the game has just begun")
        actions, was = self.actions[:-1], self._trail[-1]
        self._begin(self.played_seed)
        for action in actions:
            self._play(action)
        if self._digest() != was:
            raise BadInput("this game went another way when played again, as opponents acting at random do: it goes on")
        self._show("The last step is undone.")

    def _begin(self, seed: int) -> None:
        self.obs, info = self.env.reset(seed=seed)
        self.played_seed, self.mask, self.before = seed, info["action_mask"], self.obs["global"]
        self.actions, self._trail, self.result, self._returned, self.running = [], [], None, 0.0, False

    def _play(self, action: int) -> tuple[float, bool, dict[str, Any]]:
        """One step, unseen; its reward, whether the game was decided, and what the environment tells of it."""
        self._trail.append(self._digest())  # by which `undo` knows that the game goes the same way again
        self.before = self.obs["global"]
        self.obs, reward, terminated, truncated, info = self.env.step(action)
        self.mask, self.result = info["action_mask"], info if terminated or truncated else None
        self.actions.append(int(action))
        self._returned += reward
        return reward, terminated, info

    def _digest(self) -> bytes:
        return hashlib.sha256(self.obs["map"].tobytes() + self.obs["global"].tobytes()).digest()

    @property
    def over(self) -> bool:
        """Whether the game has ended; `result` then says how (win, land_share, rank, length, ...)."""
        return self.result is not None

    def replay(self) -> Replay:
        """The game so far, to save or to open in the explorer."""
        return self.env.unwrapped.replay()

    def static_png(self) -> bytes:
        """The moment as a picture: what exported pages show."""
        picture = render_world(self.env.unwrapped.world, scale=4)
        title = f"step {len(self.actions)} · " + self._standing().split(" · ")[0]
        before = self.before if self.actions else None
        return viz.figure_png(viz.playing_figure(picture, self.obs, self.mask, before, title))

    def _aim(self, row: int, column: int) -> None:
        direction, start = viz.direction_towards(self._owner(), row, column)
        self.aim = {"direction": int(direction), "from": start, "to": (row, column), "serial": self._serial}

    def _replay_file(self) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"territory-seed-{self.env.unwrapped.world.state.seed[0]}.npz"
            self.replay().save(path)
            return {"file": path.name}, [path.read_bytes()]

    def _owner(self) -> np.ndarray:
        return self.env.unwrapped.world.map_of("owner")[0]

    def _show(self, line: str) -> None:
        """Send all that changed, in one message."""
        with self.hold_sync():
            self.board = viz.pack_board(self.env.unwrapped.world)
            self.planes = self.obs["map"].tobytes()
            self.build = self.build and bool(self.mask[1::2].any())
            self.running = self.running and not self.over
            self._say(line)

    def _say(self, line: str) -> None:
        self._serial += 1
        world = self.env.unwrapped.world
        self.scene = {
            "serial": self._serial,  # so that a reply is seen even where nothing else changed
            "step": len(self.actions),
            "over": self.over,
            "line": line,
            "standing": self._standing(),
            "size": self._owner().shape,
            "stats": self.obs["global"].tolist(),
            "before": self.before.tolist(),
            "mask": [] if self.over else self.mask.tolist(),
            "land": (world.state.tiles[0, 1:] / world.state.land[0]).tolist(),
        }

    def _standing(self) -> str:
        world = self.env.unwrapped.world
        troops, gold = world.state.troops[0, 1], world.state.gold[0, 1]
        return (
            f"{world.land_share()[0]:.1%} of the land, rank {world.rank()[0]} of {world.params.num_players} · "
            f"{troops:,.0f} troops at home · {gold:,.0f} gold · return {self._returned:+.2f}"
        )


def _verdict(info: dict, terminated: bool) -> str:
    how = "You won." if info["win"] else "You were wiped out." if terminated else "Time is up: nobody won."
    return f"{how} {info['land_share']:.0%} of the land, rank {info['rank']}, after {info['length']} steps."


def _words(opponents: list[str], agents: list[str]) -> dict[str, Any]:
    """Names, sentences and colours, in the order of what they describe."""
    return {
        "planes": [(plane.name.lower(), viz.PLANE_SENTENCES[plane]) for plane in Plane],
        "stats": [(stat.name.replace("_", " ").lower(), viz.STAT_SENTENCES[stat]) for stat in Stat],
        "compass": [(int(direction), direction.name) for direction in viz.COMPASS],
        "shares": [f"{share:.0%}" for share in INTENSITIES],
        "players": ["you", *(viz.player_name(player) for player in range(2, MAX_BOTS + 2))],
        "colours": player_colours()[: MAX_BOTS + 2].tolist(),
        "opponents": opponents,
        "agents": agents,
        "max_bots": MAX_BOTS,
    }
