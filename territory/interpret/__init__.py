"""Instruments for attention: capture it, measure it, change it."""

from territory.interpret.capture import (
    Record,
    ablations,
    attention_modules,
    capture,
    cell_mean,
    intervene,
    uniform,
    uniform_head,
    unread_words,
    zero_head,
)
from territory.interpret.dead import DeadFinding, OneKeyMap, find_dead_attention, one_key_map
from territory.interpret.measures import border_lift, border_mask, entropy, lift, to_tiles, total_variation
from territory.interpret.probe import (
    Equivariance,
    ProbeResult,
    centre_of,
    equivariance,
    features_of,
    likeliest_direction,
    probe,
)
from territory.interpret.records import (
    MEAN,
    Layer,
    ReplayRecord,
    attention_maps,
    capture_frames,
    capture_replay,
    layers_of,
    overlay,
    spread,
    stat_shares,
)
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

__all__ = ["Record", "ablations", "attention_modules", "capture", "cell_mean", "intervene", "uniform", "uniform_head"]
__all__ += ["unread_words", "zero_head"]
__all__ += ["DeadFinding", "OneKeyMap", "find_dead_attention", "one_key_map"]
__all__ += ["Equivariance", "equivariance", "likeliest_direction"]
__all__ += ["border_lift", "border_mask", "entropy", "lift", "to_tiles", "total_variation"]
__all__ += ["ProbeResult", "centre_of", "features_of", "probe"]
__all__ += ["MEAN", "Layer", "ReplayRecord", "attention_maps", "capture_frames", "capture_replay", "layers_of"]
__all__ += ["overlay", "spread", "stat_shares"]
__all__ += ["Curves", "attention_relevance", "grad_cam", "integrated_gradients", "log_loss", "occlusion", "policy_on"]
__all__ += ["relevance_maps", "removal_curves", "to_cells"]
__all__ += ["REGIONS", "REMOVAL_BASELINES", "Sample", "density_by_player", "imagine", "other_game", "unclaimed"]
__all__ += ["water", "without"]
__all__ += ["ablation_table", "attention_moved", "cascade", "faithfulness_table", "lift_table"]
__all__ += ["rank_correlation", "sanity_table", "sensitivity", "sensitivity_table", "shuffled", "spread_table"]
__all__ += ["untrained_like", "with_stat"]
__all__ += ["Interval", "bootstrap_interval"]
