"""What is installed, by pip and by conda: the files that say so agree."""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import territory

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright"}
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(.*)")


def parts(requirement):
    name, bounds = REQUIREMENT.fullmatch(requirement.strip()).groups()
    return CONDA_NAMES.get(name.lower(), name.lower()), bounds.replace(" ", "")


def group(name):
    """The requirements of a dependency group, those of the groups that it includes too."""
    for each in PYPROJECT["dependency-groups"][name]:
        yield from [each] if isinstance(each, str) else group(each["include-group"])


def wanted(*extras):
    """What a user with these extras installs: {name: bounds}."""
    project = PYPROJECT["project"]
    asked = project["dependencies"] + [each for extra in extras for each in project["optional-dependencies"][extra]]
    return dict(map(parts, asked))


def tracked_files():
    """What a clone holds; in a copy without git, what lies at the top."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0")[:-1] or [path.name for path in ROOT.iterdir() if path.is_file()]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_conda_and_pip_ask_for_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    listed = dict(parts(each) for each in environment["dependencies"] if isinstance(each, str))
    assert listed.pop("python") == PYPROJECT["project"]["requires-python"]
    assert listed.pop("pip") == ""
    (by_pip,) = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    itself, *others = by_pip
    assert listed | dict(map(parts, others)) == wanted("lab")
    assert not listed.keys() & dict(map(parts, others)).keys()
    assert itself == "-e .[lab]"


def test_a_requirement_that_stands_twice_has_the_same_bounds():
    everything = PYPROJECT["project"]["optional-dependencies"] | {"": PYPROJECT["project"]["dependencies"]}
    everything |= {f"group {name}": list(group(name)) for name in PYPROJECT["dependency-groups"]}
    bounds = {}
    for asked in everything.values():
        for name, bound in map(parts, asked):
            assert bounds.setdefault(name, bound) == bound, name


def test_kernels_index_by_numbers_since_older_numba_takes_no_members_of_an_enum():
    """Before 0.68, which is far above our lower bound, it could not compile the game then."""
    by_member = re.compile(r"\[(Plane|Stat|Direction)\.[A-Z_]+[],]")
    kernels = (ROOT / "territory" / "world").glob("*.py")
    assert [path.name for path in kernels if by_member.search(path.read_text("utf-8"))] == []


def test_the_tested_set_pins_everything_that_is_asked_for_and_names_no_address():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = {re.split("[=;]", line)[0].strip().lower() for line in text.splitlines() if line and line[0] != "#"}
    asked = wanted("lab", "onnx") | dict(map(parts, group("dev")))
    assert {name.replace("_", "-") for name in asked} <= {name.replace("_", "-") for name in pinned}
    assert "://" not in text


def test_tests_and_website_are_no_extra_of_the_package():
    assert set(PYPROJECT["project"]["optional-dependencies"]) == {"lab", "onnx"}
    assert set(PYPROJECT["dependency-groups"]) >= {"test", "lint", "site", "dev"}


def test_whoever_cites_or_clones_finds_the_same_version_and_address():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == territory.__version__
    assert citation["repository-code"] == PYPROJECT["project"]["urls"]["Repository"]
    address = PYPROJECT["project"]["urls"]["Repository"]
    assert f"git clone {address} " in (ROOT / "README.md").read_text("utf-8")
    # A fork changes these three (CONTRIBUTING.md says how), and no other file repeats it.
    owner = address.removeprefix("https://github.com/")
    texts = [path for path in tracked_files() if owner in path.read_text("utf-8", errors="ignore")]
    assert {path.name for path in texts} == {"README.md", "CITATION.cff", "pyproject.toml"}


def test_the_workflows_and_the_container_are_readable():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert "jobs" in yaml.safe_load(path.read_text("utf-8"))
    json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))


def test_every_module_that_a_file_for_machines_runs_exists():
    files = [ROOT / "postBuild", ROOT / "Makefile", *(ROOT / ".github" / "workflows").glob("*.yml")]
    asked = {name for file in files for name in re.findall(r"python -m ([\w.]+)", file.read_text("utf-8"))}
    assert "territory.models" in asked
    for name in asked - {"pip"}:  # after it setuptools, and torch's compiler with it, would not load in this process
        found = importlib.util.find_spec(name)
        assert found, name
        assert not found.submodule_search_locations or importlib.util.find_spec(f"{name}.__main__"), name


@pytest.mark.skipif(shutil.which("make") is None, reason="Windows has no make")
def test_an_environment_that_was_moved_is_made_anew_and_no_other(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    ready = tmp_path / ".venv" / "ready"
    ready.parent.mkdir()
    for place, anew in (("/elsewhere/.venv", True), (str(ready.parent.resolve()), False), ("", False)):
        ready.write_text(f"{place}\n")
        told = subprocess.check_output(["make", "-n", ".venv/ready"], cwd=tmp_path, text=True)
        assert ("-m venv --clear" in told) == ("-m venv" in told) == anew, place
