"""What a network costs, in four currencies: parameters, multiply-accumulates, memory, time.

Each function takes any ``torch.nn.Module`` and gives plain frozen records; ``format_table`` prints them. Without
``inputs`` they use a blank observation of the game.
"""

from territory.profiling.design import NetworkDesign, build_design, draft
from territory.profiling.inputs import example_inputs
from territory.profiling.latency import LatencyRecord, compare_calls, compare_latency, latency
from territory.profiling.layer_times import TimeRecord, time_table
from territory.profiling.macs import MacsRecord, macs_table
from territory.profiling.memory import MemoryRecord, PeakRecord, memory_table, peak_memory
from territory.profiling.parameters import ParameterRecord, PartRecord, parameter_table, part_table
from territory.profiling.receptive_field import FieldRecord, field_table
from territory.profiling.roofline import Machine, RooflineRecord, measure_machine, roofline
from territory.profiling.tables import LayerRecord, format_table, layer_table

__all__ = [
    "FieldRecord",
    "LatencyRecord",
    "LayerRecord",
    "Machine",
    "MacsRecord",
    "MemoryRecord",
    "NetworkDesign",
    "ParameterRecord",
    "PartRecord",
    "PeakRecord",
    "RooflineRecord",
    "TimeRecord",
    "build_design",
    "compare_calls",
    "compare_latency",
    "draft",
    "example_inputs",
    "field_table",
    "format_table",
    "latency",
    "layer_table",
    "macs_table",
    "measure_machine",
    "memory_table",
    "parameter_table",
    "part_table",
    "peak_memory",
    "roofline",
    "time_table",
]
