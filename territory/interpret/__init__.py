"""Instruments for attention: capture it, measure it, change it."""

from territory.interpret.capture import Record, attention_modules, capture
from territory.interpret.dead import DeadFinding, find_dead_attention
from territory.interpret.intervene import frame_mean, intervene
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
from territory.interpret.one_key import OneKeyMap, one_key_map
from territory.interpret.probe import ProbeResult, centre_of, features_of, probe
from territory.interpret.replays import ReplayRecord, capture_frames, capture_replay
from territory.interpret.what_if import density_by_player, imagine

__all__ = [
    "MEAN",
    "DeadFinding",
    "Interval",
    "Layer",
    "OneKeyMap",
    "ProbeResult",
    "Record",
    "ReplayRecord",
    "attention_modules",
    "bootstrap_interval",
    "border_lift",
    "border_mask",
    "capture",
    "capture_frames",
    "capture_replay",
    "centre_of",
    "density_by_player",
    "entropy",
    "features_of",
    "find_dead_attention",
    "frame_mean",
    "imagine",
    "intervene",
    "layers_of",
    "lift",
    "one_key_map",
    "overlay",
    "probe",
    "to_tiles",
    "total_variation",
]
