"""Front ends for notebooks: no computation of their own, they call `interpret`, `profiling` and `viz`."""

from territory.widgets.budget import NetworkBudget
from territory.widgets.explorer import AttentionExplorer
from territory.widgets.game import GamePlayer
from territory.widgets.monitor import TrainingMonitor

__all__ = ["AttentionExplorer", "GamePlayer", "NetworkBudget", "TrainingMonitor"]
