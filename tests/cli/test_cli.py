"""The command line as its users meet it: what it prints, how it exits, what is left when it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from territory.agent import checkpoint as files
from territory.agent import load_agent
from territory.cli import main
from territory.errors import BadInput
from territory.training import TrainConfig, run

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--height", "32", "--width", "32", "--num-bots", "2", "--max-steps", "20", "--num-steps", "16"]
SMALL += ["--n-envs", "4", "--minibatch-size", "32", "--device", "cpu"]


def call(command: str) -> int:
    """The exit status of ``territory COMMAND``."""
    return main(command.split())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_evaluate_resume(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "256", "--name", "mine"]) == 0
    printed = capsys.readouterr()
    assert "runs/mine: attention, 4 games at once against 2 x bot on cpu" in printed.out
    assert "territory evaluate runs/mine" in printed.out
    assert "256/256" in printed.err  # the bar
    assert main(["evaluate", "mine", "--games", "4", "--num-bots", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["agent"], result["games"], len(result["per_game"]["wins"])) == ("mine", 4, 4)
    assert main(["train", "--resume", "mine", "--total-timesteps", "512"]) == 0
    assert files.read("runs/mine").progress["step"] == 512
    assert "512/512" in capsys.readouterr().err
    for others, said in (("nation", "start a new run for that"), ("2xbot+3xbot", "A run that goes on keeps its opp")):
        assert main(["train", "--resume", "mine", "--opponents", others]) == 2
        assert said in capsys.readouterr().err


def test_the_documents_own_command_is_understood(folder, monkeypatch):
    started = []
    monkeypatch.setattr("territory.cli.train.train", lambda config, resume: started.append(config) or 0)
    assert call("train --model attention --device cpu --n-envs 12 --num-bots 5") == 0
    assert call("train --model baseline --num-envs 12") == 0
    assert started[0] == TrainConfig(model="attention", device="cpu", num_envs=12, num_bots=5)
    assert started[1] == TrainConfig(model="baseline", num_envs=12)


def test_evaluate_prints_a_table(folder, capsys):
    assert call("evaluate random --games 2 --num-bots 1 --height 32 --width 32 --max-steps 5") == 0
    assert "win rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", ["--games 0", "--num-bots 0", "--opponents nobody", "--opponents bot+nation", "--height 33", "--seed -1"]
)
def test_evaluate_announces_no_games_that_it_refuses_to_play(wrong, folder, capsys):
    assert call(f"evaluate steady {wrong}") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("territory: ")


def test_play_shows_the_end_of_a_game(folder, capsys):
    assert call("play idle --num-bots 1 --max-steps 5") == 0
    printed = capsys.readouterr().out
    assert "#" in printed and "a" in printed and "\x1b" not in printed  # letters, where no colours are shown
    assert "time is up after 5 steps" in printed


def test_evaluate_exports_an_agent_with_its_results(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "64", "--name", "mine"]) == 0
    assert call("evaluate mine --games 2 --num-bots 2 --export shipped/star.safetensors --bits 16") == 0
    star, mine = load_agent("shipped/star.safetensors"), load_agent("mine")
    assert star.results["2 x bot"]["games"] == 2
    assert star.progress["step"] == 64
    assert star.config == mine.config
    assert 3 * Path("shipped/star.safetensors").stat().st_size < Path("runs/mine", files.FILE_NAME).stat().st_size
    with pytest.raises(BadInput, match="no training state"):
        run.resume("shipped/star.safetensors")
    assert call("evaluate mine --games 2 --num-bots 2 --export runs/mine/checkpoint.safetensors") == 2
    assert run.resume("runs/mine").ppo.step == 64


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train --n-envs 10", "must divide"),
        ("train --gamma 2", "gamma must be a number from 0 to 1"),
        ("train --height 60", "multiple of 32"),
        ("train --num-bots 0", "1 to 50"),
        ("train --opponents friends", "bot, nation, mixed"),
        ("train --model nope", "'nope'"),
        ("train --model baseline --height 64", "128x128 only"),
        ("train --resume nothing", "no run 'nothing': expected a run in runs/ (none), or the path of a run's folder"),
        ("train --resume nothing --runs-dir else", "no run 'nothing': expected a run in else/ (none)"),
        ("train --resume tokens", "A pretrained agent is no run: train a new one that begins with its weights by --in"),
        ("train --opponents 2xbot+3xbot --num-bots 4", "num_bots=4 would change nothing: each part of '2xbot+3xbot'"),
        ("evaluate nobody", "no agent 'nobody'"),
        ("evaluate notes.txt", "not a safetensors file"),
        ("evaluate game.npz", "if it is a replay, watch it with territory play game.npz"),
        ("evaluate idle --opponents notes.txt", "steady, or an agent: notes.txt is not a safetensors file"),
        ("export idle --onnx idle.onnx", "That one is scripted: it plays without a network"),
        ("evaluate random --games 0", "games must be a whole number from 1"),
        ("evaluate random --num-bots 99", "1 to 50"),
        ("evaluate idle --export star.safetensors", "only a network"),
        ("evaluate tokens --export .", "export: expected a file to write, and"),
        ("play random --fps 0", "fps"),
        ("play random --scale 9 --save a.npz", "--scale would change nothing here: it is for films, and --save names"),
        ("play game.npz --num-bots 3", "--num-bots would change nothing here: the game in game.npz is played again"),
        ("play game.npz --max-steps 3", "--max-steps would change nothing here"),
        ("play game.npz --map island.png", "--map would change nothing here"),
        ("profile tokens --dtype bfloat16", "--dtype would change nothing here: it is for --input"),
        ("profile tokens --batch 3 --input 1x2", "--batch would change nothing here: --input says how many"),
        ("evaluate tokens --bits 8", "--bits would change nothing here: nothing is exported without --export"),
        ("interpret tokens --wins -1", "wins must be a whole number of at least 0, got -1"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(folder, capsys, command, message):
    for name in ("notes.txt", "game.npz"):
        (folder / name).write_text("what I wanted to remember about the network")
    assert call(command) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "playing" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("territory: ")
    assert message in lines[0]


@pytest.mark.parametrize("command", ["", "fly", "train --speed 9", "train --gamma high", "train --device tpu"])
def test_bad_flags_exit_with_status_2_without_a_traceback(folder, capsys, command):
    with pytest.raises(SystemExit) as stopped:
        call(command)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_run_is_found_by_its_name_in_the_folder_that_is_given(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "256", "--name", "mine", "--runs-dir", "elsewhere"]) == 0
    assert main(["train", "--resume", "mine", "--total-timesteps", "512"]) == 2
    assert "no run 'mine'" in capsys.readouterr().err
    assert main(["train", "--resume", "mine", "--runs-dir", "elsewhere", "--total-timesteps", "512"]) == 0
    assert f"done: {Path('elsewhere') / 'mine'}" in capsys.readouterr().out


def test_a_run_named_as_a_pretrained_agent_goes_on_and_its_curves_are_where_it_is(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "64", "--name", "tokens"]) == 0
    assert main(["train", "--resume", "tokens", "--total-timesteps", "128", "--runs-dir", "runs"]) == 0
    assert main(["train", "--resume", "tokens", "--total-timesteps", "192"]) == 0
    assert files.read("runs/tokens").progress["step"] == 192
    os.rename("runs", "moved")
    capsys.readouterr()
    assert main(["train", "--resume", "moved/tokens", "--total-timesteps", "256"]) == 0
    assert "tensorboard --logdir moved\n" in capsys.readouterr().out


def test_a_resumed_run_keeps_its_own_settings_and_refuses_others(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "64", "--name", "mine"]) == 0
    assert main(["train", "--resume", "mine", "--gamma", "0.9"]) == 2
    assert "gamma=0.995, which can't become 0.9" in capsys.readouterr().err
    assert main(["train", "--resume", "mine", "--name", "yours"]) == 2
    assert "--name would change nothing here" in capsys.readouterr().err


def test_resume_refuses_a_file_that_is_cut_off(folder, capsys):
    assert main(["train", *SMALL, "--total-timesteps", "64", "--name", "mine"]) == 0
    file = folder / "runs" / "mine" / files.FILE_NAME
    file.write_bytes(file.read_bytes()[:5000])
    assert main(["train", "--resume", "mine"]) == 2
    assert "cut off" in capsys.readouterr().err


def test_help_does_not_wait_for_torch_or_numba():
    code = (
        "import sys; from territory.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'numba', 'matplotlib') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--n-envs" in done.stdout
    assert "Let the learning rate fall linearly" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "chosen, waits",
    [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_wait_awake_but_briefly_unless_the_user_chose(chosen, waits):
    code = "import os; from territory.cli import main; main(['--version']); print(os.environ.get('GOMP_SPINCOUNT'))"
    left = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run([sys.executable, "-c", code], env=left | chosen, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(waits)


def test_a_narrow_terminal_another_backend_and_a_folder_that_is_gone_end_in_a_sentence(tmp_path):
    odd = os.environ | {"COLUMNS": "1", "MPLBACKEND": "nonsense"}
    code = "import os; from territory.cli import main; main({}); import matplotlib.pyplot; print('fine')"
    call = [sys.executable, "-c"]
    helped = subprocess.run([sys.executable, "-m", "territory", "--help"], env=odd, capture_output=True, timeout=60)
    assert helped.returncode == 0
    unknown = subprocess.run(
        [sys.executable, "-m", "territory", "--help"], env=odd | {"COLUMNS": "0"}, capture_output=True, timeout=60
    )
    assert len(unknown.stdout.decode().splitlines()[-1]) == 80  # 0 is what some editors say who don't know it
    done = subprocess.run([*call, code.format(["--version"])], env=odd, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("fine\n")
    gone = f"import os; os.rmdir({str(tmp_path)!r}); " + code.format(["profile", "tokens"])
    call.insert(1, "-P")  # else NumPy finds an error of Python 3.13.0, which looks for modules in that folder
    said = subprocess.run([*call, gone], cwd=tmp_path, capture_output=True, text=True, check=False).stderr
    assert said.startswith("territory: the folder that this was started in is gone")


@pytest.mark.parametrize("module", ["gymnasium", "territory.envs", "territory.cli", "tyro", "territory.cli.lab"])
@pytest.mark.parametrize("by", ["-m", "script"])
def test_ctrl_c_while_a_command_is_still_importing_ends_it_without_a_traceback(by, module, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    place, _, function = project["scripts"]["territory"].partition(":")
    script = tmp_path / "territory"  # as pip writes it
    script.write_text(f"import sys\nfrom {place} import {function}\nsys.exit({function}())\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Press())\n"
    )
    call = [sys.executable, *(["-m", "territory"] if by == "-m" else [str(script)]), "--version"]
    places = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    done = subprocess.run(call, cwd=ROOT, env=places, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_program_that_imports_the_package_hears_ctrl_c_as_ever():
    code = "import signal, territory; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_ctrl_c_is_heard_again_once_a_command_runs():
    code = (
        "import signal, sys\n"
        "sys.argv[0] = 'territory'\n"
        "import territory.cli\n"
        "assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL\n"
        "import territory.agent.evaluation\n"
        "territory.agent.evaluation.evaluate = lambda *a, **k: signal.raise_signal(signal.SIGINT)\n"
        "from territory.__main__ import main\n"
        "sys.exit(main())"
    )
    call = [sys.executable, "-c", code, "evaluate", "steady"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 130 and "Traceback" not in done.stderr


def start_training(folder: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "territory", "train", *SMALL, "--name", "mine", "--runs-dir", str(folder), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_updates(folder: Path, process: subprocess.Popen, updates: int) -> None:
    log = folder / "mine" / "log.jsonl"
    deadline = time.monotonic() + 300
    while not log.exists() or len(log.read_text().splitlines()) < updates:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(tmp_path):
    process = start_training(tmp_path, "--total-timesteps", "10_000_000", "--checkpoint-every", "1_000_000")
    wait_for_updates(tmp_path, process, 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"Go on: territory train --resume {tmp_path / 'mine'}" in out
    resumed = run.resume(tmp_path / "mine")
    assert resumed.ppo.finished_updates == len((tmp_path / "mine" / "log.jsonl").read_text().splitlines()) >= 3
