"""The command line where output is closed, full, a pipe or without colours, and where its terminal goes away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from territory.agent import checkpoint

GAME = ["play", "idle", "--height", "32", "--width", "32", "--num-bots", "1", "--max-steps", "2"]
RUN = ["train", "--model", "tokens", "--height", "32", "--width", "32", "--num-bots", "2", "--max-steps", "20",
       "--n-envs", "2", "--num-steps", "8", "--minibatch-size", "16", "--device", "cpu", "--name", "mine",
       "--checkpoint-every", "1000000", "--total-timesteps", "10000000"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="shells, signals and /dev/full are POSIX's"),
]


def territory(*arguments: str, redirected: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, with its streams redirected."""
    command = f'"$@" {redirected}'
    words = ["sh", "-c", command, "sh", sys.executable, "-m", "territory", *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_behind_the_output_is_a_sentence():
    done = territory(*GAME, redirected="> /dev/full")
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "territory: No space left on device"


FINISHED = [*RUN[:-1], "48"]  # three updates


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize("redirected", ["> /dev/full", "> /dev/full 2>&1", ">&- 2>&-", "| true"])
def test_training_goes_on_where_its_words_cant_be_written(tmp_path, redirected):
    done = territory(*FINISHED, "--runs-dir", str(tmp_path), redirected=redirected)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert len((tmp_path / "mine" / "log.jsonl").read_bytes().splitlines()) == 3
    assert checkpoint.read(tmp_path / "mine").progress["update"] == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_errors_that_cant_be_written_leave_the_answer_and_the_exit_status():
    done = territory("evaluate", "idle", "--games", "1", *GAME[2:], redirected="2> /dev/full")
    assert done.returncode == 0 and "land" in done.stdout
    assert territory("evaluate", "nobody-of-that-name", redirected="2> /dev/full").returncode == 2


def test_closed_streams_do_no_harm():
    done = territory(*GAME, redirected=">&- <&-")
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_a_pipe_gets_letters_without_colour_codes():
    done = territory(*GAME)
    assert done.returncode == 0 and "#" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize(("asked", "coloured"), [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_help_in_a_terminal_has_colours_unless_nobody_wants_them(asked, coloured):
    terminal, end = os.openpty()
    environment = os.environ | {"TERM": "xterm"} | asked
    with subprocess.Popen([sys.executable, "-m", "territory", "fly"], env=environment, stdout=end, stderr=end) as told:
        shown = os.read(terminal, 100)
        assert told.wait(60) == 2
    os.close(terminal)
    os.close(end)
    assert shown and (b"\x1b" in shown) == coloured


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_signs_that_the_output_has_not_got_are_escapes(tmp_path, monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    assert territory("--help").returncode == 0  # with a list's dots and a frame
    folder = tmp_path / "\u017cycie"
    done = territory(*GAME, "--save", str(folder / "game.npz"))
    assert done.returncode == 0 and "\\u017cycie/game.npz, which plays again exactly" in done.stdout
    assert (folder / "game.npz").exists()


def test_a_closed_terminal_saves_like_a_polite_kill(tmp_path):
    command = [sys.executable, "-m", "territory", *RUN]
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, what is started would not hear it
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        signal.signal(signal.SIGHUP, before)
        log = tmp_path / "runs" / "mine" / "log.jsonl"
        while process.poll() is None and not log.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        try:
            assert process.wait(120) == 128 + signal.SIGHUP
        finally:
            process.kill()
    saved = checkpoint.read(tmp_path / "runs" / "mine").progress["update"]
    assert saved == len(log.read_bytes().splitlines()) > 0  # between two checkpoints, so it was the signal that saved
