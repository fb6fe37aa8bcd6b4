"""Instruments for attention: capture it, measure it, change it."""

from territory.interpret.capture import Record, attention_modules, capture
from territory.interpret.dead import DeadFinding, find_dead_attention
from territory.interpret.faithfulness import Curves, log_loss, policy_on, removal_curves
from territory.interpret.heads import attention_maps, spread, stat_shares
from territory.interpret.intervene import even, frame_mean, head_even, head_silent, intervene, knock_outs
from territory.interpret.layers import MEAN, Layer, layers_of, overlay
from territory.interpret.measures import (
    Interval,
    bootstrap_interval,
    border_lift,
    border_mask,
    entropy,
    lift,
    to_tiles,
    total_variation,
)
from territory.interpret.moments import Sample
from territory.interpret.one_key import OneKeyMap, one_key_map
from territory.interpret.places import PLACES
from territory.interpret.probe import ProbeResult, centre_of, features_of, probe
from territory.interpret.relevance import (
    attention_relevance,
    grad_cam,
    integrated_gradients,
    occlusion,
    relevance_maps,
    to_cells,
)
from territory.interpret.removal import BACKGROUNDS, elsewhere, flooded, vacated, without
from territory.interpret.replays import ReplayRecord, capture_frames, capture_replay
from territory.interpret.sanity import cascade, rank_correlation, shuffled
from territory.interpret.sensitivity import Sensitivity, attention_moved, sensitivity, with_stat
from territory.interpret.tables import (
    faithfulness_table,
    knock_out_table,
    lift_table,
    sanity_table,
    sensitivity_table,
    spread_table,
    untrained_like,
)
from territory.interpret.turning import Turning, likeliest_direction, turning
from territory.interpret.what_if import density_by_player, imagine

__all__ = [
    "BACKGROUNDS",
    "MEAN",
    "PLACES",
    "Curves",
    "DeadFinding",
    "Interval",
    "Layer",
    "OneKeyMap",
    "ProbeResult",
    "Record",
    "ReplayRecord",
    "Sample",
    "Sensitivity",
    "Turning",
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
    "centre_of",
    "density_by_player",
    "elsewhere",
    "entropy",
    "even",
    "faithfulness_table",
    "features_of",
    "find_dead_attention",
    "flooded",
    "frame_mean",
    "grad_cam",
    "head_even",
    "head_silent",
    "imagine",
    "integrated_gradients",
    "intervene",
    "knock_out_table",
    "knock_outs",
    "layers_of",
    "lift",
    "lift_table",
    "likeliest_direction",
    "log_loss",
    "occlusion",
    "one_key_map",
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
    "turning",
    "untrained_like",
    "vacated",
    "with_stat",
    "without",
]
