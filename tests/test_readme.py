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
    assert [link for link in links if not (Path(__file__).parents[1] / link).exists()] == []
