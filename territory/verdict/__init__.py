"""Every claim of the design document with the check that decides it: ``for claim, finding in judge(): ...``.

Verdicts follow from measurements by the thresholds of `rules`; nobody writes them down. The command, notebook 06 and
the tests all read this one ledger.
"""

# importing a theme enters its claims
from territory.verdict import behaviour, costs, counts, invariance, learning  # noqa: F401
from territory.verdict.evidence import THEMES, VERDICTS, Claim, Evidence, Finding, claims, judge, told

__all__ = ["THEMES", "VERDICTS", "Claim", "Evidence", "Finding", "claims", "judge", "told"]
