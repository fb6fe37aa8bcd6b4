"""Claims about what attention does."""

import numpy as np
import torch
from torch import nn

from territory.agent.states import SampledStates
from territory.interpret import (
    Interval,
    attention_modules,
    bootstrap_interval,
    border_mask,
    capture,
    features_of,
    find_dead_attention,
    lift,
    probe,
    total_variation,
)
from territory.verdict import rules
from territory.verdict.evidence import Evidence, untrained
from territory.verdict.ledger import Finding, claims_of
from territory.world.layout import Plane, Stat

claim = claims_of("behaviour")
SEEDS = range(3)  # of untrained networks


def gates_of(model: nn.Module, games: SampledStates) -> dict[str, np.ndarray]:
    """Gates (S, h, w) of a network in some moments, by name."""
    parts: dict[str, list[np.ndarray]] = {}
    model.eval()
    for chunk in np.array_split(np.arange(len(games)), -(-len(games) // 64)):
        with capture(model) as record, torch.inference_mode():
            model(torch.from_numpy(games.maps[chunk]), torch.from_numpy(games.stats[chunk]))
        for name, weights in record.items():
            if name.startswith("spatial."):
                parts.setdefault(name, []).append(weights.numpy())
    return {name: np.concatenate(chunks) for name, chunks in parts.items()}


def lifts(gates: dict[str, np.ndarray], games: SampledStates, mask: np.ndarray) -> dict[str, Interval]:
    """By gate (S, h, w): mean attention on the mask bool (S, H, W) over elsewhere, 95 % interval over games."""
    return {name: bootstrap_interval(_by_game(lift(seen, mask), games)) for name, seen in gates.items()}


def _by_game(values: np.ndarray, games: SampledStates) -> np.ndarray:
    known = ~np.isnan(values)
    return np.array([values[known & (games.games == game)].mean() for game in np.unique(games.games[known])])


def _untrained_gates(games: SampledStates) -> list[dict[str, np.ndarray]]:
    return [gates_of(untrained("attention", seed, norm="group"), games) for seed in SEEDS]


def _learned_lift(evidence: Evidence, mask: np.ndarray) -> Finding:
    """Confirmed where the trained gate is above chance and above every untrained network."""
    games = evidence.surrounded
    trained = lifts(evidence.keep("trained", lambda: gates_of(evidence.agent.model, games)), games, mask)
    fresh = [lifts(gates, games, mask) for gates in evidence.keep("untrained", lambda: _untrained_gates(games))]
    cases = [found.low > max([1.0] + [other[name].high for other in fresh]) for name, found in trained.items()]
    figure = ", ".join(f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]" for found in trained.values())
    bars = ", ".join(f"{max(other[name].mean for other in fresh):.2f}" for name in trained)
    note = f"best of {len(fresh)} untrained: {bars}; {len(np.unique(games.games))} games"
    return Finding(rules.holds(cases), figure, {name: found.mean for name, found in trained.items()}, note)


@claim("borders", "Spatial Attention → Better Border Awareness", "surrounded by enemies, gates are high on the border")
def borders(evidence: Evidence) -> Finding:
    return _learned_lift(evidence, border_mask(evidence.surrounded.maps))


@claim("threats", "Spatial Attention", "gates pick out enemy land")
def threats(evidence: Evidence) -> Finding:
    return _learned_lift(evidence, evidence.surrounded.maps[:, Plane.ENEMY] > 0)


@claim("cities", "Spatial Attention", "gates pick out cities")
def cities(evidence: Evidence) -> Finding:
    return _learned_lift(evidence, evidence.surrounded.maps[:, Plane.CITIES] > 0)


@claim("openings", "Spatial Attention → Better Border Awareness", "gates pick out land to expand into")
def openings(evidence: Evidence) -> Finding:
    return _learned_lift(evidence, evidence.surrounded.maps[:, Plane.UNCLAIMED] > 0)


@claim("equal", "Spatial Attention → Better Border Awareness", "without gates borders can't be told from the interior")
def equal(evidence: Evidence) -> Finding:
    """Refuted if a linear layer behind the untrained old branch reads off how long the border is."""
    games = evidence.steady
    length = border_mask(games.maps).sum(axis=(1, 2)).astype(float)
    r2 = probe(features_of(evidence.old, "map_branch", games.maps, games.stats), length, games.games).r2
    figure = f"R² of the border's length {r2.mean:.2f} [{r2.low:.2f}, {r2.high:.2f}]"
    return Finding(rules.holds([r2.high < 0.1, r2.low < 0.5]), figure, {"r2": r2.mean}, "a probe, no gates, untrained")


@claim("rank", "Cross-Attention → Context-Dependent Strategy", "another rank changes what the map is asked")
def rank(evidence: Evidence) -> Finding:
    """Over real boards: the share of the attention that moves when the rank goes from first to last."""
    maps, stats = evidence.boards()
    seen = []
    for place in (0.0, 1.0):
        stats[:, Stat.RANK] = place
        with capture(evidence.new) as record, torch.inference_mode():
            evidence.new(maps, stats)
        seen.append([weights.numpy() for name, weights in record.items() if name.startswith("cross.")])
    if not seen[0]:
        return Finding("refuted", "no cross-attention", {"moved": 0.0})
    moved = max(float(total_variation(first, last).max()) for first, last in zip(*seen, strict=True))
    keys = max(weights.shape[-1] for weights in seen[0])
    figure = f"up to {moved:.0%} of a query's weight moves; keys: {keys}"
    return Finding(rules.holds([moved > 0.01]), figure, {"moved": moved, "keys": keys}, "with one key softmax is 1")


@claim("all-learn", "Cross-Attention Fusion", "the cross-attention learns feature interactions", "82,432 parameters")
def all_learn(evidence: Evidence) -> Finding:
    maps, stats = evidence.boards(16)
    found = find_dead_attention(evidence.new, [(maps[:8], stats[:8]), (maps[8:], stats[8:])])
    dead = sum(each.parameters for each in found if each.module.startswith("cross_attention"))
    count = sum(p.numel() for name, p in evidence.new.named_parameters() if name.startswith("cross_attention"))
    figure = f"{count - dead:,} of {count:,} ever learn"
    return Finding(rules.holds([dead < count / 100, dead < count / 10]), figure, {"dead": dead, "parameters": count})


@claim("both-ways", "Cross-Attention Fusion", "map asks statistics and statistics ask the map")
def both_ways(evidence: Evidence) -> Finding:
    ways = [name.split(".", 1)[1] for name in attention_modules(evidence.new) if name.startswith("cross.")]
    cases = [way in ways for way in ("map_to_stats", "stats_to_map")]
    return Finding(rules.holds(cases), ", ".join(ways) or "none", {"ways": len(ways)})


@claim("separate", "Cross-Attention → Context-Dependent Strategy", "without it map and statistics don't interact")
def separate(evidence: Evidence) -> Finding:
    """What two changes do together, less what each does alone: 0 if nothing interacts. Over the sum of the effects."""
    maps, stats = evidence.boards()
    others = maps.flip(0), stats.flip(0)
    with torch.inference_mode():
        a, b, c, d = (evidence.old(m, s)[0] for m in (maps, others[0]) for s in (stats, others[1]))
    share = ((a - b - c + d).norm() / (d - a).norm()).item()
    figure = f"{share:.0%} of the effect is interaction"
    return Finding(rules.holds([share < 0.01]), figure, {"share": share}, "one ReLU behind the concatenation suffices")
