"""What the instruments say of one network on a sample of games, as tables of means with intervals over games.

A table is ``{row: {column: Interval}}``: `viz.plot_intervals` draws it, the command line prints it. Two instruments
live here too: the sanity checks (Adebayo et al. 2018: the weights are destroyed part by part, from the output down; a
map that stays the same shows the input or the architecture, not what was learned), and the sensitivity to each of the
sixteen statistics (each moved alone, to a value it really has in another state: permutation importance, Breiman 2001).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from territory import models
from territory.errors import BadInput
from territory.guests.call import check_model, name_of
from territory.guests.contents import copy_of
from territory.interpret.capture import ablations, intervene
from territory.interpret.measures import lift, numbers_of, total_variation
from territory.interpret.records import ReplayRecord, attention_maps, capture_frames, spread
from territory.interpret.relevance import Score, log_loss, policy_on, relevance_maps, removal_curves
from territory.interpret.states import REGIONS, Baseline, Region, Sample, other_game, unclaimed
from territory.stats import Interval
from territory.world.layout import Stat
from territory.world.replay import Frame

CASCADE = (("actor", "critic"), ("fusion",), ("cross_attention",), ("global_branch", "map_branch"))


def shuffled(model: nn.Module, parts: Sequence[str], seed: int = 0) -> nn.Module:
    """A copy in which every tensor of the named parts has its own numbers in another order.

    So each layer's output keeps its size, which fresh weights would not: our actor starts a hundred times smaller.
    Raises BadInput for a part that the network doesn't have.
    """
    generator, broken = torch.Generator().manual_seed(seed), copy_of(model)
    for part in parts:
        if not hasattr(broken, part):
            raise BadInput(
                f"the network has no part {part!r}; there is {', '.join(n for n, _ in model.named_children())}"
            )
        for parameter in getattr(broken, part).parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            with torch.no_grad():
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return broken


def cascade(model: nn.Module, seed: int = 0) -> dict[str, nn.Module]:
    """Copies with ever more destroyed, from the heads down to the whole network, by the lowest part destroyed."""
    found, gone = {}, []
    children = [(name,) for name, child in model.named_children() if any(True for _ in child.parameters())]
    for stage in CASCADE if hasattr(model, "fusion") else reversed(children):
        present = [part for part in stage if hasattr(model, part)]
        if present:
            gone += present
            found[" and ".join(present)] = shuffled(model, gone, seed)
    return found


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's rho of two maps (T, h, w), for each frame: (T,); equal cells share their mean rank.

    1 is the same order, 0 unrelated; nan where a map is the same everywhere, or holds a nan.
    """
    one, other = numbers_of(one).astype(np.float64), numbers_of(other).astype(np.float64)
    if one.shape != other.shape:
        raise BadInput(f"expected two maps of one shape, got {one.shape} and {other.shape}")
    a, b = (np.stack([_mean_ranks(row) for row in maps.reshape(len(maps), -1)]) for maps in (one, other))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    a[np.isnan(one).reshape(len(a), -1).any(axis=1) | np.isnan(other).reshape(len(a), -1).any(axis=1)] = 0
    scale = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.full(len(a), np.nan), where=scale > 0)


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def sensitivity(model: nn.Module, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """How far each output moves with each statistic, (T, 16) by name.

    "policy": total variation, the share of probability that moves; "value": the absolute change; and each attention:
    the share that moves, see `attention_moved`. Each statistic in turn gets its value of the frame half of them further
    on: give frames of several games.
    """
    usual, moved = capture_frames(model, frames), []
    others = np.roll([frame.obs["global"] for frame in frames], len(frames) // 2, axis=0)
    for stat in Stat:
        after = capture_frames(model, with_stat(frames, stat, others[:, stat]))
        policy = total_variation(usual.probabilities, after.probabilities)
        moved.append({"policy": policy, "value": np.abs(usual.values - after.values), **attention_moved(usual, after)})
    return {name: np.stack([each[name] for each in moved], axis=1) for name in moved[0]}


def with_stat(frames: Sequence[Frame], stat: Stat, values: np.ndarray | float) -> list[Frame]:
    """The frames with one statistic set to a value for all, or to one value each (T,)."""
    moved = []
    for frame, value in zip(frames, np.broadcast_to(values, len(frames)), strict=True):
        stats = frame.obs["global"].copy()
        stats[stat] = value
        moved.append(replace(frame, obs=frame.obs | {"global": stats}))
    return moved


def attention_moved(before: ReplayRecord, after: ReplayRecord) -> dict[str, np.ndarray]:
    """By layer (T,): the share of attention that lies somewhere else, from 0 to 1, averaged over heads and queries.

    A gate's grid counts as one query's weights, scaled to sum to 1.
    """
    pairs = {name: (_rows(weights), _rows(after.attention[name])) for name, weights in before.attention.items()}
    return {name: total_variation(*rows).mean(axis=1) for name, rows in pairs.items()}


def _rows(weights: np.ndarray) -> np.ndarray:
    """(T, rows, keys), each summing to 1."""
    if weights.ndim == 3:
        weights = weights.reshape(len(weights), 1, -1)
        return weights / weights.sum(axis=-1, keepdims=True)
    return weights.reshape(len(weights), -1, weights.shape[-1])


Table = dict[str, dict[str, Interval]]
Maps = Mapping[str, np.ndarray]  # relevance by method: (T, h, w)
INPUT_ONLY = ("own land", "random")  # methods that never look at the network


def untrained_like(model: Any, seed: int) -> nn.Module:
    """A fresh network of the same kind in evaluation mode; the caller's random numbers stay where they were.

    Of a network that isn't ours, a copy: layers initialise themselves anew, and what has no layer to do so is drawn
    from a normal distribution of the same spread.
    """
    check_model(model)
    if name_of(model) in models.names():
        return models.build(model.name, seed=seed, **model.options).eval()
    fresh = copy_of(model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in fresh.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            else:
                for parameter in module.parameters(recurse=False):
                    parameter.normal_(parameter.mean().item(), parameter.std(correction=0).item())
    return fresh.eval()


def lift_table(model: nn.Module, sample: Sample, region: Region = REGIONS["border"]) -> Table:
    """By layer and head: lift on a region, trained and untrained (another fresh network for each game); 1 is chance.

    "learned" is the difference, game by game: only where it excludes 0 has training done it.
    """
    on = region(sample.frames)
    trained = attention_maps(capture_frames(model, sample.frames))
    fresh = []
    for game in np.unique(sample.games):
        frames = [frame for frame, of in zip(sample.frames, sample.games, strict=True) if of == game]
        fresh.append(attention_maps(capture_frames(untrained_like(model, int(game)), frames)))
    found = {}
    for name, maps in trained.items():
        lifts = lift(maps, on), lift(np.concatenate([each[name] for each in fresh]), on)
        columns = zip(("trained", "untrained", "learned"), (*lifts, lifts[0] - lifts[1]), strict=True)
        found[name] = {column: sample.mean(values) for column, values in columns}
    return found


def spread_table(model: nn.Module, sample: Sample) -> Table:
    """By layer and head: entropy over what it could be. 1 looks everywhere alike, 0 at a single key."""
    spreads = spread(capture_frames(model, sample.frames))
    return {name: {"entropy": sample.mean(values)} for name, values in spreads.items()}


def faithfulness_table(
    model: nn.Module,
    sample: Sample,
    baseline: Baseline = unclaimed,
    score: Score = total_variation,
    maps: Maps | None = None,
) -> Table:
    """By method: the areas of deletion and insertion less those of a random order, game by game. Above 0: truer.

    Total variation has no direction, so methods with signs (evidence for and against) are read there by size.
    """
    maps = relevance_maps(model, sample.frames, baseline) if maps is None else maps
    areas = {}
    for name, relevance in maps.items():
        relevance = relevance if score is log_loss else np.abs(relevance)
        curves = removal_curves(model, sample.frames, relevance, baseline, score=score)
        areas[name] = {"deletion": curves.deletion(), "insertion": curves.insertion()}
    chance = areas.pop("random")
    return {
        name: {test: sample.mean(area - chance[test]) for test, area in tests.items()} for name, tests in areas.items()
    }


def sanity_table(model: nn.Module, sample: Sample, methods: Callable[..., Maps] = relevance_maps) -> Table:
    """By method: rank correlation of its maps with those of the network destroyed so far down. 1: it doesn't notice."""
    trained = {name: maps for name, maps in methods(model, sample.frames).items() if name not in INPUT_ONLY}
    found: Table = {name: {} for name in trained}
    for stage, broken in cascade(model).items():
        others = methods(broken, sample.frames)
        for name, maps in trained.items():
            found[name][stage] = sample.mean(rank_correlation(maps, others[name]))
    return found


def sensitivity_table(model: nn.Module, sample: Sample) -> Table:
    """By statistic: how much of the policy, the value and the attentions moves when it alone is another game's."""
    columns = sensitivity(model, sample.frames)
    return {
        stat.name.replace("_", " ").lower(): {name: sample.mean(values[:, stat]) for name, values in columns.items()}
        for stat in Stat
    }


def ablation_table(model: nn.Module, sample: Sample) -> Table:
    """By intervention: how much of the policy moves, and how often another action is preferred.

    Two yardsticks come first: the map, and the statistics, of another game.
    """
    frames = sample.frames
    usual = capture_frames(model, frames)
    after = {"another game's map": policy_on(model, frames, other_game(frames))}
    stats = np.stack([frame.obs["global"] for frame in frames])
    after["another game's statistics"] = policy_on(model, frames, stats=np.roll(stats, len(frames) // 2, axis=0))
    for name, changes in ablations(usual.attention).items():
        with intervene(model, changes):
            after[name] = capture_frames(model, frames).probabilities  # frame by frame where the network goes so
    return {name: _moved(usual.probabilities, policy, sample) for name, policy in after.items()}


def _moved(before: np.ndarray, after: np.ndarray, sample: Sample) -> dict[str, Interval]:
    other = (before.argmax(axis=1) != after.argmax(axis=1)).astype(float)
    return {"policy moves": sample.mean(total_variation(before, after)), "another action": sample.mean(other)}
