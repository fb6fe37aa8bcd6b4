"""What the pages in docs/ show runs as it stands."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [path.relative_to(ROOT) for folder in (ROOT, ROOT / "docs", ROOT / "studies") for path in folder.glob("*.md")]


@pytest.fixture(scope="module")
def subcommands():
    """What `territory` can be told to do."""
    told = subprocess.run([sys.executable, "-m", "territory", "--help"], capture_output=True, text=True, check=True)
    return set(re.search(r"\{([a-z,]+)\}", told.stdout)[1].split(","))


@pytest.mark.parametrize("page", ["seeing"])
def test_the_pages_examples_run(page, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    code = "\n".join(block for block in blocks if "import" in block)
    names = {}
    exec("\n".join(line[4:] for line in code.splitlines()), names)
    assert {path.name for path in tmp_path.iterdir()} == {"game.npz", "game.gif", "island.png"}
    assert names["terrain"].shape == (64, 64)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_files_that_a_page_links_are_there(page, root):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (root / page).read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (root / page).parent.joinpath(link).exists()] == []


def test_the_files_that_sources_speak_of_are_there(root):
    rooms = ("territory", "studies", "tools", "benchmarks", "examples")
    texts = {path: path.read_text("utf-8") for room in rooms for path in (root / room).rglob("*.py")}
    name = rf"\b(?:tests|{'|'.join(rooms)})/[\w/]+\.py\b"
    told = {(path, file) for path in texts for file in re.findall(name, texts[path])}
    gone = {(str(path.relative_to(root)), file) for path, file in told if not (root / file).is_file()}
    assert len(told) > 3 and gone == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_that_a_page_names_exist(page, root, subcommands):
    text = (root / page).read_text("utf-8")
    snippets = re.findall(r"`([^`]+)`", text) + re.findall(r"^    (.*)$", text, re.M)
    lines = "\n".join(part.strip() for each in snippets for part in each.split("&&"))
    # Whoever looks for pip keeps setuptools, and torch's compiler with it, from loading in the same process afterwards.
    modules = set(re.findall(r"python -m ([\w.]+)", lines)) - {"studies.NAME", "studies.name", "pip"}
    assert [name for name in modules if not importlib.util.find_spec(name)] == []
    files = re.findall(r"(?:python|pytest) ((?:tests|tools|examples|notebooks)/[\w/.]+)", lines)
    assert [file for file in files if not (root / file).exists()] == []
    targets = re.findall(r"^([a-z]+):", (root / "Makefile").read_text("utf-8"), re.M)
    assert set(re.findall(r"^make ([a-z]+)", lines, re.M)) <= set(targets)
    assert set(re.findall(r"^(?:\S*[/\\])?territory ([a-z]+)(?= |$)", lines, re.M)) <= subcommands


def test_pages_and_commands_were_found(subcommands):
    assert len(PAGES) > 15 and {"train", "lab"} <= subcommands
