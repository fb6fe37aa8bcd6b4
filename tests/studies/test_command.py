"""Studies as commands: what the pages quote can be typed, and bad input is one sentence."""

import ast
import functools
import importlib
import re
import shlex
from pathlib import Path

import pytest

from studies import command
from territory.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "studies/README.md", "docs/figures.md", "docs/opponents.md", "docs/instruments.md")


def quoted():
    """Every ``python -m studies.NAME FLAGS`` of the pages, without those that leave something out (…, NAME)."""
    found = set()
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"python -m studies\.([a-z_]+[^`#|\n]*(?:\n(?!\n)[^`#|\n]*`)?)", text):
            words = line.split("`")[0].strip()
            if " " in words and "…" not in words and "[" not in words:  # a name alone is a mention
                found.add(" ".join(words.split()))
    return sorted(found)


def function_of(name):
    """What `run` is given at the end of a study."""
    tree = ast.parse((ROOT / "studies" / f"{name}.py").read_text("utf-8"))
    (called,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("run")
    ]
    return getattr(importlib.import_module(f"studies.{name}"), called.args[0].id)


@pytest.mark.parametrize("words", quoted())
def test_a_command_that_a_page_quotes_can_be_typed(words):
    name, *flags = shlex.split(words)
    asked = []

    @functools.wraps(function_of(name))
    def instead(*args, **options):
        asked.append((args, options))

    assert command.run(instead, flags) == 0 and len(asked) == 1


def test_bad_input_is_one_sentence_and_exit_status_2(capsys):
    def study():
        raise BadInput("expected a, got b")

    assert command.run(study, []) == 2
    assert capsys.readouterr().err == "studies: expected a, got b\n"


def test_help_names_the_command_that_was_typed(capsys):
    with pytest.raises(SystemExit, match="0"):
        command.run(function_of("ground"), ["--help"])
    assert capsys.readouterr().out.startswith("usage: python -m studies.ground ")
