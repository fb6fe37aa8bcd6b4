"""docs/design-document.md: every claim of the ledger stands there, under its section, with the verdict it gets."""

import re
from pathlib import Path

import pytest

from territory.verdict import VERDICTS, Evidence, claims, judge

PAGE = (Path(__file__).parents[2] / "docs" / "design-document.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\S+)` \| (.+) \| (.+) \| ([0-9, ]+) \|$", re.MULTILINE)
ROWS = {name: (says, verdict, notebooks) for name, says, verdict, notebooks in ROW.findall(PAGE)}


def test_every_claim_stands_there_once_and_no_other():
    assert [name for name, *_ in ROW.findall(PAGE)].count("rank") == 1
    assert set(ROWS) == {claim.id for claim in claims()}


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.id)
def test_a_claim_stands_under_its_section_in_the_ledgers_words(claim):
    section = PAGE.split(f"## {claim.section}\n")[1].split("\n## ")[0]
    assert f"| `{claim.id}` | {claim.words}" in section
    assert ROWS[claim.id][1] in (*VERDICTS, "by machine")


@pytest.mark.parametrize("theme", ["counts", "migration"])
def test_verdicts_that_counting_decides_are_those_of_the_ledger(theme):
    for claim, finding in judge(theme, Evidence(moments=64)):
        assert ROWS[claim.id][1] == finding.verdict, claim.id
