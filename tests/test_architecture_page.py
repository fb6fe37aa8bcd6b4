"""docs/architecture.md: what it names exists, and its picture is today's."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(set(re.findall(r"`(territory(?:\.\w+)+)`", (ROOT / "docs" / "architecture.md").read_text("utf-8"))))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_on_the_architecture_page_exists(name):
    parts, found = name.split("."), None
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        break
    for part in parts[length:]:
        found = getattr(found, part)
    assert found is not None


def test_the_picture_of_the_architecture_is_drawn_from_today_s_imports():
    command = [sys.executable, "tools/architecture.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, "run: python tools/architecture.py"
