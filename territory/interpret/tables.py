"""What the instruments say of one network on a sample of games, as tables of means with intervals over games.

A table is ``{row: {column: Interval}}``: `viz.plot_intervals` draws it, the command line prints it.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from territory import models
from territory.interpret.faithfulness import Score, log_loss, policy_on, removal_curves
from territory.interpret.heads import attention_maps, spread
from territory.interpret.intervene import intervene, knock_outs
from territory.interpret.measures import Interval, lift, total_variation
from territory.interpret.moments import Sample
from territory.interpret.places import PLACES, Place
from territory.interpret.relevance import relevance_maps
from territory.interpret.removal import Background, elsewhere, vacated
from territory.interpret.replays import capture_frames
from territory.interpret.sanity import cascade, rank_correlation
from territory.interpret.sensitivity import sensitivity
from territory.world.layout import Stat

Table = dict[str, dict[str, Interval]]
Maps = Mapping[str, np.ndarray]  # relevance by method: (T, h, w)
BLIND = ("own land", "random")  # methods that never look at the network


def untrained_like(model: nn.Module, seed: int) -> nn.Module:
    """A fresh network of the same kind in evaluation mode; the caller's random numbers stay where they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return models.build(model.name, **model.options).eval()


def lift_table(model: nn.Module, sample: Sample, place: Place = PLACES["border"]) -> Table:
    """By layer and head: lift on a place, trained and untrained (another fresh network for each game); 1 is chance.

    "learned" is the difference, game by game: only where it excludes 0 has training done it.
    """
    on = place(sample.frames)
    trained = attention_maps(capture_frames(model, sample.frames))
    fresh = _untrained_maps(model, sample)
    found = {}
    for name, maps in trained.items():
        lifts = lift(maps, on), lift(fresh[name], on)
        columns = zip(("trained", "untrained", "learned"), (*lifts, lifts[0] - lifts[1]), strict=True)
        found[name] = {column: sample.mean(values) for column, values in columns}
    return found


def _untrained_maps(model: nn.Module, sample: Sample) -> dict[str, np.ndarray]:
    parts = []
    for game in np.unique(sample.games):
        frames = [frame for frame, of in zip(sample.frames, sample.games, strict=True) if of == game]
        parts.append(attention_maps(capture_frames(untrained_like(model, int(game)), frames)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def spread_table(model: nn.Module, sample: Sample) -> Table:
    """By layer and head: entropy over what it could be. 1 looks everywhere alike, 0 at a single key."""
    spreads = spread(capture_frames(model, sample.frames))
    return {name: {"entropy": sample.mean(values)} for name, values in spreads.items()}


def faithfulness_table(
    model: nn.Module,
    sample: Sample,
    background: Background = vacated,
    score: Score = total_variation,
    maps: Maps | None = None,
    steps: int = 8,
) -> Table:
    """By method: the areas of deletion and insertion less those of a random order, game by game. Above 0: truer.

    Total variation has no direction, so methods with signs (evidence for and against) are read there by size.
    """
    maps = relevance_maps(model, sample.frames, background) if maps is None else maps
    areas = {}
    for name, relevance in maps.items():
        relevance = relevance if score is log_loss else np.abs(relevance)
        curves = removal_curves(model, sample.frames, relevance, background, steps, score)
        areas[name] = {"deletion": curves.deletion(), "insertion": curves.insertion()}
    chance = areas.pop("random")
    return {
        name: {test: sample.mean(area - chance[test]) for test, area in tests.items()} for name, tests in areas.items()
    }


def sanity_table(model: nn.Module, sample: Sample, methods: Callable[..., Maps] = relevance_maps) -> Table:
    """By method: rank correlation of its maps with those of the network destroyed so far down. 1: it doesn't notice."""
    trained = {name: maps for name, maps in methods(model, sample.frames).items() if name not in BLIND}
    found: Table = {name: {} for name in trained}
    for stage, broken in cascade(model).items():
        others = methods(broken, sample.frames)
        for name, maps in trained.items():
            found[name][stage] = sample.mean(rank_correlation(maps, others[name]))
    return found


def sensitivity_table(model: nn.Module, sample: Sample) -> Table:
    """By statistic: how much of the policy, the value and the attentions moves when it alone is another game's."""
    moved = sensitivity(model, sample.frames)
    columns = {"policy": moved.policy, "value": moved.value, **moved.attention}
    return {
        stat.name.replace("_", " ").lower(): {name: sample.mean(values[:, stat]) for name, values in columns.items()}
        for stat in Stat
    }


def knock_out_table(model: nn.Module, sample: Sample) -> Table:
    """By intervention: how much of the policy moves, and how often another action is preferred.

    Two yardsticks come first: the map, and the statistics, of another game.
    """
    frames = sample.frames
    usual = capture_frames(model, frames)
    after = {"another game's map": policy_on(model, frames, elsewhere(frames))}
    stats = np.stack([frame.obs["global"] for frame in frames])
    after["another game's statistics"] = policy_on(model, frames, stats=np.roll(stats, len(frames) // 2, axis=0))
    for name, changes in knock_outs(usual.attention).items():
        with intervene(model, changes):
            after[name] = policy_on(model, frames)
    return {name: _moved(usual.probabilities, policy, sample) for name, policy in after.items()}


def _moved(before: np.ndarray, after: np.ndarray, sample: Sample) -> dict[str, Interval]:
    other = (before.argmax(axis=1) != after.argmax(axis=1)).astype(float)
    return {"policy moves": sample.mean(total_variation(before, after)), "another action": sample.mean(other)}
