"""``territory play``: a game in the terminal, yours or somebody else's, to be kept as a replay or a film."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from territory.cli.commands import check_used
from territory.errors import BadInput, real, whole
from territory.files import as_typed, check_writable
from territory.world.params import HELD_OUT_SEED

if TYPE_CHECKING:
    from territory.cli.terminal import Game
    from territory.world.replay import Replay

YOU, SCRIPTS = "you", ("bot", "nation")
PLAYED = Path("runs") / "played"  # where games played by hand are kept
REPLAY, FILMS = ".npz", (".gif", ".mp4")


def play(
    player: tyro.conf.Positional[str] = YOU,
    num_bots: int = 5,
    opponents: str = "bot",
    seed: int = HELD_OUT_SEED,
    map: str | None = None,
    height: int | None = None,
    width: int | None = None,
    max_steps: int | None = None,
    fps: float = 10.0,
    save: Path | None = None,
    scale: int = 4,
) -> int:
    """Play a game with the keyboard, or watch one, in the terminal.

    Args:
        player: Who plays: "you", a pretrained agent, a run, a checkpoint file, the scripted "random", "idle" and
            "steady", the game's own "bot" and "nation"; or a replay (.npz), to watch it.
        num_bots: Opponents, 1 to 50.
        opponents: Who they are: bot, nation, mixed, or an agent named as above.
        seed: Of the map, the starts and all that is random.
        map: An image to play on: blue is water, green plains, brown highland, white and grey mountain.
        height: Rows of the map; by default as the agent was trained, or the image's.
        width: Columns of the map; likewise.
        max_steps: Steps until the game is cut off; by default as the agent was trained.
        fps: Steps a second, for watching and in films.
        save: Keep the game as a replay (.npz) or a film (.gif, .mp4). What you played yourself is always kept.
        scale: Pixels per tile in films.
    """
    _check(player, fps, save, scale)
    from territory.cli.streams import has_colours
    from territory.cli.terminal import Screen, board_text, ending, play_by_hand, watch
    from territory.world.replay import Replay

    options = {"num_bots": num_bots, "opponents": opponents, "max_steps": max_steps, "height": height, "width": width}
    if Path(player).suffix.lower() == REPLAY:
        check_used(play, options | {"seed": seed, "map": map}, f"the game in {player} is played again as it was")
        replay = Replay.load(player)
        with Screen() as screen:
            world = watch(screen, ((world, orders) for world, orders, _ in replay.steps()), fps)
    else:
        game, decide = _begin(player, seed, map, options)
        try:
            with Screen() as screen:
                play_by_hand(screen, game) if decide is None else watch(screen, game.played_by(decide), fps)
        finally:
            if player == YOU and game.orders:  # whatever ended the game
                name = f"{datetime.now():%Y-%m-%d-%H%M%S}-seed{seed}{REPLAY}"
                try:
                    _keep(game.replay(), PLAYED / name, fps, scale)
                except BadInput as error:  # a disk that filled up, a folder that went away meanwhile
                    print(f"territory: {error}", file=sys.stderr)
                    _keep(game.replay(), Path(tempfile.gettempdir(), name), fps, scale)
        world, replay = game.world, game.replay()
    columns, rows = shutil.get_terminal_size()
    print(board_text(world, columns, rows - 3, has_colours()), ending(world), sep="\n")
    if save:
        _keep(replay, save, fps, scale)
    return 0


def _check(player: str, fps: float, save: Path | None, scale: int) -> None:
    """Say what can't be done before a game is played for nothing."""
    real("fps", fps, 0.001, 1000)
    whole("scale", scale, 1, 64)
    if save is None or save.suffix.lower() not in FILMS:
        check_used(play, {"scale": scale}, "it is for films, and --save names none")
    if save:
        if save.suffix.lower() not in (REPLAY, *FILMS):
            raise BadInput(f"a game is saved as {', '.join((REPLAY, *FILMS))}, got {save}")
        check_writable(save, "save")
        if save.suffix.lower() in FILMS:
            from territory.viz.games import check_film

            check_film(save, fps)
    if player == YOU and not (sys.stdin.isatty() and sys.stdout.isatty() and os.name == "posix"):
        raise BadInput(
            "playing by hand needs a terminal (of Linux, macOS or WSL), but input or output is none here; "
            "agents play anywhere: territory play steady"
        )
    if player == YOU:
        check_writable(PLAYED / "game", "to keep what you play")


def _begin(player: str, seed: int, map: str | None, options: dict[str, Any]) -> tuple["Game", Callable | None]:
    """A game, and who decides in it: None is the keyboard."""
    from territory.cli.terminal import Game
    from territory.envs import TerritoryEnv
    from territory.envs.common import make_world
    from territory.envs.opponents import find_opponents, find_policy
    from territory.world import World
    from territory.world.actions import SCRIPTED
    from territory.world.rules import KINDS

    policy = None if player in (YOU, *SCRIPTS) else find_policy(player)
    trained = getattr(policy, "config", {})
    usual = {name: trained[name] for name in ("max_steps", *(() if map else ("height", "width"))) if name in trained}
    options = usual | {name: value for name, value in options.items() if value is not None}
    world, opponent = make_world(TerritoryEnv, 1, map, options | {"opponents": find_opponents(options["opponents"])})
    world.reset([seed])
    if player in SCRIPTS:  # the same game with the agent's seat given to a bot or a nation
        others = (KINDS[other] for other in world.state.kind[0, 2:])
        world = World(1, world.params, world.terrain, (player, *others))
        world.reset([seed])
        return Game(world, opponent), lambda world: SCRIPTED
    return Game(world, opponent), policy and (lambda world: int(policy(*world.observe())[0]))


def _keep(replay: "Replay", path: Path, fps: float, scale: int) -> None:
    """Write a game; both ways play it again first and so check it."""
    if path.suffix.lower() == REPLAY:
        replay.verify()
        replay.save(path)
        print(f"kept as {path}, which plays again exactly: territory play {as_typed(path)}")
    else:
        from territory.viz.games import film, save_film

        save_film(film(replay, scale), path, fps)
        print(f"filmed in {path}")
