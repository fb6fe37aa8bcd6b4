"""Claims about what attention does, and about what the trained agent does: by its rank, under threat, against leaders.

Two questions of the agent. Counterfactual: the same boards with another statistic, everything else kept; how does the
policy change? Observed: in its own games, does it act so in the states where the sentence applies? Each has its
interval over games.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from territory import interpret
from territory.agent import SampledStates
from territory.guests.modes import inference
from territory.interpret.measures import beside
from territory.models.policy import masked_softmax
from territory.stats import Interval, bootstrap_interval, means_by_game
from territory.verdict import rules
from territory.verdict.evidence import Evidence, Finding, claims_of, untrained
from territory.world.actions import FIRST_WAIT, one_step_back
from territory.world.layout import Plane, Stat

claim = claims_of("behaviour")
CELLS = 2000  # of own land that a probe is shown
SEEDS = range(20)  # of untrained networks
LEARNED = 95  # the percentile of the untrained networks that a trained one has to pass
BORDERS = "Spatial Attention → Better Border Awareness"  # two sections of the document
STRATEGY = "Cross-Attention → Context-Dependent Strategy"
FIFTH_OF_TEN = 4 / 9  # the statistic RANK: 0 the largest player, 1 the smallest

Marks = Callable[[np.ndarray], np.ndarray]  # maps uint8 (S, 5, H, W) to a mask bool (S, H, W)
Measure = Callable[[np.ndarray, SampledStates], np.ndarray]  # probabilities (S, 90) and states to numbers (S,)


def gates_of(model: nn.Module, games: SampledStates) -> dict[str, np.ndarray]:
    """Gates (S, h, w) of a network in some moments, by name."""
    with inference(model), interpret.capture(model) as record:
        model(*games.tensors()[:2])
    return {name: weights.numpy() for name, weights in record.items() if name.startswith("spatial.")}


def lifts(gates: dict[str, np.ndarray], games: SampledStates, mask: np.ndarray) -> dict[str, Interval]:
    """By gate (S, h, w): mean attention on the mask bool (S, H, W) over elsewhere, 95 % interval over games."""
    found = {name: interpret.lift(seen, mask) for name, seen in gates.items()}
    return {name: bootstrap_interval(means_by_game(values, games.games)) for name, values in found.items()}


def untrained_lifts(
    games: SampledStates, mask: np.ndarray, gates: list[dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """By gate: the mean lift of each untrained network, (networks,)."""
    found = [lifts(each, games, mask) for each in gates]
    return {name: np.array([each[name].mean for each in found]) for name in gates[0]}


def _learned_lift(evidence: Evidence, marks: Marks) -> Finding:
    """Confirmed where the trained gate is above chance and above 95 of 100 untrained networks."""
    games = evidence.surrounded
    mask = marks(games.maps)
    trained = lifts(evidence.keep("trained", lambda: gates_of(evidence.agent.model, games)), games, mask)
    others = (untrained("attention", seed, norm="group") for seed in SEEDS)
    fresh = untrained_lifts(games, mask, evidence.keep("untrained", lambda: [gates_of(each, games) for each in others]))
    bars = {name: max(1.0, float(np.percentile(fresh[name], LEARNED))) for name in trained}
    cases = [rules.above(found.low, found.high, bars[name]) for name, found in trained.items()]
    figure = ", ".join(f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]" for found in trained.values())
    ranks = ", ".join(f"{100 * (fresh[name] < found.mean).mean():.0f}" for name, found in trained.items())
    note = f"at percentile {ranks} of {len(SEEDS)} untrained networks; {len(np.unique(games.games))} games"
    return Finding(rules.holds(cases), figure, {name: found.mean for name, found in trained.items()}, note)


def _battles(maps: np.ndarray) -> np.ndarray:
    """Where own land and an enemy's meet, both sides of it."""
    own, enemy = (maps[:, plane] > 0 for plane in (Plane.OWN, Plane.ENEMY))
    return own & beside(enemy) | enemy & beside(own)


def _plane(plane: Plane) -> Marks:
    return lambda maps: maps[:, plane] > 0


_MARKED: dict[str, tuple[str, str, Marks]] = {  # section, words, and what the gates are said to pick out
    "borders": (BORDERS, "surrounded by enemies, gates are high on the border", interpret.border_mask),
    "threats": ("Spatial Attention", "gates pick out enemy land", _plane(Plane.ENEMY)),
    "cities": ("Spatial Attention", "gates pick out cities", _plane(Plane.CITIES)),
    "openings": (BORDERS, "gates pick out land to expand into", _plane(Plane.UNCLAIMED)),
    "battles": (BORDERS, "gates pick out active battle zones", _battles),
}
for _id, (_section, _words, _marks) in _MARKED.items():
    claim(_id, _section, _words)(partial(_learned_lift, marks=_marks))


