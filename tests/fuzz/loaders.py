"""What reads files, each with sound files to start from and a use of whatever it accepts."""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import territory
from studies.rollouts import Rollouts
from territory.agent import Agent, SampledStates, load_agent, save_agent
from territory.agent import checkpoint as files
from territory.envs import TerritoryEnv, map_from_image, save_map
from territory.models import build
from territory.training import TrainConfig, run
from territory.world import Replay, World, WorldParams
from territory.world.replay import record
from tests.fuzz import mutate
from tests.fuzz.mutate import Random, pick

SMALL = TrainConfig(
    model="tokens", height=32, width=32, num_bots=2, max_steps=20, num_envs=2, num_steps=4, minibatch_size=8,
    total_timesteps=64, checkpoint_every=100, device="cpu", name="run", update_epochs=1,
)  # fmt: skip
PARAMS = WorldParams(height=32, width=32, num_bots=2, max_steps=8)


@cache
def moment() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two observations with their masks."""
    world = World(2, WorldParams(height=32, width=32, num_bots=2))
    world.reset(np.array([1, 2]))
    return world.observe()


@cache
def checkpoints() -> tuple[files.Checkpoint, ...]:
    """Agents of two networks, in 32, 16 and 8 bits."""
    made = []
    for name, bits in (("tokens", 32), ("attention", 8), ("attention", 16)):
        model: Any = build(name, seed=0)
        config = replace(SMALL, model=name).as_dict()
        content = files.Checkpoint(name, model.options, config, {"step": 1}, {"2 x bot": {"win_rate": 0.5}})
        content.add_group(files.MODEL, files.model_arrays(model, bits))
        made.append(content)
    return tuple(made)


@cache
def training_run() -> Path:
    """A folder with a run of two updates, made once in this process."""
    made = run.start(replace(SMALL, runs_dir="sound"))
    made.train(stop=lambda: made.ppo.finished_updates == 2)
    return made.folder


def description(content: files.Checkpoint) -> dict[str, Any]:
    """What stands in a checkpoint's JSON."""
    told = {name: getattr(content, name) for name in files.DESCRIBED}
    return told | {"attack_threshold": content.decoding.attack_threshold, "views": content.decoding.views}


def checkpoint(random: Random) -> None:
    """Load an agent, let it act, evaluate it for a game, and save it again."""
    content = pick(random, checkpoints())
    path = Path("agent.safetensors")
    path.write_bytes(mutate.safetensors_of(random, content.arrays, description(content), files.FORMAT))
    agent = load_agent(path)
    obs, masks = moment()
    actions, (policy, value) = agent.act(obs, masks), agent.predict(obs, masks)
    if not (masks[np.arange(2), actions].all() and np.isfinite(policy).all() and np.isfinite(value).all()):
        raise AssertionError("an agent was accepted that is no policy")
    save_agent(agent, "again.safetensors", pick(random, (8, 16, 32)))
    if random.random() < 0.1:
        territory.evaluate(agent, 2, games=1, height=32, width=32, max_steps=2)


def training_state(random: Random) -> None:
    """Resume a run, train an update, and save."""
    content = files.read(training_run())
    folder = _copy_of(training_run())
    data = mutate.safetensors_of(random, content.arrays, description(content), files.FORMAT)
    (folder / files.FILE_NAME).write_bytes(data)
    _go_on(folder)


def run_folder(random: Random) -> None:
    """Resume a run among whose files are some that are something else."""
    folder = _copy_of(training_run())
    for _ in range(int(random.integers(1, 3))):
        _replace(random, folder / pick(random, ("log.jsonl", "config.json", files.FILE_NAME)))
    run.read_log(folder)
    _go_on(folder)


def _go_on(folder: Path) -> None:
    resumed = run.resume(folder)
    next(resumed.updates(), None)
    resumed.save()
    if not all(np.isfinite(a).all() for a in files.read(folder).group(files.MODEL).values()):
        raise AssertionError("weights were saved that are not finite")


def _copy_of(folder: Path) -> Path:
    shutil.rmtree("copy", ignore_errors=True)
    return Path(shutil.copytree(folder, "copy", ignore=shutil.ignore_patterns("events*")))


