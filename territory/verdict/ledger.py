"""What a claim, a finding and the ledger are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import shorten

from territory.errors import BadInput, one_of
from territory.verdict.evidence import Evidence

THEMES = ("counts", "sizes", "speed", "invariance", "behaviour", "learning", "migration")
VERDICTS = ("exact", "confirmed", "off", "refuted", "undecided", "not testable here")


@dataclass(frozen=True)
class Finding:
    """What a check measured, and what follows from it."""

    verdict: str  # out of VERDICTS
    figure: str  # the measurement in a few words
    numbers: Mapping[str, float] = field(default_factory=dict)  # the same as numbers, by name
    note: str = ""  # why, where the figure doesn't say it

    def __post_init__(self) -> None:
        one_of("verdict", self.verdict, VERDICTS)


@dataclass(frozen=True)
class Claim:
    """One sentence of the design document and the check that decides it."""

    id: str
    theme: str
    section: str  # the document's heading that it stands under
    words: str  # what it says, in our own words
    claimed: str  # its figure, or "" for a sentence without one
    check: Callable[[Evidence], Finding]


def told(claim: Claim, finding: Finding) -> str:
    """A claim and what became of it, in two lines."""
    first = f"{claim.id:<18} {finding.verdict:<18} {shorten(claim.claimed or '-', 30):<30} {finding.figure}"
    return f"{first}\n{'':<18} {claim.words}" + (f" ({finding.note})" if finding.note else "")


_LEDGER: dict[str, Claim] = {}


def claims_of(theme: str) -> Callable[..., Callable]:
    """A decorator for one theme: ``@claim(id, section, words, claimed)`` enters a check into the ledger."""

    def claim(id: str, section: str, words: str, claimed: str = "") -> Callable:
        def enter(check: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
            if id in _LEDGER:
                raise BadInput(f"two claims are called {id!r}")
            _LEDGER[id] = Claim(id, theme, section, words, claimed, check)
            return check

        return enter

    return claim


def claims(theme: str | None = None) -> tuple[Claim, ...]:
    """All claims by theme, or those of one. Raises BadInput for a theme that isn't there."""
    if theme is not None:
        one_of("theme", theme, THEMES)
    chosen = (claim for claim in _LEDGER.values() if theme in (None, claim.theme))
    return tuple(sorted(chosen, key=lambda claim: THEMES.index(claim.theme)))


def judge(theme: str | None = None, evidence: Evidence | None = None) -> Iterator[tuple[Claim, Finding]]:
    """Run the checks one by one; ``evidence`` holds the networks on trial, by default the document's two."""
    evidence = evidence or Evidence()
    for claim in claims(theme):
        yield claim, claim.check(evidence)
