"""The widgets' JavaScript: its bundles are as new as its sources, and its own tests pass under node."""

import json
import re
import subprocess

import pytest

from tools import bundle

HTTP = re.compile(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'`)]+")


@pytest.mark.parametrize("name", bundle.ENTRIES)
def test_a_bundle_is_as_new_as_its_sources(name):
    text = (bundle.BUNDLES / name).read_text("utf-8")
    made_from = re.search(r"Sources: ([0-9a-f]{64})", text.splitlines()[0])[1]
    assert made_from == bundle.source_hash(), "run: python tools/bundle.py"


@pytest.mark.parametrize("name", bundle.ENTRIES)
def test_a_bundle_fetches_nothing(name):
    text = (bundle.BUNDLES / name).read_text("utf-8")
    assert HTTP.findall(text) == []
    assert not re.findall(r"\bimport\s*\(|^import\s|fetch\(|url\(|@import", text, re.M)


def test_no_committed_file_names_a_registry(root):
    for name in ("package.json", "package-lock.json"):
        assert "http" not in (root / name).read_text("utf-8")


def test_only_our_own_scripts_are_es_modules(root):
    # Node asks the nearest package.json above a file what it is. With "module" at the top of a clone that was all of
    # .venv too: JupyterLab's yarn failed, and `make lab` began with a wall of its source.
    assert "type" not in json.loads((root / "package.json").read_text("utf-8"))


def test_the_logic_without_a_page_passes_its_own_tests(root):
    tests = sorted((root / "tests" / "widgets" / "js").glob("*.test.js"))
    run = subprocess.run([bundle.node(), "--test", *tests], cwd=root, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert len(tests) > 0 and not re.search(r"(fail|skipped) [1-9]", run.stdout)
