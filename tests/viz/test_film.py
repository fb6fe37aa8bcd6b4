"""Films: every step is there, in the right size and the right colours."""

import os
import signal
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from territory import viz
from territory.errors import BadInput
from territory.viz import film, save_film
from territory.world import WorldParams
from territory.world.picture import AGENT_COLOUR
from territory.world.replay import record

SIDE, SCALE, STEPS = 32, 4, 12


@pytest.fixture(scope="module")
def game():
    params = WorldParams(height=SIDE, width=2 * SIDE, num_bots=2, max_steps=STEPS)
    return record(lambda obs, mask: int(np.flatnonzero(mask)[0]), params, seed=3)


def read_gif(path):
    """Its frames uint8 (T, H, W, 3), each as often as it is shown, and how long it shows one, in seconds."""
    frames = []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for number in range(image.n_frames):
            image.seek(number)
            frames += [np.asarray(image.convert("RGB"))] * round(image.info["duration"] / 100)
    return np.array(frames)


def read_mp4(path, height, width):
    """Its frames uint8 (T, H, W, 3)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def test_a_gif_shows_every_step_in_exactly_its_colours(game, tmp_path):
    pictures = np.array(list(film(game, SCALE)))
    save_film(pictures, tmp_path / "game.gif", fps=10)
    frames = read_gif(tmp_path / "game.gif")
    assert frames.shape == (len(game.actions) + 1, SIDE * SCALE, 2 * SIDE * SCALE, 3)
    assert (frames == pictures).all()
    assert (frames == AGENT_COLOUR).all(axis=-1).any(axis=(1, 2)).all()


def test_a_gif_is_the_same_bytes_every_time(game, tmp_path):
    for name in ("one.gif", "two.gif"):
        save_film(film(game), tmp_path / name)
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "two.gif").read_bytes()


def test_more_colours_than_a_gif_has_come_out_near(tmp_path):
    levels = np.arange(0, 256, 2, dtype=np.uint8)
    picture = np.stack(np.broadcast_arrays(levels[:, None], levels, 128), axis=-1).astype(np.uint8)
    save_film([picture], tmp_path / "many.gif")
    with Image.open(tmp_path / "many.gif") as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - picture).mean() < 10


def test_an_mp4_shows_every_step_in_nearly_its_colours(game, tmp_path):
    save_film(film(game, SCALE), tmp_path / "game.mp4", fps=20)
    pictures = np.array(list(film(game, SCALE)))
    frames = read_mp4(tmp_path / "game.mp4", *pictures.shape[1:3])
    assert frames.shape == pictures.shape
    assert imageio_ffmpeg.count_frames_and_secs(tmp_path / "game.mp4")[1] == pytest.approx(len(pictures) / 20, abs=0.05)
    assert np.abs(frames.astype(int) - pictures).mean() < 8
    inside = (pictures == AGENT_COLOUR).all(axis=-1)[-1]
    assert np.abs(np.median(frames[-1][inside], axis=0) - AGENT_COLOUR).max() < 12


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX's")
@pytest.mark.parametrize("name", ["game.gif", "game.mp4"])
def test_a_film_that_there_is_no_room_for_is_a_sentence_and_no_file(game, tmp_path, name):
    import resource

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(BadInput, match=f"{name} can't be written"):
            save_film(film(game, SCALE), tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pictures", "name", "fps", "said"),
    [
        ([], "game.gif", 10, "at least one picture"),
        ([1], "game.avi", 10, r"\.gif or \.mp4 file, got .*game\.avi"),
        ([1], "game.gif", 0, "pictures a second must be a number from 1 to 50"),
        ([1], "game.gif", 1000, "pictures a second must be a number from 1 to 50"),
    ],
)
def test_what_cant_be_filmed_is_explained_and_leaves_no_file(tmp_path, pictures, name, fps, said):
    with pytest.raises(BadInput, match=said):
        save_film(pictures, tmp_path / name, fps)
    assert not list(tmp_path.iterdir())


def test_without_ffmpeg_an_mp4_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(BadInput, match="pip install imageio-ffmpeg"):
        viz.save_film([np.zeros((32, 32, 3), np.uint8)], tmp_path / "game.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["game.gif", "game.mp4"])
def test_a_film_that_breaks_off_leaves_no_file(tmp_path, name):
    def breaking():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("the projector caught fire")

    with pytest.raises(RuntimeError, match="projector"):
        save_film(breaking(), tmp_path / name)
    assert not list(tmp_path.iterdir())
