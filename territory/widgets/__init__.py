"""Front ends for notebooks: no computation of their own, they call `interpret` and `viz`."""

from territory.widgets.explorer import AttentionExplorer
from territory.widgets.game import GamePlayer

__all__ = ["AttentionExplorer", "GamePlayer"]
