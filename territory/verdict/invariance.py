"""Claims about what the pool does to the place of things."""

import numpy as np
import torch
from torch import nn

from territory.interpret import centre_of, features_of, probe
from territory.verdict import rules
from territory.verdict.evidence import Evidence, Finding, claims_of, untrained
from territory.world.layout import Plane

SHIFTS = (1, 2, 4, 8, 16, 32)  # tiles; one cell of the last grid stands for 32
INVARIANT = 0.02  # features that move by less than a fiftieth of what the thing itself does to them
claim = claims_of("invariance")


def shifted(shift: int) -> torch.Tensor:
    """An island with a country in the middle of the water, moved to the east by some tiles: uint8 (1, 5, 128, 128)."""
    planes = torch.zeros(1, 5, 128, 128, dtype=torch.uint8)
    planes[:, Plane.UNCLAIMED, 52:76, 40:64] = 255
    planes[:, Plane.UNCLAIMED, 56:70, 46:60] = 0
    planes[:, Plane.OWN, 56:70, 46:60] = 255
    planes[:, Plane.TROOPS, 56:70, 46:60] = 120
    return planes.roll(shift, dims=3)


def moves(model: nn.Module) -> dict[int, float]:
    """By shift: how far the map features move, over how far they move when the island is taken away."""
    boards = torch.cat([shifted(0), torch.zeros_like(shifted(0)), *map(shifted, SHIFTS)]).numpy()
    features = features_of(model, "map_branch", boards, np.zeros((len(boards), 16), np.float32))
    distances = np.linalg.norm(features - features[0], axis=1)
    return {shift: float(d / distances[1]) for shift, d in zip(SHIFTS, distances[2:], strict=True)}


@claim("invariant", "Efficient CNN → Better Generalization", "with the mean pool the place on the map doesn't matter")
def invariant(evidence: Evidence) -> Finding:
    """The claim is of the architecture, so the document's own network decides, untrained; a case is a distance."""
    found = moves(evidence.new)
    figure = (
        "moves " + ", ".join(f"{found[shift]:.0%}" for shift in SHIFTS) + f" for {', '.join(map(str, SHIFTS))} tiles"
    )
    note = "100 %: as if the island were gone. Only 32 tiles are a whole step of all strides"
    numbers = {str(shift): moved for shift, moved in found.items()}
    return Finding(rules.holds([moved < INVARIANT for moved in found.values()]), figure, numbers, note)


@claim("old-positions", "Efficient CNN → Better Generalization", "the flatten ties what is learned to places")
def old_positions(evidence: Evidence) -> Finding:
    """A whole step of all the old strides is 8 tiles: the cells are then the same ones, elsewhere."""
    old, new = moves(evidence.old)[32], moves(evidence.new)[32]
    figure = f"moves {old:.0%} for 32 tiles; pooled {new:.0%}"
    return Finding(rules.holds([old > 10 * max(new, INVARIANT)]), figure, {"old": old, "new": new})


@claim("preserves", "Computational Efficiency", "the pool preserves important features")
def preserves(evidence: Evidence) -> Finding:
    """Where the enemy is, asked before and after the pool; preserved if the intervals overlap."""
    network, games = untrained("attention", norm="group"), evidence.steady
    where = centre_of(games.maps, Plane.ENEMY)
    before, after = (
        probe(features_of(network, name, games.maps, games.stats), where, games.games).r2
        for name in ("map_branch.blocks", "map_branch")
    )
    figure = f"R² of the enemy's place {before.mean:.2f}, after the pool {after.mean:.2f}"
    numbers = {"before": before.mean, "after": after.mean}
    share = (games.maps[:, Plane.ENEMY] > 0).mean(axis=(1, 2))
    amount = probe(features_of(network, "map_branch", games.maps, games.stats), share, games.games).r2
    cases = [after.high >= before.low, rules.above(amount.low, amount.high, 0.5)]
    note = f"how much there is of the enemy: {amount.mean:.2f}"
    return Finding(rules.holds(cases), figure, numbers | {"amount": amount.mean}, note)
