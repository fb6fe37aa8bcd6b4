"""Instruments for attention: capture it, measure it, change it."""

from territory.interpret.capture import Record, attention_modules, capture
from territory.interpret.intervene import frame_mean, intervene
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
from territory.interpret.replays import ReplayRecord, capture_replay

__all__ = [
    "Interval",
    "Record",
    "ReplayRecord",
    "attention_modules",
    "bootstrap_interval",
    "border_lift",
    "border_mask",
    "capture",
    "capture_replay",
    "entropy",
    "frame_mean",
    "intervene",
    "lift",
    "to_tiles",
    "total_variation",
]
