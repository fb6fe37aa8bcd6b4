"""From interleaved times to ratios. The timing itself is `territory.profiling.compare_calls`."""

from dataclasses import dataclass

from territory.profiling import LatencyRecord


@dataclass(frozen=True)
class Ratio:
    """`what` takes `ratio` times as long as `against`, the two timed by turns."""

    what: str
    against: str
    ratio: float  # of the medians
    low: float  # first quartile of `what` over third quartile of `against`: a pessimist's spread
    high: float  # and the other way round
    here_now: str  # what that came to on this machine at this moment: no claim


def time_ratio(what: LatencyRecord, against: LatencyRecord, here_now: str | None = None) -> Ratio:
    """How many times as long one call takes as another."""
    return Ratio(
        what.name,
        against.name,
        what.median / against.median,
        what.low / against.high,
        what.high / against.low,
        here_now or f"{milliseconds(what)} against {milliseconds(against)}",
    )


def milliseconds(record: LatencyRecord) -> str:
    """The median for the column of no claims."""
    return f"{1000 * record.median:.3g} ms"
