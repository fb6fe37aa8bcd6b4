"""What a network costs, in four currencies: parameters, multiply-accumulates, memory, time.

Each function takes any ``torch.nn.Module`` and gives plain frozen records; ``format_table`` prints them. Without
``inputs`` they use a blank observation of the game.
"""

from territory.profiling.design import NetworkDesign, build_design, draft
from territory.profiling.inputs import example_inputs
from territory.profiling.macs import MacsRecord, macs_table
from territory.profiling.memory import MemoryRecord, PeakRecord, memory_table, peak_memory
from territory.profiling.receptive_field import FieldRecord, field_table
from territory.profiling.tables import (
    LayerRecord,
    Machine,
    ParameterRecord,
    PartRecord,
    RooflineRecord,
    format_table,
    layer_table,
    measure_machine,
    parameter_table,
    part_table,
    roofline,
)
from territory.profiling.times import LatencyRecord, TimeRecord, compare_calls, compare_latency, latency, time_table

__all__ = ["NetworkDesign", "build_design", "draft"]
__all__ += ["example_inputs"]
__all__ += ["MacsRecord", "macs_table"]
__all__ += ["MemoryRecord", "PeakRecord", "memory_table", "peak_memory"]
__all__ += ["FieldRecord", "field_table"]
__all__ += ["Machine", "RooflineRecord", "measure_machine", "roofline"]
__all__ += ["LayerRecord", "ParameterRecord", "PartRecord", "format_table", "layer_table", "parameter_table"]
__all__ += ["part_table"]
__all__ += ["LatencyRecord", "TimeRecord", "compare_calls", "compare_latency", "latency", "time_table"]
