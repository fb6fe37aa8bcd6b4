"""The README's example runs as it stands."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_example_runs():
    (example,) = re.findall(r"(?:^    .*\n|^\n)+", README[README.index("    import gymnasium, territory") :], re.M)[:1]
    names = {}
    exec("\n".join(line[4:] for line in example.splitlines()), names)
    assert names["record"]["spatial.1"].shape == (12, 32, 32)
    assert names["obs"]["map"].shape == (12, 5, 128, 128) and names["rewards"].shape == (12,)


def test_the_files_it_links_are_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if "://" not in link and not (Path(__file__).parents[1] / link).exists()] == []


def test_its_figures_are_those_of_the_page_that_has_all():
    measured = README[README.index("## What was measured") : README.index("## The world, the agent")]
    rows = {line for line in measured.splitlines() if line.startswith("|")}
    assert len(rows) > 15
    assert rows <= set((Path(__file__).parents[1] / "docs" / "figures.md").read_text("utf-8").splitlines())