def _replace(random: Random, path: Path) -> None:
    """Put something else where a file is."""
    data = path.read_bytes() if path.is_file() else b""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    kind = int(random.integers(8))
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to(pick(random, (path.name, "/dev/zero", "/dev/full", "gone", ".")))
    elif kind == 3:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == 4 and data[:1] == b"{":
        texts = [mutate.json_of(random, record) for record in _records(data)]
        path.write_bytes("\n".join(texts).encode("utf-8", "surrogatepass"))
    elif kind < 7:
        path.write_bytes(mutate.bytes_of(random, data))


def _records(data: bytes) -> Iterator[Any]:
    """The JSON of each line; an earlier change of the same file may have left lines that hold none."""
    for line in data.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def replay(random: Random) -> None:
    """Load a recorded game, play it again, and save it."""
    arrays = pick(random, replays())
    path = Path("game.npz")
    path.write_bytes(mutate.npz_of(random, arrays))
    game = Replay.load(path)
    game.verify()
    game.save("again.npz")


@cache
def replays() -> tuple[dict[str, np.ndarray], ...]:
    """The arrays of two games: one on its own map, one on a given one."""
    made = []
    for terrain in (None, np.ones((32, 32), np.uint8)):
        record(lambda obs, mask: int(mask.argmax()), PARAMS, 3, terrain).save("sound.npz")
        with np.load("sound.npz") as arrays:
            made.append(dict(arrays))
    return tuple(made)


def map_image(random: Random) -> None:
    """Read a picture as a map, and begin a game on it."""
    path = Path(pick(random, ("map.png", "map.jpg", "map.eps", "map")))
    path.write_bytes(mutate.picture_of(random))
    size = pick(random, ({}, {"height": 32, "width": 32}))
    terrain = map_from_image(path, **size)
    TerritoryEnv(map=terrain, num_bots=1, max_steps=2).reset(seed=0)


def direction_data(random: Random) -> None:
    """Read what directions were worth, and what is learned from."""
    games = np.repeat(np.arange(4), 2)
    returns = np.where(np.arange(8) < 3, np.arange(64).reshape(8, 8) / 64, np.nan).astype(np.float32)
    obs, masks = moment()
    arrays = {"maps": obs["map"], "stats": obs["global"], "masks": masks}
    arrays = {name: np.repeat(array, 4, axis=0) for name, array in arrays.items()} | {"games": games}
    path = Path("branches.npz")
    path.write_bytes(mutate.npz_of(random, arrays | {"returns": returns}))
    found = Rollouts.load(path)
    if not np.isfinite(found.advantages()).all():
        raise AssertionError("advantages that are not finite were accepted")


def paths(random: Random) -> None:
    """Read from and write to whatever can have a name."""
    made = Path(pick(random, ("pipe", "folder", "file", "link", "nothing")))
    made.mkdir(exist_ok=True) if made.name == "folder" else None
    os.mkfifo(made) if made.name == "pipe" and not made.exists() else None
    made.write_bytes(b"") if made.name == "file" else None
    made.symlink_to(made.name) if made.name == "link" and not os.path.lexists(made) else None
    odd = ("", ".", "..", "/", "/dev/zero", "/dev/full", "/dev/null", "/dev/tty", "/proc/self/mem", "a\0b", "é" * 5000)
    name = pick(random, (*odd, "file/below", "x" * 255, "\udc80", str(made), str(made), str(made), "a/b/c", "~/x"))
    end = pick(random, ("", "", ".npz", ".png", ".safetensors"))
    end = "" if name.startswith("/") else end  # else root's /dev/zero.npz would be written, and stay
    uses: tuple[Callable[[str], Any], ...] = (load_agent, Replay.load, map_from_image, Rollouts.load, files.read)
    uses += (run.resume, lambda path: save_map(np.ones((32, 32), np.uint8), path))
    uses += (lambda path: Replay(PARAMS, 1, np.zeros(1, np.int32)).save(path),)
    uses += (lambda path: save_agent(Agent(build("tokens", seed=0)), path), lambda path: _states().save(path))
    pick(random, uses)(name + end)


def _states() -> Rollouts:
    obs, masks = moment()
    return Rollouts(SampledStates(obs["map"], obs["global"], masks, np.arange(2)), np.zeros((2, 8), np.float32))


LOADERS: dict[str, Callable[[Random], None]] = {
    loader.__name__: loader
    for loader in (checkpoint, training_state, run_folder, replay, map_image, direction_data, paths)
}
