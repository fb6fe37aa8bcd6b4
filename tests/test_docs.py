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


@pytest.mark.parametrize("page", ["figures", "instruments", "opponents", "rules", "seeing"])
def test_the_files_that_a_page_links_are_there(page, root):
    links = re.findall(r"\]\(([^)#]+)\)", (root / "docs" / f"{page}.md").read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (root / "docs" / link).exists()] == []
