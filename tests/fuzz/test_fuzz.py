"""Hostile files are refused in one sentence, or are sound: some hundred of them; `python -m tests.fuzz` tries more."""

import sys

import pytest

from tests.fuzz.__main__ import LOADERS
from tests.fuzz.campaign import run

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="FIFOs, limits and peaks of memory are told apart as on Linux")
def test_no_hostile_file_gets_further_than_a_sentence():
    report = run(cases=280, seed=1_000_000, loaders=LOADERS)
    assert not report.failures, "\n".join(report.failures)
    for verdict in ("refused", "accepted"):  # a file that is refused before it is damaged tests nothing
        assert {loader for loader, found in report.counts if found == verdict} == set(LOADERS)