@claim("movements", BORDERS, "it tracks enemy movements")
def movements(evidence: Evidence) -> Finding:
    """Two histories that end in the same board: what keeps no memory answers alike, however the enemy came there."""
    maps, stats = evidence.boards(8)
    answers = []
    with torch.inference_mode():
        for history in (range(7), reversed(range(7))):
            for moment in history:
                evidence.new(maps[moment : moment + 1], stats[moment : moment + 1])
            answers.append(evidence.new(maps[7:], stats[7:])[0])
    same = torch.equal(*answers)
    figure = "the same answer after two histories" if same else "the answer depends on the history"
    note = "one frame and no memory: movement is in neither"
    return Finding(rules.holds([not same]), figure, {"same": float(same)}, note)


@claim("equal", BORDERS, "without gates borders can't be told from the interior")
def equal(evidence: Evidence) -> Finding:
    """Refuted if a linear probe tells, cell by cell of own land, border from interior by the untrained old features."""
    games = evidence.steady
    features = interpret.features_of(evidence.old, "map_branch.blocks", games.maps, games.stats)
    cells = features.reshape(len(games), 64, 14, 14)
    tiles = np.stack([games.maps[:, Plane.OWN] > 0, interpret.border_mask(games.maps)])
    # The share of each 8 x 8 block, without the rim: the old network's last grid, (S, 14, 14).
    own, border = tiles.reshape(2, -1, 16, 8, 16, 8).mean(axis=(3, 5))[..., 1:-1, 1:-1]
    at = [places[:: 1 + len(places) // CELLS] for places in np.nonzero(own > 0.5)]
    target = (border[tuple(at)] > 0).astype(float)
    r2 = interpret.probe(cells.transpose(0, 2, 3, 1)[tuple(at)], target, games.games[at[0]]).r2
    figure = f"R² of border or interior {r2.mean:.2f} [{r2.low:.2f}, {r2.high:.2f}]"
    note = f"{len(target):,} cells of own land, no gates, untrained"
    return Finding(rules.holds([rules.above(-r2.high, -r2.low, -0.1)]), figure, {"r2": r2.mean}, note)


@claim("underused", "Computational Efficiency", "the old parameters are underutilised")
def underused(evidence: Evidence) -> Finding:
    """Underused if the smallest nine tenths of the large layer can go and less than 5 % of the policy moves."""
    maps, stats = evidence.boards()
    model, moved = copy.deepcopy(evidence.old_agent.model), {}
    with torch.inference_mode():
        before = model(maps, stats)[0].softmax(1).numpy()
        weight = cast(Any, model.map_branch).to_features.weight
        for share in (0.5, 0.9):
            weight[weight.abs() < torch.quantile(weight.abs().flatten()[::16], share)] = 0
            moved[share] = float(interpret.total_variation(before, model(maps, stats)[0].softmax(1).numpy()).mean())
    figure = ", ".join(f"{share:.0%} of them at 0: {move:.1%} of the policy moves" for share, move in moved.items())
    note = "the smallest weights of the pretrained old network's large layer"
    return Finding(rules.holds([m < 0.05 for m in moved.values()]), figure, {str(k): m for k, m in moved.items()}, note)


@claim("rank", STRATEGY, "another rank changes what is attended to")
def rank(evidence: Evidence) -> Finding:
    """Over real boards: the share of the attention that moves when the rank goes from first to last."""
    maps, stats = evidence.boards()
    seen = []
    for place in (0.0, 1.0):
        stats[:, Stat.RANK] = place
        with interpret.capture(evidence.new) as record, torch.inference_mode():
            evidence.new(maps, stats)
        seen.append([weights.numpy() for name, weights in record.items() if name.startswith("cross.")])
    if not seen[0]:
        return Finding("refuted", "no cross-attention", {"moved": 0.0})
    moved = max(float(interpret.total_variation(first, last).max()) for first, last in zip(*seen, strict=True))
    keys = max(weights.shape[-1] for weights in seen[0])
    figure = f"up to {moved:.0%} of a query's weight moves; keys: {keys}"
    return Finding(rules.holds([moved > 0.01]), figure, {"moved": moved, "keys": keys}, "with one key softmax is 1")


@claim("all-learn", "Cross-Attention Fusion", "the cross-attention learns feature interactions")
def all_learn(evidence: Evidence) -> Finding:
    maps, stats = evidence.boards(16)
    found = interpret.find_dead_attention(evidence.new, [(maps[:8], stats[:8]), (maps[8:], stats[8:])])
    dead = sum(each.parameters for each in found if each.module.startswith("cross_attention"))
    count = sum(p.numel() for name, p in evidence.new.named_parameters() if name.startswith("cross_attention"))
    figure = f"{count - dead:,} of {count:,} ever learn"
    return Finding(rules.holds([dead < count / 100, dead < count / 10]), figure, {"dead": dead, "parameters": count})


@claim("both-ways", "Cross-Attention Fusion", "the map attends to the statistics, and they to the map")
def both_ways(evidence: Evidence) -> Finding:
    ways = [name.split(".", 1)[1] for name in interpret.attention_modules(evidence.new) if name.startswith("cross.")]
    cases = [way in ways for way in ("map_to_stats", "stats_to_map")]
    return Finding(rules.holds(cases), ", ".join(ways) or "none", {"ways": len(ways)})


@claim("separate", STRATEGY, "without it map and statistics don't interact")
def separate(evidence: Evidence) -> Finding:
    """What two changes do together, less what each does alone: 0 if nothing interacts. Over the sum of the effects."""
    maps, stats = evidence.boards()
    others = maps.flip(0), stats.flip(0)
    with torch.inference_mode():
        a, b, c, d = (evidence.old(m, s)[0] for m in (maps, others[0]) for s in (stats, others[1]))
    share = ((a - b - c + d).norm() / (d - a).norm()).item()
    figure = f"{share:.0%} of the effect is interaction"
    return Finding(rules.holds([share < 0.01]), figure, {"share": share}, "one ReLU behind the concatenation suffices")


def attacks(policy: np.ndarray, states: SampledStates) -> np.ndarray:
    """Probability (S,) of attacking at all; the rest waits, which is all the defence that the game has."""
    return policy[:, :FIRST_WAIT].sum(axis=1)


def at_enemies(policy: np.ndarray, states: SampledStates) -> np.ndarray:
    """Of the probability of attacking, the share (S,) in directions whose front has enemy land."""
    by_direction = policy[:, :FIRST_WAIT].reshape(len(policy), 8, 10).sum(axis=2)
    own, enemy = (states.maps[:, plane] > 0 for plane in (Plane.OWN, Plane.ENEMY))
    fronts = np.stack([(behind & enemy).any(axis=(1, 2)) for behind in one_step_back(own)], axis=1)
    return (by_direction * fronts).sum(axis=1) / np.maximum(by_direction.sum(axis=1), 1e-9)


def measured(evidence: Evidence, measure: Measure, stat: Stat | None = None, value: float = 0.0) -> np.ndarray:
    """The measure (S,) of the trained agent's policy in its own games, where it is told this value of a statistic."""
    maps, stats, masks = evidence.played.tensors()
    if stat is not None:
        stats = stats.clone()
        stats[:, stat] = value
    with inference(evidence.agent.model):
        policy = masked_softmax(evidence.agent.model(maps, stats)[0], masks).numpy()
    return measure(policy, evidence.played)


def counterfactual(evidence: Evidence, measure: Measure, stat: Stat, then: float, less: float) -> Interval:
    """How much the measure is higher with one value of the statistic than with another."""
    more, fewer = (measured(evidence, measure, stat, value) for value in (then, less))
    return bootstrap_interval(means_by_game(more - fewer, evidence.played.games))


def observed(evidence: Evidence, measure: Measure, where: np.ndarray) -> Interval | None:
    """How much the measure is higher in the states bool (S,) than in the others of the same game."""
    states, values = evidence.played, measured(evidence, measure)
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
    note = f"difference in {what}; the trained agent's own games"
    return Finding(rules.holds(cases), "; ".join(words), numbers, note)


@claim("first-defends", STRATEGY, "as the largest player it prioritises defence")
def first_defends(evidence: Evidence) -> Finding:
    told = {
        "told it is first": counterfactual(evidence, attacks, Stat.RANK, 0.0, 1.0),
        "being first": observed(evidence, attacks, evidence.played.stats[:, Stat.RANK] == 0),
    }
    return _judged(told, "the probability of attacking (defence is less of it)", sign=-1)


@claim("threatened-attacks", STRATEGY, "with threatened borders it is aggressive")
def threatened_attacks(evidence: Evidence) -> Finding:
    threat = evidence.played.stats[:, Stat.STRONGEST_NEIGHBOUR]
    told = {
        "told of a strong neighbour": counterfactual(evidence, attacks, Stat.STRONGEST_NEIGHBOUR, 0.5, -0.5),
        "having a stronger one": observed(evidence, attacks, threat > np.median(threat)),
    }
    return _judged(told, "the probability of attacking")


@claim("fifth-catches-up", STRATEGY, "as fifth of ten it turns to catching the leaders")
def fifth_catches_up(evidence: Evidence) -> Finding:
    told = {
        "told it is fifth": counterfactual(evidence, at_enemies, Stat.RANK, FIFTH_OF_TEN, 0.0),
        "not being first": observed(evidence, at_enemies, evidence.played.stats[:, Stat.RANK] > 0),
    }
    return _judged(told, "the share of its attacks that goes against players")
