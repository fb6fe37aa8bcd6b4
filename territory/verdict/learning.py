"""Claims about trained agents: how the old network and the new one did in the same games, over seeds.

They are decided by the data files of ``python -m studies.learning --side 128`` and ``python -m studies.memorisation``,
which take too long to run here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from territory.stats import Interval, bootstrap_interval
from territory.verdict import rules
from territory.verdict.evidence import Evidence, Finding, claims_of

OLD = "baseline"
NEW = ("attention", "attention, batch norm")  # as it was trained here, and as the document has it
Run = Mapping[str, Any]
claim = claims_of("learning")


def gap(run: Run) -> float:
    """Share of games won on maps of training less that on held-out maps."""
    return run["training"] - run["held_out"]


def won(run: Run) -> float:
    """Share of games won on held-out maps."""
    return run["held_out"]


def memorised(run: Run) -> float:
    """Nats between a taught network and its teacher in games that it wasn't taught, less those in games it was."""
    learned, others = run["curve"][-1]
    return others - learned


def by_seed(runs: Sequence[Run], network: str, measure: Callable[[Run], float]) -> dict[int, float]:
    """The measure of each run of a network."""
    return {run["seed"]: measure(run) for run in runs if run["network"] == network}


def gained(runs: Sequence[Run], new: str, measure: Callable[[Run], float], old: str = OLD) -> Interval | None:
    """How much more one network has than another, 95 % interval over seeds; None without two seeds of both.

    Seed by seed: the same seed plays the same maps, so their difficulty is in both.
    """
    theirs, ours = by_seed(runs, old, measure), by_seed(runs, new, measure)
    return _interval([ours[seed] - theirs[seed] for seed in sorted(theirs.keys() & ours.keys())])


def _interval(values: Iterable[float]) -> Interval | None:
    values = np.array(list(values))
    return bootstrap_interval(values) if len(values) > 1 else None


def _compared(runs: Sequence[Run], measure: Callable[[Run], float]) -> dict[str, Interval]:
    """What each new network has more than the old one; those without seeds of both are left out."""
    found = {name: gained(runs, name, measure) for name in NEW}
    return {name: each for name, each in found.items() if each is not None}


def _told(runs: Sequence[Run], measure: Callable[[Run], float], numbers: str = ".2f") -> str:
    names = zip(("old", "new", "with batch norm"), (OLD, *NEW), strict=True)
    found = [(word, _interval(by_seed(runs, name, measure).values())) for word, name in names]
    return ", ".join(f"{word} {each:{numbers}}" for word, each in found if each is not None)


def _numbers(found: dict[str, Interval], of: str = "") -> dict[str, float]:
    return {f"{of}{name}, {end}": value for name, each in found.items() for end, value in each._asdict().items()}


def _more_of_old(runs: Sequence[Run], measure: Callable[[Run], float]) -> list[bool | None]:
    """Whether the old network has some of it, and each new one less: none of these without seeds of both."""
    found, old = _compared(runs, measure), _interval(by_seed(runs, OLD, measure).values())
    if not found or old is None:
        return []
    return [rules.above(old.low, old.high), *(rules.above(-each.high, -each.low) for each in found.values())]


def _judged(
    evidence: Evidence, found: dict[str, Interval], cases: list[bool | None], figure: str, numbers: dict[str, float]
) -> Finding:
    if not found:
        note = "no runs of both networks: python -m studies.learning --side 128"
        return Finding("not testable here", "the two were not trained side by side", {}, note)
    steps = max(run["steps"] for run in evidence.runs)
    differences = "; ".join(f"{name} {each:+.2f}" for name, each in found.items())
    note = f"seed by seed against {OLD}: {differences}, after {steps:,} steps"
    return Finding(rules.holds(cases), figure, _numbers(found) | numbers, note)


@claim("overfitting", "Efficient CNN → Better Generalization", "fewer parameters, less overfitting")
def overfitting(evidence: Evidence) -> Finding:
    """Two things have to be so: the old network does better where it learned, and the new one's gap is smaller.

    In games won, and in what is memorised of a policy that is taught over and over on the same games.
    """
    taught = _compared(evidence.taught, memorised)
    cases = _more_of_old(evidence.runs, gap) + _more_of_old(evidence.taught, memorised)
    figure = f"gap {_told(evidence.runs, gap)}"
    if taught:
        figure += f"; nats memorised {_told(evidence.taught, memorised, '.3f')}"
    return _judged(evidence, _compared(evidence.runs, gap), cases, figure, _numbers(taught, "memorised, "))


@claim("better", "Option 1: Train with New Architecture (Recommended)", "attention plays better")
def better(evidence: Evidence) -> Finding:
    """After as many steps, on held-out maps: with both norms, or it depends on the norm."""
    found = _compared(evidence.runs, won)
    cases = [rules.above(each.low, each.high) for each in found.values()]
    return _judged(evidence, found, cases, f"won {_told(evidence.runs, won)}", {})
