"""The house itself: what conda installs, which way imports point, how the notebooks were committed."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COURSE = ("00_the_game", "01_parameter_bloat", "02_attention_redesign", "03_cross_attention_on_trial", "04_training")
COURSE += ("05_seeing_attention", "06_verdict")


def test_imports_point_down():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_importing_the_package_brings_in_neither_torch_nor_numba():
    code = "import sys, territory; print([name for name in ('torch', 'numba', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_course_is_complete():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} >= set(COURSE)


def _notebooks():
    return [pytest.param(path, id=path.stem) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def _cells(path, kind):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind and "".join(cell["source"]).strip()]


@pytest.mark.parametrize("path", _notebooks())
def test_a_notebook_is_committed_as_one_clean_run_left_it(path):
    code = _cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("path", _notebooks())
def test_a_notebook_has_short_cells_a_question_and_exercises(path):
    code, text = _cells(path, "code"), ["".join(cell["source"]) for cell in _cells(path, "markdown")]
    for cell in code:
        assert len("".join(cell["source"]).splitlines()) <= 20
        ast.parse("\n".join(line for line in cell["source"] if not line.lstrip().startswith("%")))
    assert text[0].startswith("# ") and "?" in text[0]
    assert any("<details>" in each for each in text), "an exercise has a hidden solution"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_ci_runs_what_the_readme_says():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK) and "make test" in script.read_text()
    readme = (ROOT / "README.md").read_text()
    assert "make lab" in readme and "make test" in readme
