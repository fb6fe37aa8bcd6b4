"""Nothing that only POSIX systems have is needed to import any module, or to play."""

import subprocess
import sys

HIDE = """
import importlib, os, pkgutil, signal, sys, warnings
import territory

found = [each.name for each in pkgutil.walk_packages(territory.__path__, "territory.")]
names = [name for name in found if not name.endswith("__main__")]
for name in names:  # so that other libraries are loaded, which may need what is hidden below
    importlib.import_module(name)
for name in [name for name in sys.modules if name.split(".")[0] == "territory"]:
    del sys.modules[name]
for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for owner, hidden in (
    (os, "fork geteuid getuid killpg mkfifo register_at_fork setsid sync sched_getaffinity statvfs uname O_NONBLOCK"),
    (signal, "SIGHUP SIGKILL SIGALRM SIGUSR1 alarm setitimer pthread_sigmask"),
):
    for name in hidden.split():
        vars(owner).pop(name, None)
warnings.simplefilter("ignore")  # the environments register themselves a second time
for name in names:
    importlib.import_module(name)
from territory.cli import main
sys.exit(main("evaluate idle --games 1 --num-bots 1 --height 32 --width 32 --max-steps 2".split()))
"""


def test_without_what_only_posix_has_every_module_loads_and_a_game_is_played():
    done = subprocess.run([sys.executable, "-c", HIDE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "land share" in done.stdout
