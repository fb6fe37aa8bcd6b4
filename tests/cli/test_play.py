"""`territory play` in a real terminal (a pseudo-terminal): keys, pictures, and what is left behind."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from territory.cli import main
from territory.cli.terminal import CLOSE, HELP, OPEN, Game
from territory.envs import save_map
from territory.world import Replay
from territory.world.actions import Direction, encode

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--num-bots", "1", "--height", "32", "--width", "32", "--seed", "3"]


class Terminal:
    """A pseudo-terminal of 80 x 24 characters; `typed` is sent once something is on its screen."""

    def __init__(self, typed: str):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self._read_so_far = b""
        self._typed = typed.encode()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # nobody is at the other end any more
                return
            self._read_so_far += data
            if self._typed and "Q leaves" in self.shown:
                os.write(self.master, self._typed)
                self._typed = b""

    @property
    def shown(self) -> str:
        return self._read_so_far.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 300
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            time.sleep(0.01)

    def close(self) -> str:
        """What was shown; its settings must be as they were."""
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        self._reader.join()  # reads what is still under way
        os.close(self.master)
        assert after == self.before
        return self.shown


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Runs `territory play` in a terminal, in a folder of its own; returns its exit status and what was shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        terminal = Terminal(typed)
        with open(terminal.slave, "w", closefd=False) as out, open(terminal.slave, closefd=False) as keys:
            monkeypatch.setattr("sys.stdin", keys)
            monkeypatch.setattr("sys.stdout", out)
            monkeypatch.setattr("sys.__stdout__", out)  # where the size of the terminal is asked for
            try:
                status = main(["play", *arguments])
                out.flush()
            finally:
                shown = terminal.close()
        return status, shown

    return run


def kept(folder: Path = Path("runs/played")) -> Replay:
    (path,) = folder.glob("*.npz")
    return Replay.load(path)


def test_a_game_played_by_hand_is_what_was_typed_and_is_kept(play):
    status, shown = play(*SMALL, typed="3d1\x1b[A c?xs5 Q")
    replay = kept()
    typed = [("E", 2), ("N", 0), ("WAIT", 0), ("SE", 0), ("WAIT", 0), ("WAIT", 0)]
    orders = [encode(Direction[name], share) for name, share in typed]
    done = replay.actions.tolist()
    assert status == 0 and [action for action in orders if action in done] == done and len(done) >= 3
    assert "q w e" in shown, "the help"
    assert "send 75%" in shown and "step 3" in shown and "left after" in shown
    replay.verify()


def test_the_help_fits_a_small_terminal():
    assert max(map(len, HELP.splitlines())) < 80 and len(HELP.splitlines()) < 24


def test_an_order_that_has_no_effect_is_not_played(play):
    _, shown = play(*SMALL, "--max-steps", "40", typed="d" * 60 + "w" * 60 + "bQ")
    assert "nothing to take in the" in shown
    assert "it needs gold" in shown or "next order" in shown or "time is up" in shown


def test_the_screen_is_left_as_it_was_and_the_end_is_printed_below(play):
    status, shown = play(*SMALL, typed="Q")
    assert status == 0 and not Path("runs").exists()  # nothing was played
    assert shown.startswith(OPEN) and shown.count(CLOSE) == 1
    after = shown[shown.index(CLOSE) :]
    assert "▀" in after and "left after 0 steps" in after


def test_a_dumb_terminal_gets_lines_below_each_other_without_codes(play, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    _, shown = play(*SMALL, typed="wwQ")
    assert "\x1b" not in shown and shown.count("\r\nstep ") >= 2


def test_where_a_game_cant_be_kept_none_is_begun(play, tmp_path, capsys):
    (tmp_path / "runs").touch()
    status, shown = play(*SMALL, typed="wQ")
    assert status == 2 and shown == ""
    assert "to keep what you play: runs/played/game can't be written" in capsys.readouterr().err


def test_a_game_whose_folder_went_away_is_kept_among_the_temporary_files(play, tmp_path, monkeypatch, capsys):
    replay = Game.replay
    monkeypatch.setattr(Game, "replay", lambda game: ((tmp_path / "runs").touch(), replay(game))[1])  # at the end
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, shown = play(*SMALL, typed="wQ")
    assert status == 0 and "runs/played/" in capsys.readouterr().err
    assert f"kept as {tmp_path}" in shown.replace("\r\n", "") and kept(tmp_path).actions.shape[0] == 1


def test_the_ending_of_a_name_may_be_in_capitals(play):
    assert play("idle", *SMALL, "--max-steps", "2", "--save", "game.NPZ")[0] == 0
    assert play("game.NPZ", "--fps", "50", "--save", "film.GIF")[0] == 0
    assert Path("film.GIF").read_bytes().startswith(b"GIF89a")


def test_the_picture_fits_the_terminal(play):
    _, shown = play("idle", "--max-steps", "3", "--fps", "100", "--num-bots", "2")
    first = shown[len(OPEN) : shown.index("step 0")]
    lines = [line for line in first.splitlines() if "▀" in line]
    assert len(lines) == 22 and {line.count("▀") for line in lines} == {44}  # 128 x 128 in 80 x 24, two lines of text
    assert "\x1b[38;2;" in first


def test_watching_stops_when_q_is_pressed_and_pauses_when_space_is(play):
    status, shown = play("steady", *SMALL, "--fps", "50", typed=" xq")
    assert status == 0 and "left after" in shown


def test_a_recorded_game_can_be_watched_again(play):
    assert play("steady", *SMALL, "--max-steps", "8", "--fps", "500", "--save", "game.npz")[0] == 0
    status, shown = play("game.npz", "--fps", "50", "--save", "again.gif", "--scale", "2")
    assert status == 0 and "time is up after 8 steps" in shown and "filmed in again.gif" in shown
    with Image.open("again.gif") as image:
        assert image.size == (64, 64)


def test_an_exception_restores_the_terminal(play, monkeypatch):
    def fail(*_):
        raise RuntimeError("the board fell off the table")

    monkeypatch.setattr("territory.cli.terminal.board_text", fail)
    with pytest.raises(RuntimeError, match="fell off"):
        play("idle", *SMALL)  # looks itself whether the terminal is as it was


def test_ctrl_c_restores_the_terminal_keeps_the_game_and_exits_130(tmp_path):
    terminal = Terminal("sss")
    environment = os.environ | {"TERM": "xterm", "COLORTERM": ""}
    command = [sys.executable, "-m", "territory", "play", *SMALL]
    environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=subprocess.PIPE,
    )
    terminal.wait_for("step 3")
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    shown = terminal.close()
    assert process.returncode == 130 and b"Traceback" not in error
    assert CLOSE in shown and "\x1b[38;5;" in shown and "38;2;" not in shown  # 256 colours: nothing promised more
    assert len(kept(tmp_path / "runs" / "played").actions) == 3


def test_a_map_from_an_image_is_played_on(play, tmp_path):
    terrain = np.ones((32, 64), np.uint8)
    terrain[:, 30:34] = 0
    save_map(terrain, tmp_path / "island.png")
    small = ["--num-bots", "1", "--max-steps", "2", "--fps", "500"]
    assert play("idle", "--map", "island.png", *small, "--save", "game.npz")[0] == 0
    assert (Replay.load("game.npz").terrain == terrain).all()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "playing by hand needs a terminal"),
        ("you --map nowhere.png", "playing by hand needs a terminal"),
        ("idle --map nowhere.png", "no map at nowhere.png"),
        ("idle --save game.avi", "saved as .npz, .gif, .mp4"),
        ("idle --save game.gif --fps 60", "pictures a second must be a number from 1 to 50"),
        ("idle --scale 0", "scale must be a whole number from 1 to 64"),
        ("nowhere.npz", "no replay at nowhere.npz"),
        ("idle --seed -1", "a seed must be a whole number from 0"),
        ("nobody", "no agent 'nobody'"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, command, said):
    monkeypatch.chdir(tmp_path)
    assert main(["play", *command.split()]) == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("player", ["bot", "nation", "random"])
def test_scripts_play_too_and_their_games_are_kept(tmp_path, capsys, player):
    path = tmp_path / "game.npz"
    assert main(["play", player, *SMALL, "--max-steps", "5", "--save", str(path)]) == 0
    assert "time is up after 5 steps" in capsys.readouterr().out
    Replay.load(path).verify()
