"""Which way imports point, what notebooks and tests may reach for, how the notebooks were committed."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from territory.data import study_names

ROOT = Path(__file__).resolve().parents[1]
COURSE = ("00_the_game", "01_parameter_bloat", "02_attention_redesign", "03_cross_attention_on_trial", "04_training")
COURSE += ("05_seeing_attention", "06_verdict")


def _notebooks():
    return [pytest.param(path, id=path.stem) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def _cells(path, kind):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind and "".join(cell["source"]).strip()]


def test_imports_point_down():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_file_imports_in_a_circle():
    """Imports inside functions count; those for a type checker alone don't."""
    graph = grimp.build_graph("territory", exclude_type_checking_imports=True, cache_dir=None)
    left = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:  # what imports nobody that is left is in no circle
            del left[name]
    assert sorted(left) == []


def imported(tree):
    """The names of all modules that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def parsed(*folders):
    """Every Python file in these folders, with its syntax tree."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("folder", "above"),
    [("territory", {"studies", "benchmarks", "tests"}), ("studies", {"benchmarks"}), ("benchmarks", {"studies"})],
)
def test_nothing_below_imports_what_stands_above_it(folder, above):
    found = {(str(path), name) for path, tree in parsed(folder) for name in imported(tree)}
    assert not [each for each in found if each[1].split(".")[0] in above]


def test_every_study_is_a_command_is_told_of_and_keeps_its_data_under_its_name():
    commands = {path.stem for path, tree in parsed("studies") if "sys.exit(" in ast.unparse(tree)}
    readme = (ROOT / "studies" / "README.md").read_text("utf-8")
    assert commands >= {"league", "rollouts", "directions", "distillation", "habits", "orders", "views", "idle"}
    assert commands | {"NAME"} == set(re.findall(r"python -m studies\.(\w+)", readme))
    assert set(study_names()) <= commands


def test_importing_the_package_brings_in_neither_torch_nor_numba():
    code = "import sys, territory; print([name for name in ('torch', 'numba', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_brings_in_torch_s_compiler_which_takes_a_second():
    modules = [".".join(each.relative_to(ROOT).with_suffix("").parts) for each in (ROOT / "territory").rglob("*.py")]
    names = [each for each in modules if not each.endswith("__main__")]
    code = f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
    code += "print({'torch', 'torch._dynamo'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'torch'}"


@pytest.mark.parametrize("path", _notebooks())
def test_a_notebook_imports_territory_and_public_libraries_only(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["lab"], "ipython"]
    public = {re.match(r"[\w.-]+", each)[0].lower() for each in asked}
    distributions = packages_distributions()
    for cell in _cells(path, "code"):
        source = "".join(line for line in cell["source"] if not line.lstrip().startswith("%"))
        assert "sys.path" not in source
        for root in {name.split(".")[0] for name in imported(ast.parse(source))}:
            known = root == "territory" or root in sys.stdlib_module_names
            assert known or public & {name.lower() for name in distributions.get(root, [])}, f"{root} in {source}"


FOREIGN = {  # private names of others, for which there is no public one
    "_forward_hooks": "torch: which hooks are left",
    "_forward_pre_hooks": "torch: which hooks are left",
    "_backward_hooks": "torch: which hooks are left",
    "_dynamo": "torch: how often it compiled",
    "_get_current_function_mode_stack": "torch: which modes are left",
    "_masked_softmax": "torch: one more spelling of a softmax",
    "_handle_custom_msg": "ipywidgets: a message as the browser sends it",
    "_repr_mimebundle_": "IPython: what a cell shows",
    "_CacheLocator": "Numba: where machine code lies",
}


def test_no_test_reaches_into_a_private():
    found = []
    for path, tree in parsed("tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
                names = [node.attr]
            else:
                continue
            private = [name for name in names if name.startswith("_") and not name.startswith("__")]
            found += [f"{path}:{node.lineno}: {name}" for name in private if name not in FOREIGN]
    assert found == []


def test_the_course_is_complete():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} >= set(COURSE)


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
        assert len("".join(cell["source"]).splitlines()) <= 25  # a whole class, or a whole check
        ast.parse("\n".join(line for line in cell["source"] if not line.lstrip().startswith("%")))
    assert text[0].startswith("# ") and "?" in text[0]
    assert any("<details>" in each for each in text), "an exercise has a hidden solution"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_ci_runs_what_the_readme_says():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK) and "make test" in script.read_text()
    readme = (ROOT / "README.md").read_text()
    assert "make lab" in readme and "make test" in readme
