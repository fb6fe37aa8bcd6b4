"""What a network costs, in four currencies: parameters, multiply-accumulates, memory, time.

Each function takes any ``torch.nn.Module`` and gives plain frozen records; ``format_table`` prints them. Without
``inputs`` they use a blank observation of the game.
"""

from territory.profiling.design import NetworkDesign, draft
from territory.profiling.inputs import example_inputs
from territory.profiling.latency import LatencyRecord, compare_calls, compare_latency, latency
from territory.profiling.macs import MacsRecord, macs_table
from territory.profiling.memory import MemoryRecord, memory_table
from territory.profiling.parameters import ParameterRecord, PartRecord, parameter_table, part_table
from territory.profiling.tables import format_table

__all__ = [
    "LatencyRecord",
    "MacsRecord",
    "MemoryRecord",
    "NetworkDesign",
    "ParameterRecord",
    "PartRecord",
    "compare_calls",
    "compare_latency",
    "draft",
    "example_inputs",
    "format_table",
    "latency",
    "macs_table",
    "memory_table",
    "parameter_table",
    "part_table",
]
