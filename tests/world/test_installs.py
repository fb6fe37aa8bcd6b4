"""Where the machine code is kept: with a home or without, in a package that can be written or not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import territory

pytestmark = pytest.mark.slow

WHERE = "from territory.world.compiled import cache_folder; print(cache_folder())"
COMPILE = """
import numpy as np
from territory.world import World, WorldParams, compiled
World(1, WorldParams(height=32, width=32, num_bots=1))
print("nothing is compiled before the first game")

def double(n, thread, numbers):
    numbers[n] *= 2

double = compiled.entry(double)
for _ in range(2):
    numbers = np.ones(1)
    double(np.zeros((2, 1), np.int64), np.zeros(1, np.int64), 1, 0, numbers)
print(numbers)
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package whose machine code can't be kept beside it."""
    source = Path(territory.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "checkpoints", "widgets", "*.png", "notebooks")
    shutil.copytree(source, tmp_path / "site" / "territory", ignore=ignored)
    (tmp_path / "site" / "territory" / "world" / "__pycache__").write_text("no folder")
    return tmp_path


def python(package: Path, code: str, **environment: str) -> subprocess.CompletedProcess:
    """What a fresh process prints, with no home and temporary files under `package`, unless told otherwise."""
    (package / "tmp").mkdir(exist_ok=True)
    usual = {"PYTHONPATH": str(package / "site"), "TMPDIR": str(package / "tmp"), "HOME": "/dev/null/nobody"}
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    script = package / "script.py"
    script.write_text(code)  # of what doesn't stand in a file, no machine code is kept
    call = [sys.executable, "-B", str(script)]
    kept |= usual | environment
    return subprocess.run(call, cwd=package, env=kept, capture_output=True, text=True, timeout=300)


def test_numbas_own_folder_is_honoured(package):
    found = python(package, WHERE, NUMBA_CACHE_DIR=str(package / "mine")).stdout
    assert found.startswith(str(package / "mine"))


def test_beside_the_package_where_that_can_be_written(package):
    (package / "site" / "territory" / "world" / "__pycache__").unlink()
    found = python(package, f"import os; os.umask(0o022); {WHERE}").stdout.strip()
    assert found.startswith(str(package / "site"))
    assert Path(found).stat().st_mode & 0o055 == 0o055  # whoever installed it shares it with those who use it


def test_a_debuggers_python_without_numbas_compiler_is_a_sentence(package):
    said = python(package, "from territory.world import World", NUMBA_DISABLE_JIT="1").stderr
    assert "BadInput: the game is compiled code, and NUMBA_DISABLE_JIT forbids it" in said


def test_in_the_users_cache_where_the_package_can_only_be_read(package):
    (package / "home").mkdir()
    assert python(package, WHERE, HOME=str(package / "home")).stdout.startswith(str(package / "home" / ".cache"))
    found = python(package, WHERE, XDG_CACHE_HOME=str(package / "cache")).stdout
    assert found.startswith(str(package / "cache"))


def test_without_a_home_in_a_temporary_folder_that_only_the_user_can_write(package):
    folder = Path(python(package, WHERE).stdout.strip())
    assert folder.parent.parent == package / "tmp"
    assert folder.stat().st_mode & 0o022 == 0 and folder.parent.stat().st_mode & 0o022 == 0


def test_a_temporary_folder_that_others_can_write_is_not_trusted(package):
    folder = Path(python(package, WHERE).stdout.strip())
    folder.parent.chmod(0o777)
    assert python(package, WHERE).stdout == "None\n"
    done = python(package, COMPILE)
    assert done.stdout.endswith("[2.]\n") and "anew in every process" in done.stderr


@pytest.mark.parametrize("readable", [True, False])
def test_what_was_compiled_beforehand_is_used_in_a_package_that_can_only_be_read(package, readable):
    beside = package / "site" / "territory" / "world" / "__pycache__"
    beside.unlink()
    assert "compiling" in python(package, COMPILE).stderr
    (file,) = beside.rglob("*.code")
    if not readable:
        file.unlink()
        file.symlink_to("of-somebody-else")
    done = python(package, COMPILE, NUMBA_CACHE_DIR=str(package / "mine"))  # where it is written from now on
    assert done.stdout.endswith("[2.]\n") and ("compiling" in done.stderr) == (not readable)
    assert len([*(package / "mine").rglob("*.code")]) == (not readable)


def test_compiling_is_announced_when_it_happens_and_only_then(package):
    for said in ("territory: compiling for this machine, once; half a minute at most …\n", ""):
        done = python(package, COMPILE, NUMBA_CACHE_DIR=str(package / "mine"))
        assert (done.stdout, done.stderr) == ("nothing is compiled before the first game\n[2.]\n", said)


ROUNDED = """
import torch
from territory import models
from territory.models.one_pass import in_one_pass

numbers = torch.Generator().manual_seed(0)
maps = torch.randint(0, 256, (4, 5, 64, 64), dtype=torch.uint8, generator=numbers)
with in_one_pass():
    logits, _ = models.build("attention", norm="group", seed=0)(maps, torch.randn(4, 16, generator=numbers))
print(logits.tolist())
"""


def test_what_has_just_been_compiled_rounds_like_what_is_read_from_the_disk(package):
    first, later = (python(package, ROUNDED, NUMBA_CACHE_DIR=str(package / "mine")) for _ in range(2))
    assert "compiling" in first.stderr and "compiling" not in later.stderr
    assert first.stdout and first.stdout == later.stdout


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def make_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def make_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


MENDED = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "empty": lambda file: file.write_bytes(b""),
    "one bit": flip_a_bit,
}
IN_THE_WAY = {"a folder": make_a_folder} | ({"a pipe": make_a_pipe} if hasattr(os, "mkfifo") else {})


@pytest.mark.parametrize("damage", MENDED | IN_THE_WAY)
def test_damaged_machine_code_is_compiled_anew(package, damage):
    python(package, COMPILE, NUMBA_CACHE_DIR=str(package / "mine"))
    (file,) = (package / "mine").rglob("*.code")
    (MENDED | IN_THE_WAY)[damage](file)
    once, again = (python(package, COMPILE, NUMBA_CACHE_DIR=str(package / "mine")) for _ in range(2))
    assert once.stdout.endswith("[2.]\n") and "compiling for this machine" in once.stderr
    assert again.stdout.endswith("[2.]\n") and again.returncode == 0
    assert again.stderr == ("" if damage in MENDED else once.stderr)
    assert ("could not be kept" in again.stderr) == (damage in IN_THE_WAY)


def test_the_folder_changes_with_any_source_that_is_compiled(package):
    before = python(package, WHERE).stdout
    for name, changes in (("rules.py", True), ("picture.py", False)):
        with open(package / "site" / "territory" / "world" / name, "a") as source:
            source.write("\n# changed\n")
        after = python(package, WHERE).stdout
        assert (after != before) == changes, name
        before = after


def test_no_file_outside_the_key_of_the_cache_holds_a_kernel():
    world = Path(territory.__file__).parent / "world"
    for name in ("__init__.py", "__main__.py", "picture.py", "replay.py", "threads.py", "world.py"):
        source = (world / name).read_text()
        assert not any(word in source for word in ("njit", "import kernel", "import entry", "register_jitable")), name
