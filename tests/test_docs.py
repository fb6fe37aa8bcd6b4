"""What the pages in docs/ show runs as it stands."""

import re

import pytest


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
