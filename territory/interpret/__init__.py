"""Instruments for attention: capture it, measure it, change it."""

from territory.interpret.ablation import ablations, cell_mean, uniform, uniform_head, zero_head
from territory.interpret.capture import Record, attention_modules, capture, intervene
from territory.interpret.dead import DeadFinding, OneKeyMap, find_dead_attention, one_key_map
from territory.interpret.equivariance import Equivariance, equivariance, likeliest_direction
from territory.interpret.layers import MEAN, Layer, attention_maps, layers_of, overlay, spread, stat_shares
from territory.interpret.measures import (
    border_lift,
    border_mask,
    entropy,
    lift,
    to_tiles,
    total_variation,
)
from territory.interpret.probe import ProbeResult, centre_of, features_of, probe
from territory.interpret.relevance import (
    Curves,
    attention_relevance,
    grad_cam,
    integrated_gradients,
    log_loss,
    occlusion,
    policy_on,
    relevance_maps,
    removal_curves,
    to_cells,
)
from territory.interpret.replays import ReplayRecord, capture_frames, capture_replay
from territory.interpret.states import (
    REGIONS,
    REMOVAL_BASELINES,
    Sample,
    density_by_player,
    imagine,
    other_game,
    unclaimed,
    water,
    without,
)
from territory.interpret.tables import (
    Sensitivity,
    ablation_table,
    attention_moved,
    cascade,
    faithfulness_table,
    lift_table,
    rank_correlation,
    sanity_table,
    sensitivity,
    sensitivity_table,
    shuffled,
    spread_table,
    untrained_like,
    with_stat,
)
from territory.stats import Interval, bootstrap_interval

__all__ = [
    "MEAN",
    "REGIONS",
    "REMOVAL_BASELINES",
    "Curves",
    "DeadFinding",
    "Equivariance",
    "Interval",
    "Layer",
    "OneKeyMap",
    "ProbeResult",
    "Record",
    "ReplayRecord",
    "Sample",
    "Sensitivity",
    "ablation_table",
    "ablations",
    "attention_maps",
    "attention_modules",
    "attention_moved",
    "attention_relevance",
    "bootstrap_interval",
    "border_lift",
    "border_mask",
    "capture",
    "capture_frames",
    "capture_replay",
    "cascade",
    "cell_mean",
    "centre_of",
    "density_by_player",
    "entropy",
    "equivariance",
    "faithfulness_table",
    "features_of",
    "find_dead_attention",
    "grad_cam",
    "imagine",
    "integrated_gradients",
    "intervene",
    "layers_of",
    "lift",
    "lift_table",
    "likeliest_direction",
    "log_loss",
    "occlusion",
    "one_key_map",
    "other_game",
    "overlay",
    "policy_on",
    "probe",
    "rank_correlation",
    "relevance_maps",
    "removal_curves",
    "sanity_table",
    "sensitivity",
    "sensitivity_table",
    "shuffled",
    "spread",
    "spread_table",
    "stat_shares",
    "to_cells",
    "to_tiles",
    "total_variation",
    "unclaimed",
    "uniform",
    "uniform_head",
    "untrained_like",
    "water",
    "with_stat",
    "without",
    "zero_head",
]

_RENAMED = {
    "BACKGROUNDS": "REMOVAL_BASELINES",
    "PLACES": "REGIONS",
    "Turning": "Equivariance",
    "elsewhere": "other_game",
    "even": "uniform",
    "flooded": "water",
    "frame_mean": "cell_mean",
    "head_even": "uniform_head",
    "head_silent": "zero_head",
    "knock_out_table": "ablation_table",
    "knock_outs": "ablations",
    "turning": "equivariance",
    "vacated": "unclaimed",
}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        raise AttributeError(f"territory.interpret.{name} is now called territory.interpret.{_RENAMED[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
