"""What people get who have no clone: both distributions are built, and the wheel is used far from the repository."""

import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from helpers.machine_code import lend_machine_code

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RUN_NOTEBOOK = """
import nbclient, nbformat, sys
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print("ran", sum(cell.cell_type == "code" for cell in notebook.cells))
"""


def run(command, folder, **more):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


class Installed:
    """A virtual environment that holds the wheel; the packages it needs are those of the one that runs the tests."""

    def __init__(self, folder, wheel):
        self.folder = folder
        run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
        self.bin = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        self.python = self.bin / "python"
        site = Path(run([self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip())
        run([sys.executable, "-m", "pip", "--python", self.python, "install", "--no-deps", "--no-index", wheel], folder)
        (site / "shared.pth").write_text(sysconfig.get_path("purelib"))  # .pth files in there are not read again
        self.package = site / "territory"
        lend_machine_code(ROOT / "territory", self.package)

    def __call__(self, *command):
        """What a command of this environment prints; run in its folder, where no clone is near."""
        return run(command, self.folder, env=CLEAN)

    def territory(self, *arguments):
        return self(self.bin / "territory", *arguments)


CLEAN = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("far away"), wheel)


def test_wheel_and_sdist_hold_package_course_and_data(built, wheel):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        sources = {name.partition("/")[2] for name in file.getnames()}
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"territory/notebooks/{path.name}" in names and f"notebooks/{path.name}" in sources
    for pattern in ("checkpoints/*.safetensors", "data/*.json", "widgets/**/*.js", "**/*.py", "py.typed"):
        for path in (ROOT / "territory").glob(pattern):
            name = path.relative_to(ROOT).as_posix()
            assert name in names and name in sources
    assert not [name for name in names | sources if "__pycache__" in name or ".ipynb_checkpoints" in name]


def test_a_source_distribution_has_no_part_of_the_tests(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        assert not [name for name in file.getnames() if name.partition("/")[2].startswith(("tests", "benchmarks"))]


def test_the_package_page_has_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as file:
        (name,) = [each for each in file.namelist() if each.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(file.read(name))
    assert metadata["Name"] == "territory-course" and metadata["Author"]
    assert {"Homepage", "Documentation", "Repository", "Issues", "Changelog"} == {
        each.partition(",")[0] for each in metadata.get_all("Project-URL")
    }
    assert len(metadata.get_all("Classifier")) > 5 and metadata["Keywords"]
    links = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(links) > 10 and [link for link in links if "://" not in link] == []
    assert set(metadata.get_all("Provides-Extra")) == {"lab", "onnx"}


def test_the_installed_commands_answer(installed):
    where = installed(installed.python, "-c", "import territory; print(territory.__file__)").strip()
    assert Path(where).parent == installed.package
    assert installed.territory("--version").startswith("territory ")
    assert "410,811" in installed.territory("profile", "tokens")
    small = ("--games", "1", "--num-bots", "1", "--height", "32", "--width", "32", "--max-steps", "5")
    assert "win rate" in installed.territory("evaluate", "attention", *small)


def test_verdicts_are_those_of_a_clone(installed):
    command = ("-m", "territory", "verdict", "--theme", "learning", "--json")
    here = json.loads(run([sys.executable, *command], ROOT))
    there = json.loads(installed(installed.python, *command))
    assert here == there
    assert not [claim["id"] for claim in there if claim["verdict"] == "not testable here"]


def test_a_notebook_of_the_copied_course_runs(installed):
    code = "from territory.cli.lab import copy_course, shipped_course; from pathlib import Path; "
    code += "print(copy_course(shipped_course(), Path('mine'))[1])"
    assert "mine" in installed(installed.python, "-c", code)
    pages = {path.name for path in (installed.folder / "mine" / "docs").iterdir()}
    assert pages == {"design-document.md", "glossary.md", "rules.md"}, "what notebooks link"
    notebook = installed.folder / "mine" / "02_attention_redesign.ipynb"
    assert "ran" in installed(installed.python, "-c", RUN_NOTEBOOK, notebook)
