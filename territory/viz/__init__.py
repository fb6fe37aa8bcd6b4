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
)
from territory.viz.curves import (
    plot_directions,
    plot_growth,
    plot_intervals,
    plot_learning_curve,
    plot_removal,
    plot_rows,
    plot_seed_panels,
    plot_seeds,
    plot_stats,
    plot_value,
)
from territory.viz.figures import (
    COMPASS,
    View,
    by_part,
    playing_figure,
    plot_action_compass,
    plot_mask,
    seen_figure,
    training_figure,
)
from territory.viz.games import (
    PLANE_SENTENCES,
    STAT_SENTENCES,
    TRAINING_PANELS,
    UPDATE_SENTENCES,
    film,
    pack_board,
    pack_moment,
    pack_record,
    save_film,
)
from territory.viz.networks import (
    plot_architecture,
    plot_memory,
    plot_parameter_shares,
    plot_roofline,
    plot_shares,
    shares_figure,
)
from territory.viz.style import PALETTES, colour_table

__all__ = ["Figure"]
__all__ += ["attention_picture", "blended", "board_picture", "direction_towards", "figure_png", "player_name"]
__all__ += ["plot_attention", "plot_board", "plot_planes", "plot_relevance"]
__all__ += ["by_part", "plot_action_compass"]
__all__ += ["plot_directions", "plot_growth", "plot_intervals", "plot_learning_curve", "plot_removal", "plot_rows"]
__all__ += ["plot_seed_panels", "plot_seeds", "plot_stats", "plot_value"]
__all__ += ["COMPASS", "View", "playing_figure", "plot_mask", "seen_figure", "training_figure"]
__all__ += ["film", "save_film"]
__all__ += ["plot_architecture", "plot_memory", "plot_parameter_shares", "plot_roofline", "plot_shares"]
__all__ += ["shares_figure"]
__all__ += ["pack_board", "pack_moment", "pack_record"]
__all__ += ["PALETTES", "colour_table"]
__all__ += ["PLANE_SENTENCES", "STAT_SENTENCES", "TRAINING_PANELS", "UPDATE_SENTENCES"]
