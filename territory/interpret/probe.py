"""What can be read off a frozen network's features: a linear probe (Alain & Bengio 2016).

A probe is a ridge regression from features to a number that the network was never trained on. Where it predicts well on
games it has not seen, the number is in the features, for any linear layer behind them to take; where it doesn't, a
layer that gets nothing else can't take it either (a deeper one might).

And whether a policy is equivariant: when the board is rotated or mirrored, the attack must rotate along.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.errors import BadInput, as_array, whole
from territory.guests.call import check_model, explained, paths_of
from territory.guests.modes import inference, set_training, untouched
from territory.guests.owners import Owners
from territory.interpret.measures import as_mask, numbers_of
from territory.interpret.records import logits_and_value
from territory.models.policy import VIEWS, split_actions
from territory.stats import Interval, percentile_bootstrap
from territory.world.actions import FIRST_WAIT, NUM_ACTIONS, NUM_DIRECTIONS, NUM_ORDERS, Direction
from territory.world.layout import Plane

BATCH = 64
RIDGES = tuple(10.0**power for power in range(-7, 1))  # tried on games left out of the fit; 1: as strong as the data
FEWEST_GAMES = 8  # to fit, to choose the penalty and to test


@dataclass(frozen=True)
class ProbeResult:
    """How well a linear map of the features tells a number, on games that it was not fitted to."""

    r2: Interval  # 1: exactly; 0: no better than the mean; below 0: worse. 95 % interval over games
    ridge: float  # the penalty that was chosen on the games of the fit
    features: int
    games: int  # tested on


def features_of(model: nn.Module, layer: str, maps: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """What a layer of a frozen network puts out for each observation, flattened: float32 (S, features).

    ``layer``: its path, such as "map_branch" (after the pool) or "map_branch.blocks" (before it); ``maps``: uint8
    (S, 5, H, W); ``stats``: float32 (S, 16).
    """
    check_model(model)
    paths = list(paths_of(model).values())
    if layer not in paths:
        raise BadInput(f"the network has no layer {layer!r}; there is {', '.join(filter(None, paths)) or 'none'}")
    seen: list[np.ndarray] = []

    def keep(path: str, _module: nn.Module, _args: tuple, _kwargs: dict, output: Any) -> None:
        if path != layer:
            return
        if not isinstance(output, torch.Tensor) or not output.dim():
            raise BadInput(f"expected a layer that puts out one tensor; {layer!r} puts out a {type(output).__name__}")
        seen.append(numbers_of(output.reshape(len(output), -1)).astype(np.float32))

    planes, numbers = (torch.from_numpy(numbers_of(each)) for each in (maps, stats))
    if not 0 < len(planes) == len(numbers):
        raise BadInput(f"expected maps and statistics of the same observations; got {len(planes)} and {len(numbers)}")
    with untouched(model), torch.no_grad(), Owners(model, left=keep).watching():
        set_training(model, False)
        for part in zip(planes.split(BATCH), numbers.split(BATCH), strict=True):
            before = len(seen)
            with explained(model, part, "cannot take maps and statistics of shapes"):
                model(*part)
            if sum(map(len, seen[before:])) != len(part[0]):
                shapes = ", ".join(str(each.shape) for each in seen[before:]) or "never called"
                raise BadInput(
                    f"{layer!r}: expected a row for each of {len(part[0])} observations; got, flattened, {shapes}. "
                    "Is it called twice, or does its output begin with tokens? Name a layer behind it."
                )
    return np.concatenate(seen)


def centre_of(maps: np.ndarray, plane: Plane) -> np.ndarray:
    """Where the land of a plane of maps uint8 (S, 5, H, W) is: float64 (S, 2), mean row and column of its tiles.

    From 0 (north, west) to 1; nan: there is none.
    """
    land = numbers_of(maps)[:, plane] > 0
    count = land.sum(axis=(1, 2))
    rows, columns = ((np.arange(side) + 0.5) / side for side in land.shape[1:])
    total = np.stack([(land.sum(axis=2) * rows).sum(axis=1), (land.sum(axis=1) * columns).sum(axis=1)], axis=1)
    return np.divide(total, count[:, None], out=np.full(total.shape, np.nan), where=count[:, None] > 0)


def probe(features: np.ndarray, targets: np.ndarray, games: np.ndarray, seed: int = 0) -> ProbeResult:
    """Fit on half of the games, test on the other half.

    Args:
        features: (S, F), or (S, ...), flattened.
        targets: (S,) or (S, K): K numbers count together. Rows with a nan are left out.
        games: (S,), which game a row is from; states of one game are alike, so games are split, never states.
        seed: of the halves.
    """
    features, targets = (numbers_of(each).astype(np.float64) for each in (features, targets))
    games, seed = as_array("games", games), whole("seed", seed, 0)
    lengths = [each.shape[:1] for each in (features, targets, games)]
    if len({*lengths}) > 1 or lengths[0] in ((), (0,)):
        raise BadInput(f"expected features, targets and games of the same states; got {lengths}")
    features, targets = (each.reshape(len(each), -1) for each in (features, targets))
    known = ~np.isnan(targets).any(axis=1)
    features, targets, games = features[known], targets[known], games[known]
    if not (np.isfinite(features).all() and np.isfinite(targets).all()):
        raise BadInput("expected finite features and targets; some are infinite, or features NaN")
    names = np.random.default_rng(seed).permutation(np.unique(games))
    if len(names) < FEWEST_GAMES:
        raise BadInput(
            f"a probe needs eight games or more, to fit, to choose its penalty and to test; got {len(names)}"
        )
    fit, choose, test = (np.isin(games, part) for part in np.split(names, [3 * len(names) // 8, len(names) // 2]))
    errors = [
        _errors(predict(features[fit], targets[fit], features[choose], ridge), targets[choose]) for ridge in RIDGES
    ]
    ridge = RIDGES[int(np.argmin([each.sum() for each in errors]))]
    learned = fit | choose
    predicted = predict(features[learned], targets[learned], features[test], ridge)
    residual = _errors(predicted, targets[test])
    spread = _errors(targets[learned].mean(axis=0), targets[test])
    return ProbeResult(
        r2_interval(residual, spread, games[test]), ridge, features.shape[1], len(np.unique(games[test]))
    )


def predict(features: np.ndarray, targets: np.ndarray, others: np.ndarray, ridge: float) -> np.ndarray:
    """Ridge regression, applied to others: (S, F), (S, K), (R, F) to (R, K).

    All features share one scale. Scaled each by its own, one that hardly ever moves would shout when it does.
    """
    mean, centre = features.mean(axis=0), targets.mean(axis=0)
    scale = np.sqrt(np.square(features - mean).sum(axis=1).mean()) or 1.0
    x, z = (features - mean) / scale, (others - mean) / scale
    kernel = x @ x.T  # by samples instead of by features: the flattened maps have many more of those
    kernel[np.diag_indices_from(kernel)] += ridge * len(x)
    return z @ (x.T @ np.linalg.solve(kernel, targets - centre)) + centre


def r2_interval(residual: np.ndarray, spread: np.ndarray, games: np.ndarray, seed: int = 0) -> Interval:
    """1 - sum of residuals / sum of spreads with its bootstrap interval from drawing whole games; all (S,)."""
    names, index = np.unique(games, return_inverse=True)
    by_game = np.stack([np.bincount(index, weights) for weights in (residual, spread)])  # (2, games)

    def r2(draws: np.ndarray) -> np.ndarray:
        residuals, spreads = by_game[:, draws].sum(axis=2)  # (resamples,) each
        return 1 - residuals / spreads

    low, high = percentile_bootstrap(r2, len(names), seed=seed)
    return Interval(float(1 - by_game[0].sum() / by_game[1].sum()), float(low), float(high))


def _errors(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.square(predicted - targets).sum(axis=1)


@dataclass(frozen=True)
class Equivariance:
    """Over B boards and the views in which the direction that was chosen would be another one; shares."""

    boards: int  # those with somebody to attack
    along: float  # equivariant: the direction rotated with the board
    stayed: float  # the same compass direction whichever way the board lay: a favourite
    favourite: str  # the direction chosen most often on the boards as they lie
    favoured: float  # share of boards on which it was


def equivariance(
    model: nn.Module, maps: Tensor | np.ndarray, stats: Tensor | np.ndarray, masks: Tensor | np.ndarray
) -> Equivariance:
    """What becomes of the likeliest direction when square boards are rotated and mirrored.

    ``maps`` uint8 ``(B, 5, S, S)``, ``stats`` ``(B, 16)``, ``masks`` bool ``(B, 90)``: an agent that looks at its map
    is equivariant always; one that chooses without looking, by chance.

    Raises BadInput: maps that are not square, or no board on which there is anybody to attack.
    """
    check_model(model)
    maps, stats = torch.as_tensor(maps), torch.as_tensor(stats)
    masks = torch.from_numpy(as_mask(masks)).to(maps.device)
    if maps.shape[-1] != maps.shape[-2]:
        raise BadInput(f"a quarter turn needs square maps, got {tuple(maps.shape[-2:])}")
    if masks.shape != (len(maps), NUM_ACTIONS) or len(stats) != len(maps):
        shapes = f"{tuple(maps.shape)}, {tuple(stats.shape)} and {tuple(masks.shape)}"
        raise BadInput(f"expected maps, statistics and masks (B, {NUM_ACTIONS}) of the same boards; got {shapes}")
    able = masks[:, :FIRST_WAIT].any(1)
    if not able.any():
        raise BadInput("on none of these boards is there anybody to attack: take them from the middle of games")
    maps, stats, masks = maps[able], stats[able], masks[able]
    here = likeliest_direction(model, maps, stats, masks)
    along, stayed = [], []  # whether the direction did, where these are not the same
    for view in VIEWS[1:]:
        places = view.of_actions()
        there = likeliest_direction(model, view.of_maps(maps), stats, masks[:, places.argsort()])
        expected = places[here * NUM_ORDERS] // NUM_ORDERS
        along.append((there == expected)[expected != here])
        stayed.append((there == here)[expected != here])
    counts = np.bincount(here.numpy(), minlength=NUM_DIRECTIONS)
    turned, kept = (torch.cat(each).float().mean().item() for each in (along, stayed))
    return Equivariance(len(here), turned, kept, Direction(counts.argmax()).name, counts.max().item() / len(here))


def likeliest_direction(
    model: nn.Module, maps: Tensor | np.ndarray, stats: Tensor | np.ndarray, masks: Tensor | np.ndarray
) -> Tensor:
    """The direction ``(B,)`` int64, 0 to 7 clockwise from north, that most of the probability of attacking is in."""
    maps, stats = torch.as_tensor(maps), torch.as_tensor(stats)
    masks = torch.from_numpy(as_mask(masks)).to(maps.device)
    with inference(model):
        logits = logits_and_value(model, maps, stats)[0].masked_fill(~masks, -torch.inf)
    return split_actions(logits)[0].logsumexp(2).argmax(1)
