"""Claims about what the trained agent does: by its rank, under threat, and against the leaders.

Two questions each. Counterfactual: the same boards with another statistic, everything else kept; how does the policy
change? Observed: in the agent's own games, does it act so in the states where the sentence applies? Each has its
interval over games.
"""

from collections.abc import Callable

import numpy as np
import torch

from territory.agent.states import SampledStates
from territory.interpret import Interval, bootstrap_interval
from territory.models.policy import masked_log_softmax
from territory.stats import means_by_game
from territory.verdict import rules
from territory.verdict.evidence import Evidence
from territory.verdict.ledger import Finding, claims_of
from territory.world.actions import FIRST_WAIT, one_step_back
from territory.world.layout import Plane, Stat

claim = claims_of("behaviour")
STRATEGY = "Cross-Attention → Context-Dependent Strategy"
FIFTH_OF_TEN = 4 / 9  # the statistic RANK: 0 the largest player, 1 the smallest

Measure = Callable[[np.ndarray, SampledStates], np.ndarray]  # probabilities (S, 90) and states to numbers (S,)


def attacks(policy: np.ndarray, states: SampledStates) -> np.ndarray:
    """Probability (S,) of attacking at all; the rest waits, which is all the defence that the game has."""
    return policy[:, :FIRST_WAIT].sum(axis=1)


def at_enemies(policy: np.ndarray, states: SampledStates) -> np.ndarray:
    """Of the probability of attacking, the share (S,) in directions whose front has enemy land."""
    by_direction = policy[:, :FIRST_WAIT].reshape(len(policy), 8, 10).sum(axis=2)
    own, enemy = (states.maps[:, plane] > 0 for plane in (Plane.OWN, Plane.ENEMY))
    fronts = np.stack([(behind & enemy).any(axis=(1, 2)) for behind in one_step_back(own)], axis=1)
    return (by_direction * fronts).sum(axis=1) / np.maximum(by_direction.sum(axis=1), 1e-9)


def policy_of(evidence: Evidence, states: SampledStates, changed: dict[Stat, float] | None = None) -> np.ndarray:
    """The trained agent's probabilities (S, 90) in these states, with some statistics changed."""
    stats = states.stats.copy()
    for stat, value in (changed or {}).items():
        stats[:, stat] = value
    with torch.inference_mode():
        logits = evidence.agent.model(torch.from_numpy(states.maps), torch.from_numpy(stats))[0]
        return masked_log_softmax(logits, torch.from_numpy(states.masks)).exp().numpy()


def counterfactual(evidence: Evidence, measure: Measure, then: dict[Stat, float], less: dict[Stat, float]) -> Interval:
    """How much the measure is higher with these statistics than with those."""
    states = evidence.played
    more, fewer = (measure(policy_of(evidence, states, changed), states) for changed in (then, less))
    return bootstrap_interval(means_by_game(more - fewer, states.games))


def observed(evidence: Evidence, measure: Measure, where: np.ndarray) -> Interval | None:
    """How much the measure is higher in the states bool (S,) than in the others of the same game."""
    states = evidence.played
    values = measure(policy_of(evidence, states), states)
    inside, outside = (means_by_game(np.where(here, values, np.nan), states.games) for here in (where, ~where))
    differences = inside - outside  # nan for a game that has only one of the two
    return bootstrap_interval(differences) if np.isfinite(differences).sum() > 1 else None


def _judged(told: dict[str, Interval | None], what: str, sign: float = 1.0) -> Finding:
    """The sentence holds if each difference is above 0 (below, where ``sign`` is -1)."""
    cases, words, numbers = [], [], {}
    for name, found in told.items():
        if found is None:
            cases.append(None)
            words.append(f"{name}: too few games")
            continue
        low, high = sorted((sign * found.low, sign * found.high))
        cases.append(rules.above(low, high))
        words.append(f"{name} {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
        numbers[name] = found.mean
    return Finding(
        rules.holds(cases), "; ".join(words), numbers, f"difference in {what}; the trained agent's own games"
    )


@claim("first-defends", STRATEGY, "as the largest player it prioritises defence")
def first_defends(evidence: Evidence) -> Finding:
    told = {
        "told it is first": counterfactual(evidence, attacks, {Stat.RANK: 0.0}, {Stat.RANK: 1.0}),
        "being first": observed(evidence, attacks, evidence.played.stats[:, Stat.RANK] == 0),
    }
    return _judged(told, "the probability of attacking (defence is less of it)", sign=-1)


@claim("threatened-attacks", STRATEGY, "with threatened borders it is aggressive")
def threatened_attacks(evidence: Evidence) -> Finding:
    threat = evidence.played.stats[:, Stat.STRONGEST_NEIGHBOUR]
    high, low = {Stat.STRONGEST_NEIGHBOUR: 0.5}, {Stat.STRONGEST_NEIGHBOUR: -0.5}
    told = {
        "told of a strong neighbour": counterfactual(evidence, attacks, high, low),
        "having a stronger one": observed(evidence, attacks, threat > np.median(threat)),
    }
    return _judged(told, "the probability of attacking")


@claim("fifth-catches-up", STRATEGY, "as fifth of ten it turns to catching the leaders")
def fifth_catches_up(evidence: Evidence) -> Finding:
    fifth, first = {Stat.RANK: FIFTH_OF_TEN}, {Stat.RANK: 0.0}
    told = {
        "told it is fifth": counterfactual(evidence, at_enemies, fifth, first),
        "not being first": observed(evidence, at_enemies, evidence.played.stats[:, Stat.RANK] > 0),
    }
    return _judged(told, "the share of its attacks that goes against players")
