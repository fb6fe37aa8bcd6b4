"""Pictures: pure functions ``plot_x(record, ax=None) -> Axes``. The only part that imports matplotlib."""

from matplotlib.figure import Figure

from territory.viz.board import (
    attention_picture,
    blended,
    board_picture,
    direction_towards,
    figure_png,
    player_name,
    plot_attention,
    plot_board,
    plot_planes,
    plot_relevance,
    to_png,
)
from territory.viz.compass import by_part, plot_action_compass
from territory.viz.curves import (
    plot_directions,
    plot_intervals,
    plot_learning_curve,
    plot_removal,
    plot_rows,
    plot_seeds,
    plot_stats,
    plot_value,
)
from territory.viz.figures import COMPASS, View, playing_figure, plot_mask, seen_figure, training_figure
from territory.viz.film import film, save_film
from territory.viz.lessons import plot_architecture, plot_growth, plot_memory, plot_seed_panels
from territory.viz.packing import layer_words, pack_moment, pack_record
from territory.viz.parameters import plot_parameter_shares, plot_roofline, plot_shares, shares_figure
from territory.viz.style import PALETTES, colour_table
from territory.viz.words import PLANE_SENTENCES, STAT_SENTENCES, TRAINING_PANELS, UPDATE_SENTENCES

__all__ = [
    "COMPASS",
    "PALETTES",
    "PLANE_SENTENCES",
    "STAT_SENTENCES",
    "TRAINING_PANELS",
    "UPDATE_SENTENCES",
    "Figure",
    "View",
    "attention_picture",
    "blended",
    "board_picture",
    "by_part",
    "colour_table",
    "direction_towards",
    "figure_png",
    "film",
    "layer_words",
    "pack_moment",
    "pack_record",
    "player_name",
    "playing_figure",
    "plot_action_compass",
    "plot_architecture",
    "plot_attention",
    "plot_board",
    "plot_directions",
    "plot_growth",
    "plot_intervals",
    "plot_learning_curve",
    "plot_mask",
    "plot_memory",
    "plot_parameter_shares",
    "plot_planes",
    "plot_relevance",
    "plot_removal",
    "plot_roofline",
    "plot_rows",
    "plot_seed_panels",
    "plot_seeds",
    "plot_shares",
    "plot_stats",
    "plot_value",
    "save_film",
    "seen_figure",
    "shares_figure",
    "to_png",
    "training_figure",
]
