"""``territory verdict``: the claims of the design document, each measured on this machine."""

import json
from dataclasses import asdict
from typing import Annotated

import tyro

HEADER = f"{'claim':<18} {'verdict':<18} {'claimed':<30} measured"


def verdict(
    theme: str | None = None, as_json: Annotated[tyro.conf.FlagCreatePairsOff[bool], tyro.conf.arg(name="json")] = False
) -> int:
    """Every claim of the design document, and what measuring it says; some minutes.

    Args:
        theme: Only this one: counts, sizes, speed, invariance, behaviour, learning or migration.
        as_json: Print the ledger as JSON, with the numbers behind the figures.
    """
    from territory.verdict import claims, judge, told

    if as_json:
        print(json.dumps([_entry(claim, finding) for claim, finding in judge(theme)], indent=1))
        return 0
    tally: dict[str, int] = {}
    claims(theme)  # a theme that isn't there is told before the heading
    print(HEADER, "-" * 100, sep="\n")
    for claim, finding in judge(theme):
        tally[finding.verdict] = tally.get(finding.verdict, 0) + 1
        print(told(claim, finding), flush=True)
    print(", ".join(f"{count} {name}" for name, count in tally.items()))
    return 0


def _entry(claim, finding) -> dict:
    told = {name: getattr(claim, name) for name in ("id", "theme", "section", "words", "claimed")}
    return told | asdict(finding)
